package admin

import (
	"net/http"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// change has the pool changed by do, if look finds what it needs and If-Match
// allows it. Nobody else changes the pool between the three. look may be nil.
// Both may be called more than once.
func (c *call) change(p *pool.Pool, look, do func(*pool.Mutation) error) (pool.Result, error) {
	opt := pool.Options{Force: c.force, DryRun: c.dryRun, By: "admin API, " + client(c.r)}
	return p.Mutate(opt, func(m *pool.Mutation) error {
		if look != nil {
			if err := look(m); err != nil {
				return err
			}
		}
		if revision := m.Revision(); !c.match.allows(revision) {
			return refuse(http.StatusPreconditionFailed, pool.CodeStaleRevision,
				"the revision is %s, which If-Match does not name; read it again", etag(revision))
		}
		return do(m)
	})
}

// exists looks for the backend that the path names.
func (c *call) exists(p *pool.Pool) func(*pool.Mutation) error {
	return func(m *pool.Mutation) error {
		if _, ok := m.Find(c.id); !ok {
			return noBackend(p, c.id)
		}
		return nil
	}
}

// done notes for the log what a change of one backend has changed.
func (c *call) done(r pool.Result) {
	var before, after any
	for _, d := range r.Changes {
		from, to := settingsBefore(d), settingsAfter(d)
		if from != nil && to != nil {
			from, to = from.differences(to)
		}
		before, after = from, to
	}
	c.entry.done(r.Revision, before, after)
}

// showChanged returns an answer that shows a backend after a change. revision
// is that of the change, in case the backend is gone again by now.
func showChanged(p *pool.Pool, spec pool.Spec, revision uint64) *answer {
	v, now, ok := p.ViewBackend(spec.ID)
	if !ok {
		v, now = pool.BackendView{Spec: spec, Health: pool.Unknown, Reason: "removed"}, revision
	}
	return &answer{body: wireBackend(v), revision: now, tagged: true}
}
