package admin

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
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
	var was pool.View
	var specs []pool.Spec
	err = c.commit(func() error {
		was = p.View()
		opt, err := c.options(was.Revision)
		if err != nil {
			return err
		}
		specs = inputs.identify(was.Backends)
		return p.Replace(specs, opt)
	})
	if err != nil {
		return nil, err
	}
	before, after, started := compare(was.Backends, specs)
	revision := was.Revision
	if len(before)+len(after) > 0 {
		revision++
	}
	c.entry.done(revision, before, after)
	c.awaitFirstChecks(p, started...)
	v := p.View()
	return &answer{body: wireBackends(v.Backends), revision: v.Revision, tagged: true}, nil
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
func (s *set) identify(now []pool.BackendView) []pool.Spec {
	at := make(map[config.Address]string, len(now))
	for i := range now {
		at[now[i].Address] = now[i].ID
	}
	specs := slices.Clone(s.specs)
	for i := range specs {
		if id, taken := at[specs[i].Address]; taken && !s.named[i] && !s.ids[id] {
			specs[i].ID = id
		}
	}
	return specs
}

// compare returns what differs between the backends before and after, and the
// ids of those that are new servers.
func compare(was []pool.BackendView, is []pool.Spec) (before, after []*settings, started []string) {
	old := make(map[string]pool.Spec, len(was))
	for i := range was {
		old[was[i].ID] = was[i].Spec
	}
	kept := make(map[string]bool, len(is))
	for _, spec := range is {
		kept[spec.ID] = true
		prev, existed := old[spec.ID]
		if !existed {
			after = append(after, settingsOf(spec))
		} else if b, a := settingsOf(prev).differences(settingsOf(spec)); b != nil {
			b.ID, a.ID = spec.ID, spec.ID
			before, after = append(before, b), append(after, a)
		}
		if !existed || prev.Address != spec.Address {
			started = append(started, spec.ID)
		}
	}
	for i := range was {
		if !kept[was[i].ID] {
			before = append(before, settingsOf(was[i].Spec))
		}
	}
	return before, after, started
}
