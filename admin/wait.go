package admin

import (
	"maps"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// firstCheckWait is how long an answer is put off for the first health checks
// of backends that it brought in. A server nearby is checked within that, so
// that it takes requests when the client hears of its success.
const firstCheckWait = 100 * time.Millisecond

// awaitFirstChecks returns once each of the backends takes requests, or it is
// known why it does not; at the latest after firstCheckWait.
func (c *call) awaitFirstChecks(p *pool.Pool, ids ...string) {
	waiting := make(map[string]bool, len(ids))
	for _, id := range ids {
		waiting[id] = true
	}
	limit := time.NewTimer(firstCheckWait)
	defer limit.Stop()
	for {
		// what requests see is the snapshot; it comes before the look at
		// health, so that a change after the look replaces it
		snap := p.Snapshot()
		for _, m := range snap.Members {
			if m.Accepting || m.Spec.AdminState != pool.Ready {
				delete(waiting, m.Spec.ID)
			}
		}
		if len(waiting) > 0 {
			forgetDown(waiting, p.View())
		}
		if len(waiting) == 0 {
			return
		}
		select {
		case <-snap.Replaced:
		case <-limit.C:
			return
		case <-c.r.Context().Done():
			return
		}
	}
}

// forgetDown deletes those backends that failed their check or have gone.
func forgetDown(waiting map[string]bool, v pool.View) {
	undecided := make(map[string]bool, len(waiting))
	for i := range v.Backends {
		if b := &v.Backends[i]; waiting[b.ID] && b.Health != pool.Down {
			undecided[b.ID] = true
		}
	}
	maps.DeleteFunc(waiting, func(id string, _ bool) bool { return !undecided[id] })
}
