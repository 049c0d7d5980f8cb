package admin

import (
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// The types below are what the API shows, and docs/openapi.yaml describes. What
// they do not name, such as bodies and headers of probes, is never shown.

// statusJSON is all there is.
type statusJSON struct {
	Pools []poolJSON `json:"pools"`
}

// poolJSON is a pool. Numbers of requests are sums over its backends.
type poolJSON struct {
	Name      string       `json:"name"`
	Revision  uint64       `json:"revision"`
	Total     int          `json:"total"`     // backends
	Accepting int          `json:"accepting"` // of them
	InFlight  int64        `json:"in_flight"`
	Tunnels   int64        `json:"tunnels"`
	Queued    int64        `json:"queued"`
	Queue     *queueJSON   `json:"queue,omitempty"` // nil: there is none
	Retries   uint64       `json:"retries"`
	Refused   uint64       `json:"retries_refused"` // by the retry budget
	Storage   *storageJSON `json:"storage"`

	Instances []instanceJSON `json:"instances,omitempty"`
	Backends  []backendJSON  `json:"backends,omitzero"` // nil: not shown
}

// queueJSON is the queue of a pool. Times are in milliseconds.
type queueJSON struct {
	Size     int     `json:"size"`
	Timeout  float64 `json:"timeout"`
	Longest  float64 `json:"longest"`
	Wait     float64 `json:"wait"`
	Waited   uint64  `json:"waited"`
	Served   uint64  `json:"served"`
	TimedOut uint64  `json:"timed_out"`
	Left     uint64  `json:"left"`
	Refused  uint64  `json:"refused"`
}

// backendJSON is a backend: first what can be set, then what can only be read.
type backendJSON struct {
	ID          string            `json:"id"`
	Address     string            `json:"address"`
	Weight      int               `json:"weight"`
	Priority    int               `json:"priority"`
	MaxRequests int               `json:"max_requests"` // 0: no limit
	AdminState  pool.AdminState   `json:"admin_state"`
	Labels      map[string]string `json:"labels"`

	Source       pool.Source `json:"source"`
	State        string      `json:"state"`
	Health       pool.Health `json:"health"`
	Accepting    bool        `json:"accepting"`
	Reason       string      `json:"reason,omitempty"`
	Drain        *drainJSON  `json:"drain,omitempty"` // while it drains
	InFlight     int64       `json:"in_flight"`
	Tunnels      int64       `json:"tunnels"`
	Queued       int64       `json:"queued"`
	Requests     uint64      `json:"requests"`
	Failures     uint64      `json:"failures"`
	Latency      float64     `json:"latency,omitempty"`      // ms
	PeakLatency  float64     `json:"peak_latency,omitempty"` // ms
	LastCheck    *checkJSON  `json:"last_check,omitempty"`
	LastSession  *time.Time  `json:"last_session,omitempty"`
	EjectedUntil *time.Time  `json:"ejected_until,omitempty"`
	Ejections    int         `json:"ejections,omitempty"` // in a row

	EffectiveWeight float64    `json:"effective_weight,omitempty"` // while it starts slowly
	SlowStartUntil  *time.Time `json:"slow_start_until,omitempty"`

	Since time.Time `json:"since"`
}

// checkJSON is the result of the last probe.
type checkJSON struct {
	At       time.Time `json:"at"`
	Duration float64   `json:"duration"` // ms
	OK       bool      `json:"ok"`
	Text     string    `json:"text"`
}

func wireBackend(v pool.BackendView) backendJSON {
	b := backendJSON{
		ID: v.ID, Address: v.Address.String(), Weight: v.Weight, Priority: v.Priority,
		MaxRequests: v.MaxRequests, AdminState: v.AdminState, Labels: v.Labels,
		Source: v.Source, State: v.State, Health: v.Health, Accepting: v.Accepting, Reason: v.Reason,
		InFlight: v.InFlight, Tunnels: v.Tunnels, Queued: v.Queued, Requests: v.Requests, Failures: v.Failures,
		Latency: milliseconds(v.Latency), PeakLatency: milliseconds(v.PeakLatency), Since: timestamp(v.Since),
		Ejections: v.Ejections, EffectiveWeight: v.EffectiveWeight,
	}
	if b.Labels == nil {
		b.Labels = map[string]string{}
	}
	if check := v.LastCheck; !check.At.IsZero() {
		b.LastCheck = &checkJSON{At: timestamp(check.At), Duration: milliseconds(check.Duration), OK: check.OK, Text: check.Text}
	}
	b.LastSession, b.Drain = optionalTime(v.LastSession), wireDrain(v)
	b.EjectedUntil, b.SlowStartUntil = optionalTime(v.EjectedUntil), optionalTime(v.SlowStartUntil)
	return b
}

func wireQueue(v pool.QueueView) *queueJSON {
	if v.Size == 0 {
		return nil
	}
	return &queueJSON{
		Size: v.Size, Timeout: milliseconds(v.Timeout),
		Longest: milliseconds(v.Longest), Wait: milliseconds(v.Wait),
		Waited: v.Waited, Served: v.Served, TimedOut: v.TimedOut, Left: v.Left, Refused: v.Refused,
	}
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = timestamp(t)
	return &t
}

func wireBackends(views []pool.BackendView) []backendJSON {
	list := make([]backendJSON, len(views))
	for i := range views {
		list[i] = wireBackend(views[i])
	}
	return list
}

// wirePool returns the pool as it was seen, with its backends if they are
// wanted.
func wirePool(from *pool.Pool, v pool.View, backends bool) poolJSON {
	p := poolJSON{
		Name: v.Name, Revision: v.Revision, Total: len(v.Backends),
		Retries: v.Retries, Refused: v.RetriesRefused,
	}
	for i := range v.Backends {
		b := &v.Backends[i]
		if b.Accepting {
			p.Accepting++
		}
		p.InFlight += b.InFlight
		p.Tunnels += b.Tunnels
	}
	p.Storage, p.Instances = wireStorage(from)
	p.Queued, p.Queue = v.Queue.Length, wireQueue(v.Queue)
	if backends {
		p.Backends = wireBackends(v.Backends)
	}
	return p
}

// milliseconds returns d with a resolution of a microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// timestamp returns t in UTC with a resolution of a millisecond.
func timestamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
