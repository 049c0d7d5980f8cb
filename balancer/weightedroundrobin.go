package balancer

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(WeightedRoundRobin{}) }

// WeightedRoundRobin is `round_robin` with the weights of the backends written
// in one place. It picks the same way.
//
// Caddyfile:
//
//	lb_policy weighted_round_robin [<weights...>]
//
// JSON:
//
//	{"policy": "weighted_round_robin", "weights": [5, 1, 1]}
type WeightedRoundRobin struct {
	// The weights of the configured backends, in their order, each 0 to 1000.
	// There must not be more weights than backends; a backend without a
	// weight here has its own, or 1. A backend that sets its own weight keeps
	// it. At least one weight must be positive, if there are any.
	//
	// A backend of weight 0 takes no new requests, as if it were drained. It
	// stays in the pool, is health-checked, and takes requests, with a weight
	// of 1, once it is made ready through the admin API.
	//
	// Default: none; all backends have their own weights.
	Weights []int `json:"weights,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (WeightedRoundRobin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "weighted_round_robin",
		New: func() caddy.Module { return new(WeightedRoundRobin) },
	}
}

// UnmarshalCaddyfile parses `weighted_round_robin [<weights...>]`.
func (p *WeightedRoundRobin) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	for d.NextArg() {
		weight, err := strconv.Atoi(d.Val())
		if err != nil {
			return d.Errf("weight %q is not a number", d.Val())
		}
		if err := checkWeight(weight); err != nil {
			return d.WrapErr(err)
		}
		p.Weights = append(p.Weights, weight)
	}
	return endOfOptions(d)
}

// Validate checks the weights.
func (p *WeightedRoundRobin) Validate() error {
	sum := 0
	for i, weight := range p.Weights {
		if err := checkWeight(weight); err != nil {
			return fmt.Errorf("weights[%d]: %w", i, err)
		}
		sum += weight
	}
	if len(p.Weights) > 0 && sum == 0 {
		return errNoWeight
	}
	return nil
}

// BackendWeights implements Weigher.
func (p *WeightedRoundRobin) BackendWeights() []int { return p.Weights }

// NewPicker implements pool.Policy.
func (*WeightedRoundRobin) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return newRotation(members, prev)
}

var errNoWeight = errors.New("weighted_round_robin needs a backend with a positive weight")

func checkWeight(weight int) error {
	if weight < 0 || weight > config.MaxWeight {
		return fmt.Errorf("weight %d is not within 0 to %d", weight, config.MaxWeight)
	}
	return nil
}

// Interface guards
var (
	_ Policy                = (*WeightedRoundRobin)(nil)
	_ Weigher               = (*WeightedRoundRobin)(nil)
	_ caddy.Validator       = (*WeightedRoundRobin)(nil)
	_ caddyfile.Unmarshaler = (*WeightedRoundRobin)(nil)
)
