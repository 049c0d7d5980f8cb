package admin

import (
	"math"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// explanationJSON says what would become of a request.
type explanationJSON struct {
	Pool     string                 `json:"pool"`
	Revision uint64                 `json:"revision"`
	Policy   string                 `json:"policy"`
	Backend  *explainedJSON         `json:"backend"` // nil: none
	Reason   string                 `json:"reason"`
	ByChance bool                   `json:"by_chance"`
	Backends []explainedBackendJSON `json:"backends"`
}

// explainedJSON is the backend that would get the request.
type explainedJSON struct {
	ID      string `json:"id"`
	Address string `json:"address"`
}

// explainedBackendJSON is what a backend is to the request.
type explainedBackendJSON struct {
	ID       string   `json:"id"`
	Address  string   `json:"address"`
	State    string   `json:"state"`
	Chosen   bool     `json:"chosen"`
	Eligible bool     `json:"eligible"`
	Share    *float64 `json:"share,omitempty"` // nil: not known
	Reason   string   `json:"reason"`
}

// explain says which backend a request like that in the query would get now.
func explain(c *call) (*answer, error) {
	r, err := askedFor(c.r)
	if err != nil {
		return nil, err
	}
	p, err := c.findPool()
	if err != nil {
		return nil, err
	}
	e := p.Explain(r)
	return &answer{body: wireExplanation(e), revision: e.Revision, tagged: true}, nil
}

func wireExplanation(e pool.Explanation) explanationJSON {
	x := explanationJSON{
		Pool: e.Pool, Revision: e.Revision, Policy: e.Policy, Reason: e.Reason, ByChance: e.ByChance,
		Backends: make([]explainedBackendJSON, len(e.Backends)),
	}
	if e.Chosen != nil {
		x.Backend = &explainedJSON{ID: e.Chosen.ID, Address: e.Chosen.Address}
	}
	for i, b := range e.Backends {
		x.Backends[i] = explainedBackendJSON{
			ID: b.ID, Address: b.Address, State: b.State, Chosen: b.Chosen, Eligible: b.Eligible, Reason: b.Reason,
		}
		if b.Share >= 0 {
			share := math.Round(b.Share*10_000) / 10_000
			x.Backends[i].Share = &share
		}
	}
	return x
}
