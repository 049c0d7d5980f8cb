package command

import "time"

// The types below are what the commands read of the API's answers.

type statusAnswer struct {
	Pools []poolAnswer `json:"pools"`
}

type poolAnswer struct {
	Name      string          `json:"name"`
	Revision  uint64          `json:"revision"`
	Total     int             `json:"total"`
	Accepting int             `json:"accepting"`
	InFlight  int64           `json:"in_flight"`
	Tunnels   int64           `json:"tunnels"`
	Queued    int64           `json:"queued"`
	Queue     *queueAnswer    `json:"queue"`
	Retries   uint64          `json:"retries"`
	Refused   uint64          `json:"retries_refused"`
	Storage   *storageAnswer  `json:"storage"`
	Instances []instance      `json:"instances"`
	Backends  []backendAnswer `json:"backends"`
}

type storageAnswer struct {
	Status string `json:"status"` // ok, failing or off
	Error  string `json:"error"`
}

// instance is a process that shares the storage.
type instance struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Seen    time.Time `json:"seen"`
	Current bool      `json:"current"`
	Self    bool      `json:"self"`
}

// queueAnswer has times in milliseconds.
type queueAnswer struct {
	Size     int     `json:"size"`
	Longest  float64 `json:"longest"`
	Wait     float64 `json:"wait"`
	Served   uint64  `json:"served"`
	TimedOut uint64  `json:"timed_out"`
	Left     uint64  `json:"left"`
	Refused  uint64  `json:"refused"`
}

type backendAnswer struct {
	ID              string     `json:"id"`
	Address         string     `json:"address"`
	Weight          int        `json:"weight"`
	Priority        int        `json:"priority"`
	MaxRequests     int        `json:"max_requests"`
	AdminState      string     `json:"admin_state"`
	State           string     `json:"state"`
	Accepting       bool       `json:"accepting"`
	Reason          string     `json:"reason"`
	InFlight        int64      `json:"in_flight"`
	Tunnels         int64      `json:"tunnels"`
	Queued          int64      `json:"queued"`
	Requests        uint64     `json:"requests"`
	Failures        uint64     `json:"failures"`
	Latency         float64    `json:"latency"` // ms
	LastCheck       *check     `json:"last_check"`
	EjectedUntil    *time.Time `json:"ejected_until"`
	EffectiveWeight float64    `json:"effective_weight"`
	SlowStartUntil  *time.Time `json:"slow_start_until"`
	LastSession     *time.Time `json:"last_session"`
	Since           time.Time  `json:"since"`
	Drain           *drain     `json:"drain"`
}

// drain is how far a drain has come.
type drain struct {
	Deadline   *time.Time `json:"deadline"`
	Then       string     `json:"then"`
	Done       bool       `json:"done"`
	WaitingFor string     `json:"waiting_for"`
}

type check struct {
	At time.Time `json:"at"`
	OK bool      `json:"ok"`
}
