package balancer

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(Random{}) }

// Random picks a backend at random, each with a probability in proportion to
// its weight. If that one is full, or the request has been there before, it
// draws again among the others.
//
// Caddyfile:
//
//	lb_policy random
//
// JSON:
//
//	{"policy": "random"}
type Random struct{}

// CaddyModule returns the Caddy module information.
func (Random) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "random",
		New: func() caddy.Module { return new(Random) },
	}
}

// UnmarshalCaddyfile parses `random`.
func (*Random) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return withoutOptions(d) }

// NewPicker implements pool.Policy.
func (Random) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	if before, ok := prev.(*lottery); ok && sameWeights(before.members, members) {
		return &lottery{members, before.line}
	}
	return &lottery{members, newLine(members)}
}

// lottery draws members at random.
type lottery struct {
	members []*pool.Member
	line    *line
}

// Pick implements pool.Picker.
func (l *lottery) Pick(q *pool.Request) *pool.Member {
	i := l.line.at(uniform(q, l.line.length))
	if m := l.members[i]; q.Take(m) {
		return m
	}
	return l.pickAnother(q, i)
}

// pickAnother picks for a request that member i has refused.
func (l *lottery) pickAnother(q *pool.Request, i int) *pool.Member {
	s := sample{line: l.line}
	s.take(i)
	for s.more() {
		if m := l.members[s.draw(q)]; q.Take(m) {
			return m
		}
	}
	if s.count == len(l.members) {
		return nil
	}
	return offerShuffled(q, l.members)
}

// Rehearse implements pool.Rehearser: chance has no memory.
func (l *lottery) Rehearse() pool.Rehearsal { return l }

// Explain implements pool.Rehearsal.
func (l *lottery) Explain(_ *pool.Request, chosen *pool.Member) pool.Account {
	list := standings(l.members, chosen, func(*pool.Member) string { return notDrawn })
	shareByWeight(list, l.members)
	return pool.Account{Reason: "drawn by chance, as weights say; the next draw may differ", ByChance: true, Members: list}
}

const notDrawn = "not drawn this time"

// Interface guards
var (
	_ pool.Rehearser        = (*lottery)(nil)
	_ Policy                = (*Random)(nil)
	_ caddyfile.Unmarshaler = (*Random)(nil)
)
