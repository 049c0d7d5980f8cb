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
	var revision uint64
	err = c.commit(func() error {
		revision = p.Snapshot().Revision
		opt, err := c.options(revision)
		if err != nil {
			return err
		}
		added, err := p.Add(spec, opt)
		spec = added
		return err
	})
	if err != nil {
		return nil, err
	}
	revision++
	c.entry.done(revision, nil, settingsOf(spec))
	c.awaitFirstChecks(p, spec.ID)
	ans := showChanged(p, spec, revision)
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
	var was pool.Spec
	var revision uint64
	err = c.commit(func() error {
		old, rev, err := findBackend(p, c.id)
		if err != nil {
			return err
		}
		was, revision = old.Spec, rev
		opt, err := c.options(rev)
		if err != nil {
			return err
		}
		return p.Patch(c.id, patch, opt)
	})
	if err != nil {
		return nil, err
	}
	is := patch.Apply(was)
	before, after := settingsOf(was).differences(settingsOf(is))
	if before != nil {
		revision++
	}
	c.entry.done(revision, before, after)
	if was.Address != is.Address {
		c.awaitFirstChecks(p, c.id)
	}
	return showChanged(p, is, revision), nil
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
	return c.remove(p, func() (pool.Spec, uint64, error) {
		v, revision, err := findBackend(p, c.id)
		return v.Spec, revision, err
	})
}

// remove removes the backend that find finds.
func (c *call) remove(p *pool.Pool, find func() (pool.Spec, uint64, error)) (*answer, error) {
	var was pool.Spec
	var revision uint64
	err := c.commit(func() error {
		var err error
		if was, revision, err = find(); err != nil {
			return err
		}
		c.entry.backend = was.ID
		opt, err := c.options(revision)
		if err != nil {
			return err
		}
		return p.Remove(was.ID, opt)
	})
	if err != nil {
		return nil, err
	}
	revision++
	c.entry.done(revision, settingsOf(was), nil)
	return &answer{status: http.StatusNoContent, revision: revision, tagged: true}, nil
}

// begin reads what all changes of a pool have in common.
func (c *call) begin() (*pool.Pool, error) {
	if _, err := c.readQuery(); err != nil {
		return nil, err
	}
	return c.findPool()
}
