package admin

import (
	"net/http"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// addBackend adds one backend.
func addBackend(c *call) (*answer, error) {
	c.entry.action = actionAdd
	p, err := c.begin()
	if err != nil {
		return nil, err
	}
	v, err := c.readJSON()
	if err != nil {
		return nil, err
	}
	in, err := parseBackend(v, "", toAdd)
	if err != nil {
		return nil, err
	}
	spec, err := in.spec()
	if err != nil {
		return nil, err
	}
	c.entry.backend = spec.ID
	result, err := c.change(p, nil, func(m *pool.Mutation) error { return m.Add(spec) })
	if err != nil {
		return nil, err
	}
	c.done(result)
	if c.dryRun {
		return wouldDo(result), nil
	}
	c.awaitFirstChecks(p, spec.ID)
	ans := showChanged(p, *result.Changes[0].After, result.Revision)
	ans.status, ans.location = http.StatusCreated, backendPath(p.Name(), spec.ID)
	return ans, nil
}

// patchBackend changes the fields of a backend that the body lists.
func patchBackend(c *call) (*answer, error) {
	c.entry.action, c.entry.backend = actionPatch, c.id
	p, err := c.begin()
	if err != nil {
		return nil, err
	}
	v, err := c.readJSON()
	if err != nil {
		return nil, err
	}
	in, err := parseBackend(v, "", toPatch)
	if err != nil {
		return nil, err
	}
	patch := in.patch()
	var spec pool.Spec
	result, err := c.change(p, c.exists(p), func(m *pool.Mutation) error {
		spec, _ = m.Find(c.id)
		return m.Patch(c.id, patch)
	})
	if err != nil {
		return nil, err
	}
	c.done(result)
	if c.dryRun {
		return wouldDo(result), nil
	}
	for _, d := range result.Changes {
		spec = *d.After
		if d.Before.Address != d.After.Address {
			c.awaitFirstChecks(p, c.id)
		}
	}
	return showChanged(p, spec, result.Revision), nil
}

// removeBackend removes the backend that the path names.
func removeBackend(c *call) (*answer, error) {
	c.entry.action, c.entry.backend = actionRemove, c.id
	p, err := c.begin()
	if err != nil {
		return nil, err
	}
	if err := c.expectNoBody(); err != nil {
		return nil, err
	}
	return c.removeID(p, c.id)
}

// remove removes the backend that find finds.
func (c *call) remove(p *pool.Pool, find func(*pool.Mutation) (pool.Spec, error)) (*answer, error) {
	look := func(m *pool.Mutation) error {
		spec, err := find(m)
		if err == nil {
			c.entry.backend = spec.ID
		}
		return err
	}
	result, err := c.change(p, look, func(m *pool.Mutation) error { return m.Remove(c.entry.backend) })
	if err != nil {
		return nil, err
	}
	c.done(result)
	if c.dryRun {
		return wouldDo(result), nil
	}
	return &answer{status: http.StatusNoContent, revision: result.Revision, tagged: true}, nil
}

// begin reads what all changes of a pool have in common.
func (c *call) begin() (*pool.Pool, error) {
	if _, err := c.readQuery(); err != nil {
		return nil, err
	}
	return c.findPool()
}
