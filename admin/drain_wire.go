package admin

import (
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// drainJSON is how far the drain of a backend has come.
type drainJSON struct {
	Since       time.Time  `json:"since"`
	Deadline    *time.Time `json:"deadline,omitempty"`
	Then        pool.Then  `json:"then,omitempty"`
	InFlight    int64      `json:"in_flight"`
	Tunnels     int64      `json:"tunnels"`
	LastSession *time.Time `json:"last_session,omitempty"`
	Done        bool       `json:"done"`
	WaitingFor  string     `json:"waiting_for,omitempty"`
}

func wireDrain(v pool.BackendView) *drainJSON {
	d := v.Draining
	if d == nil {
		return nil
	}
	return &drainJSON{
		Since: timestamp(d.Since), Deadline: optionalTime(d.Deadline), Then: d.Then,
		InFlight: v.InFlight, Tunnels: v.Tunnels, LastSession: optionalTime(v.LastSession),
		Done: d.Done, WaitingFor: d.WaitingFor,
	}
}

// planJSON is what the log, and the report of a change, show of a drain that
// ends by itself.
type planJSON struct {
	Deadline *time.Time `json:"deadline,omitempty"`
	Then     pool.Then  `json:"then,omitempty"`
}

func planOf(s pool.Spec) *planJSON {
	if s.Drain.Deadline.IsZero() && s.Drain.Then == pool.StayDrained {
		return nil
	}
	return &planJSON{optionalTime(s.Drain.Deadline), s.Drain.Then}
}

// equal reports whether two plans, which may be nil, are the same.
func (p *planJSON) equal(o *planJSON) bool {
	if p == nil || o == nil {
		return p == o
	}
	same := p.Deadline == o.Deadline || p.Deadline != nil && o.Deadline != nil && p.Deadline.Equal(*o.Deadline)
	return same && p.Then == o.Then
}
