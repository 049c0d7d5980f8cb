package admin

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// replaceBackends makes the pool consist of exactly the backends in the body.
func replaceBackends(c *call) (*answer, error) {
	c.entry.action = actionReplace
	p, err := c.begin()
	if err != nil {
		return nil, err
	}
	inputs, err := c.readSpecs()
	if err != nil {
		return nil, err
	}
	result, err := c.change(p, nil, func(m *pool.Mutation) error { return m.Replace(inputs.identify(m)) })
	if err != nil {
		return nil, err
	}
	done := report(result)
	before, after := done.forLog()
	c.entry.done(result.Revision, before, after)
	if c.dryRun {
		return wouldDo(result), nil
	}
	c.awaitFirstChecks(p, started(result)...)
	v := p.View()
	done.Revision, done.Backends = v.Revision, wireBackends(v.Backends)
	return &answer{body: done, revision: v.Revision, tagged: true}, nil
}

// started returns the ids of backends that are new servers.
func started(r pool.Result) []string {
	var ids []string
	for _, d := range r.Changes {
		if d.After != nil && (d.Before == nil || d.Before.Address != d.After.Address) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// set is the backends of a body.
type set struct {
	specs []pool.Spec
	named []bool          // which were sent with their id
	ids   map[string]bool // of those
}

func (c *call) readSpecs() (*set, error) {
	v, err := c.readJSON()
	if err != nil {
		return nil, err
	}
	values, ok := v.([]any)
	if !ok {
		return nil, refuse(http.StatusBadRequest, codeBadJSON, "expected an array of backends, got %s", describe(v))
	}
	s := &set{specs: make([]pool.Spec, len(values)), named: make([]bool, len(values)), ids: make(map[string]bool)}
	for i, value := range values {
		in, err := parseBackend(value, fmt.Sprintf("[%d]", i), toReplace)
		if err != nil {
			return nil, err
		}
		if s.specs[i], err = in.spec(); err != nil {
			return nil, err
		}
		if s.named[i] = in.id != nil; s.named[i] {
			s.ids[*in.id] = true
		}
	}
	return s, nil
}

// identify returns the specs. Those that were sent without an id have that of
// the backend which is at their address now, so that it goes on as it is.
func (s *set) identify(m *pool.Mutation) []pool.Spec {
	specs := slices.Clone(s.specs)
	for i := range specs {
		if s.named[i] {
			continue
		}
		if now, taken := m.FindAddress(specs[i].Address); taken && !s.ids[now.ID] {
			specs[i].ID = now.ID
		}
	}
	return specs
}
