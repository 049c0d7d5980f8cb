package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// call is one request on its way to an answer.
type call struct {
	api   *API
	w     http.ResponseWriter
	r     *http.Request
	pool  string // in the path; "" on the shortcut
	id    string // in the path
	force bool
	// dryRun has nothing changed but found out what would be
	dryRun bool
	match  ifMatch
	entry  entry // for the log
}

// answer is what a call amounts to.
type answer struct {
	status   int // 200 if zero
	body     any // nil: none
	revision uint64
	tagged   bool // the revision is shown as the ETag
	location string
	stream   func() // writes server-sent events in place of a body
}

// serve answers a request, an error included. Caddy's own way of answering
// errors has no room for a code, so it is never asked to.
func (a *API) serve(w http.ResponseWriter, r *http.Request) error {
	c := &call{api: a, w: w, r: r}
	ans, err := c.answer()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		f := asFailure(err)
		c.logRefused(f, err)
		if f.allow != "" {
			h.Set("Allow", f.allow)
		}
		return c.send(f.status, f)
	}
	c.logDone()
	if ans.tagged {
		h.Set("ETag", etag(ans.revision))
	}
	if ans.location != "" {
		h.Set("Location", ans.location)
	}
	if ans.stream != nil {
		h.Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		ans.stream()
		return nil
	}
	if ans.body == nil {
		w.WriteHeader(ans.status)
		return nil
	}
	return c.send(max(ans.status, http.StatusOK), ans.body)
}

// answer finds out who is to answer, and has it do so.
func (c *call) answer() (*answer, error) {
	segments, f := parsePath(c.r.URL.EscapedPath())
	if f != nil {
		return nil, f
	}
	route, poolName, id, f := find(segments)
	if f != nil {
		return nil, f
	}
	if c.r.Method == http.MethodOptions {
		c.w.Header().Set("Allow", route.allow())
		return &answer{status: http.StatusNoContent}, nil
	}
	handle := route.handler(c.r.Method)
	if handle == nil {
		f := refuse(http.StatusMethodNotAllowed, codeMethodNotAllowed, "method %.20q is not allowed here; allowed are %s", c.r.Method, route.allow())
		f.allow = route.allow()
		return nil, f
	}
	c.pool, c.id, c.entry.pool = poolName, id, poolName
	if c.match, f = parseIfMatch(c.r.Header.Values("If-Match")); f != nil {
		return nil, f
	}
	return handle(c)
}

// liftReadLimit is for answers that take their time: Caddy limits how long its
// admin endpoint reads a request, and whoever is waited for would be taken to
// have left when that is over.
func (c *call) liftReadLimit() {
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
}

// send writes a JSON document.
func (c *call) send(status int, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // no browser takes it for HTML: see nosniff
	if err := enc.Encode(v); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	// a client that has gone does not want to hear of an error
	_, _ = c.w.Write(body.Bytes())
	return nil
}

// findPool returns the pool that the path names, or the only one.
func (c *call) findPool() (*pool.Pool, error) {
	if c.pool == "" {
		return c.onlyPool()
	}
	p, ok := c.api.registry.Lookup(c.pool)
	if !ok {
		return nil, refuse(http.StatusNotFound, pool.CodeUnknownPool, "there is no pool %q", c.pool)
	}
	return p, nil
}

// onlyPool returns the pool if there is exactly one.
func (c *call) onlyPool() (*pool.Pool, error) {
	pools := c.api.registry.Pools()
	switch len(pools) {
	case 0:
		return nil, refuse(http.StatusNotFound, pool.CodeUnknownPool, "there is no pool")
	case 1:
		c.entry.pool = pools[0].Name()
		return pools[0], nil
	}
	f := refuse(http.StatusConflict, codeAmbiguousPool, "")
	for _, p := range pools {
		f.Pools = append(f.Pools, p.Name())
	}
	f.Message = "there are several pools; name one of them, as in " + root + "/pools/{pool}/backends: " + list(f.Pools)
	return nil, f
}

// findBackend returns the state of a backend, and the pool's revision.
func findBackend(p *pool.Pool, id string) (pool.BackendView, uint64, error) {
	v, revision, ok := p.ViewBackend(id)
	if !ok {
		return v, 0, noBackend(p, id)
	}
	return v, revision, nil
}

// noBackend says that the pool has no backend with the id.
func noBackend(p *pool.Pool, id string) error {
	if canonical, other := canonicalID(id); other {
		return refuse(http.StatusBadRequest, codeNotCanonical, "id %q is not how an address is spelled in ids; that is %q", id, canonical)
	}
	return refuse(http.StatusNotFound, pool.CodeUnknownBackend, "pool %q has no backend %q", p.Name(), id)
}
