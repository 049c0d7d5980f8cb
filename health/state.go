package health

import "github.com/caddy-loadbalance/caddy-loadbalance/pool"

// state is what the probes of one backend amount to so far.
//
// A backend which nothing is known of yet is up with its first probe that
// passes, however many `passes` are asked for: these guard against a backend
// that was seen failing. It is down, like one that is up, after `fails` probes
// in a row have failed. One that is down is up after `passes` in a row have
// passed. Any probe to the contrary starts the count anew.
type state struct {
	health pool.Health
	streak int // latest probes in a row which speak against health
}

// unknown is the state before the first probe.
var unknown = state{health: pool.Unknown}

// next returns the state after one more probe, and whether the health differs.
// Fewer than one pass or fail to be seen in a row counts as one.
func (s state) next(passed bool, passes, fails int) (state, bool) {
	if passed && s.health == pool.Unknown {
		return state{health: pool.Up}, true
	}
	needed, other := fails, pool.Down
	if s.health == pool.Down {
		needed, other = passes, pool.Up
	}
	if agrees := passed == (s.health == pool.Up); agrees && s.health != pool.Unknown {
		return state{health: s.health}, false
	}
	if s.streak+1 >= needed {
		return state{health: other}, true
	}
	s.streak++
	return s, false
}
