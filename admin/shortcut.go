package admin

import (
	"net/http"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// removeNamed removes, from the only pool, the backend that the query or the
// body names by its id or its address.
func removeNamed(c *call) (*answer, error) {
	c.entry.action = actionRemove
	params, err := c.readQuery("id", "address")
	if err != nil {
		return nil, err
	}
	p, err := c.findPool()
	if err != nil {
		return nil, err
	}
	id, byID := params["id"]
	address, byAddress := params["address"]
	if !byID && !byAddress {
		if !c.hasBody() {
			return nil, refuse(http.StatusBadRequest, codeMissingField, "id or address is required, in the query or in a JSON object")
		}
		return c.removeInBody(p)
	}
	if byID && byAddress {
		return nil, refuse(http.StatusBadRequest, codeBadQuery, "id and address exclude each other")
	}
	if err := c.expectNoBody(); err != nil {
		return nil, err
	}
	if byID {
		if err := config.CheckID(id); err != nil {
			return nil, refuse(http.StatusBadRequest, codeBadQuery, "%v", err)
		}
		return c.removeID(p, id)
	}
	addr, err := config.ParseAddress(address)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeBadQuery, "%v", err)
	}
	return c.removeAddress(p, addr)
}

// removeInBody removes the backend that the body, `{"address": …}` or
// `{"id": …}`, names.
func (c *call) removeInBody(p *pool.Pool) (*answer, error) {
	v, err := c.readJSON()
	if err != nil {
		return nil, err
	}
	obj, ok := v.(*object)
	if !ok {
		return nil, refuse(http.StatusBadRequest, codeBadJSON, "expected an object with address or id, got %s", describe(v))
	}
	var in input
	for _, name := range obj.names {
		if name != "id" && name != "address" {
			return nil, refuseField(codeUnknownField, name, "unknown field; known are address, id")
		}
		if err := setters[name](&in, obj.values[name]); err != nil {
			return nil, refuseField(codeBadField+name, name, "%v", err)
		}
	}
	switch {
	case in.id != nil && in.address != nil:
		return nil, refuse(http.StatusBadRequest, codeBadJSON, "id and address exclude each other")
	case in.id != nil:
		return c.removeID(p, *in.id)
	case in.address != nil:
		return c.removeAddress(p, *in.address)
	}
	return nil, refuseField(codeMissingField, "address", "or id is required")
}

func (c *call) removeID(p *pool.Pool, id string) (*answer, error) {
	c.entry.backend = id
	return c.remove(p, func(m *pool.Mutation) (pool.Spec, error) {
		spec, ok := m.Find(id)
		if !ok {
			return spec, noBackend(p, id)
		}
		return spec, nil
	})
}

func (c *call) removeAddress(p *pool.Pool, addr config.Address) (*answer, error) {
	c.entry.backend = addr.String()
	return c.remove(p, func(m *pool.Mutation) (pool.Spec, error) {
		spec, ok := m.FindAddress(addr)
		if !ok {
			return spec, refuse(http.StatusNotFound, pool.CodeUnknownBackend, "pool %q has no backend with the address %q", p.Name(), addr)
		}
		return spec, nil
	})
}
