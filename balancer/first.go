package balancer

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(First{}) }

// First picks the first backend, in the order of the configuration, that
// accepts and is not full. The others stand by: one fails over to the next, or
// fills up before the next is used. Weights have no effect, as there are no
// shares; but one that starts slowly gets only the part of the requests that it
// is due, at random. Backends added at runtime come last.
//
// Caddyfile:
//
//	lb_policy first
//
// JSON:
//
//	{"policy": "first"}
type First struct{}

// CaddyModule returns the Caddy module information.
func (First) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "first",
		New: func() caddy.Module { return new(First) },
	}
}

// UnmarshalCaddyfile parses `first`.
func (*First) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return withoutOptions(d) }

// NewPicker implements pool.Policy.
func (First) NewPicker(members []*pool.Member, _ pool.Picker) pool.Picker {
	for _, m := range members {
		if part, of := m.Ramp(); part < of {
			return inOrderSlowly(members)
		}
	}
	return inOrder(members)
}

type inOrder []*pool.Member

// Pick implements pool.Picker.
func (members inOrder) Pick(q *pool.Request) *pool.Member { return offerFrom(q, members, 0) }

// inOrderSlowly is the picker for members of which some start slowly. It offers
// the request to all of them if those that are due refuse.
type inOrderSlowly []*pool.Member

// Pick implements pool.Picker.
func (members inOrderSlowly) Pick(q *pool.Request) *pool.Member {
	for _, m := range members {
		part, of := m.Ramp()
		if part < of && uniform(q, uint64(of)) >= uint64(part) {
			continue
		}
		if q.Take(m) {
			return m
		}
	}
	return offerFrom(q, members, 0)
}

// Rehearse implements pool.Rehearser.
func (members inOrder) Rehearse() pool.Rehearsal { return members }

// Explain implements pool.Rehearsal.
func (members inOrder) Explain(_ *pool.Request, chosen *pool.Member) pool.Account {
	return pool.Account{Reason: "the first that has room", Members: standings(members, chosen, behind(chosen))}
}

// behind says of a member that another comes before it.
func behind(chosen *pool.Member) func(*pool.Member) string {
	return func(*pool.Member) string { return fmt.Sprintf("comes behind %q, which has room", chosen.ID()) }
}

// Rehearse implements pool.Rehearser: chance has no memory.
func (members inOrderSlowly) Rehearse() pool.Rehearsal { return members }

// Explain implements pool.Rehearsal.
func (members inOrderSlowly) Explain(q *pool.Request, chosen *pool.Member) pool.Account {
	list := standings(members, chosen, func(m *pool.Member) string {
		if m.Index < chosen.Index {
			return "comes before, but is not due this one"
		}
		return behind(chosen)(m)
	})
	shareByDraws(list, q, members.Pick)
	return pool.Account{
		Reason:   "the first that has room and is due a request; while one starts slowly, that is partly up to chance",
		ByChance: true, Members: list,
	}
}

// Interface guards
var (
	_ pool.Rehearser        = inOrder(nil)
	_ pool.Rehearser        = inOrderSlowly(nil)
	_ Policy                = (*First)(nil)
	_ caddyfile.Unmarshaler = (*First)(nil)
)
