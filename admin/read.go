package admin

import "github.com/caddy-loadbalance/caddy-loadbalance/pool"

// showStatus shows everything.
func showStatus(c *call) (*answer, error) {
	if _, err := parseQuery(c.r.URL.RawQuery); err != nil {
		return nil, err
	}
	return &answer{body: statusJSON{Pools: c.wirePools(true)}}, nil
}

// showPools shows the pools without their backends.
func showPools(c *call) (*answer, error) {
	if _, err := parseQuery(c.r.URL.RawQuery); err != nil {
		return nil, err
	}
	return &answer{body: c.wirePools(false)}, nil
}

func (c *call) wirePools(backends bool) []poolJSON {
	pools := []poolJSON{}
	for _, p := range c.api.registry.Pools() {
		pools = append(pools, wirePool(p, p.View(), backends))
	}
	return pools
}

// showPool shows a pool with its backends.
func showPool(c *call) (*answer, error) {
	params, err := parseQuery(c.r.URL.RawQuery, "wait")
	if err != nil {
		return nil, err
	}
	p, err := c.findPool()
	if err != nil {
		return nil, err
	}
	if err := c.awaitInstances(p, params["wait"]); err != nil {
		return nil, err
	}
	v := p.View()
	return &answer{body: wirePool(p, v, true), revision: v.Revision, tagged: true}, nil
}

// showBackends shows the backends of a pool.
func showBackends(c *call) (*answer, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	return &answer{body: wireBackends(v.Backends), revision: v.Revision, tagged: true}, nil
}

func (c *call) view() (pool.View, error) {
	if _, err := parseQuery(c.r.URL.RawQuery); err != nil {
		return pool.View{}, err
	}
	p, err := c.findPool()
	if err != nil {
		return pool.View{}, err
	}
	return p.View(), nil
}

// showBackend shows one backend.
func showBackend(c *call) (*answer, error) {
	if _, err := parseQuery(c.r.URL.RawQuery); err != nil {
		return nil, err
	}
	p, err := c.findPool()
	if err != nil {
		return nil, err
	}
	v, revision, err := findBackend(p, c.id)
	if err != nil {
		return nil, err
	}
	return &answer{body: wireBackend(v), revision: revision, tagged: true}, nil
}
