package admin

import (
	"net/http"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// drainMoment is how long an answer is put off in any case for a drain that is
// about to end, as nothing is left to wait for.
const drainMoment = 100 * time.Millisecond

// awaitDrained returns the answer to the order to drain a backend: once the
// drain is done, or after wait. last is how the backend is known.
func (c *call) awaitDrained(p *pool.Pool, last pool.BackendView, revision uint64, wait time.Duration) (*answer, error) {
	c.liftReadLimit()
	limit := time.NewTimer(max(wait, drainMoment))
	defer limit.Stop()
	for {
		// before the look, so that what comes after it is told
		moved, snap := p.DrainMoved(), p.Snapshot()
		v, now, known := p.ViewBackend(c.id)
		if known {
			revision = now
		}
		if done, err := drainDone(v, known, last); done != nil || err != nil {
			return done.at(revision), err
		}
		last = v
		goesOn := (&answer{status: http.StatusAccepted, body: wireBackend(v)}).at(revision)
		if wait == 0 && !v.Draining.Ending {
			return goesOn, nil
		}
		select {
		case <-moved:
		case <-snap.Replaced:
		case <-limit.C:
			return goesOn, nil
		case <-c.api.done: // the endpoint is replaced
			return goesOn, nil
		case <-c.r.Context().Done():
			return goesOn, nil
		}
	}
}

func (a *answer) at(revision uint64) *answer {
	if a != nil {
		a.revision, a.tagged = revision, true
	}
	return a
}

// drainDone returns the answer to a drain that has come to its end, nil if it
// has not. The backend was as last before.
func drainDone(v pool.BackendView, known bool, last pool.BackendView) (*answer, error) {
	switch plan := last.Drain; {
	case !known:
		v = last
		v.Accepting, v.Reason = false, "removed"
		v.Draining = endOf(plan)
	case v.AdminState == pool.Drain && !v.Draining.Done:
		return nil, nil
	case v.AdminState == pool.Maintenance && plan.Then == pool.ThenMaintenance:
		v.Draining = endOf(plan)
	case v.AdminState != pool.Drain:
		return nil, refuse(http.StatusConflict, codeDrainCancelled, "the drain was cancelled: the admin_state of backend %q is %s now", v.ID, v.AdminState)
	}
	return &answer{body: wireBackend(v)}, nil
}

// endOf returns how a drain with the plan is shown once what follows was
// carried out.
func endOf(plan pool.DrainPlan) *pool.DrainView {
	return &pool.DrainView{Since: plan.Since, Deadline: plan.Deadline, Then: plan.Then, Done: true}
}
