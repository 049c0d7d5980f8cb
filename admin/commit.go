package admin

import (
	"net/http"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxAttempts is how often a change is tried while others get in before it.
// Each failed attempt is another change that succeeded.
const maxAttempts = 10000

// commit runs try until the pool has not changed between the moment that try
// looked at it and the change that it makes. So what was there before is known
// exactly, and a condition on the revision holds for exactly that.
func (c *call) commit(try func() error) error {
	for range maxAttempts {
		if err := try(); !hasCode(err, pool.CodeStaleRevision) {
			return err
		}
	}
	return refuse(http.StatusServiceUnavailable, codeBusy, "the pool is being changed too often; nothing was done")
}

// options returns the options of a change to a pool that was seen with the
// revision, unless If-Match forbids it.
func (c *call) options(revision uint64) (pool.Options, error) {
	if !c.match.allows(revision) {
		return pool.Options{}, refuse(http.StatusPreconditionFailed, pool.CodeStaleRevision,
			"the revision is %s, which If-Match does not name; read it again", etag(revision))
	}
	return pool.Options{IfMatch: &revision, Force: c.force, By: "admin API, " + client(c.r)}, nil
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
