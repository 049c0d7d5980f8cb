package balancer

import (
	"fmt"
	"math/bits"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(RandomChoose{}) }

// RandomChoose draws a few different backends at random and picks the one of
// them with the least load. Two are enough to keep loads close together, and
// several load balancers in front of the same backends do not run after the
// same one, as they do with `least_conn`.
//
// A backend is drawn with a probability in proportion to its weight; loads are
// requests in flight / weight. Of those with the same load the one that was
// drawn first is picked.
//
// Caddyfile:
//
//	lb_policy random_choose <n>
//
// JSON:
//
//	{"policy": "random_choose", "choose": 2}
type RandomChoose struct {
	// How many backends are drawn, at least 2. More than there are means all
	// of them; more than 32 means 32. Default: 2.
	Choose int `json:"choose,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (RandomChoose) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "random_choose",
		New: func() caddy.Module { return new(RandomChoose) },
	}
}

// UnmarshalCaddyfile parses `random_choose <n>`.
func (p *RandomChoose) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	if !d.NextArg() {
		return d.ArgErr()
	}
	choose, err := strconv.Atoi(d.Val())
	if err != nil {
		return d.Errf("choose %q is not a number", d.Val())
	}
	if choose < 2 {
		return d.Errf("choose %d: must be at least 2", choose)
	}
	p.Choose = choose
	return endOfOptions(d)
}

// Provision sets the default.
func (p *RandomChoose) Provision(caddy.Context) error {
	if p.Choose == 0 {
		p.Choose = 2
	}
	return nil
}

// Validate checks the number.
func (p *RandomChoose) Validate() error {
	if p.Choose < 2 {
		return fmt.Errorf("choose %d: must be at least 2", p.Choose)
	}
	return nil
}

// NewPicker implements pool.Policy.
func (p *RandomChoose) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	next := &choice{members: members, choose: min(p.Choose, maxSample)}
	if before, ok := prev.(*choice); ok && sameWeights(before.members, members) {
		next.line = before.line
	} else {
		next.line = newLine(members)
	}
	return next
}

// choice draws members at random and picks the one with the least load.
type choice struct {
	members []*pool.Member
	line    *line
	choose  int
}

// Pick implements pool.Picker.
func (c *choice) Pick(q *pool.Request) *pool.Member {
	s := sample{line: c.line}
	var drawn [maxSample]uint32
	for s.more() {
		count := 0
		for count < c.choose && s.more() {
			if i := s.draw(q); !c.members[i].Full() {
				drawn[count] = uint32(i)
				count++
			}
		}
		if m := c.pickFrom(q, drawn[:count]); m != nil {
			return m
		}
	}
	if s.count == len(c.members) {
		return nil
	}
	return offerShuffled(q, c.members)
}

// pickFrom picks among the members drawn, by their load. It uses up the list.
func (c *choice) pickFrom(q *pool.Request, drawn []uint32) *pool.Member {
	for len(drawn) > 0 {
		best := 0
		for i := 1; i < len(drawn); i++ {
			if lighter(c.members[drawn[i]], c.members[drawn[best]]) {
				best = i
			}
		}
		if m := c.members[drawn[best]]; q.Take(m) {
			return m
		}
		copy(drawn[best:], drawn[best+1:])
		drawn = drawn[:len(drawn)-1]
	}
	return nil
}

// lighter compares requests in flight / weight. The request to come is left
// out: with it, an idle backend of more weight would always win over one of
// less, which is drawn less often already.
func lighter(a, b *pool.Member) bool {
	leftHigh, left := bits.Mul64(uint64(max(a.InFlight(), 0)), uint64(b.Weight))
	rightHigh, right := bits.Mul64(uint64(max(b.InFlight(), 0)), uint64(a.Weight))
	return leftHigh < rightHigh || leftHigh == rightHigh && left < right
}

// Rehearse implements pool.Rehearser: chance has no memory.
func (c *choice) Rehearse() pool.Rehearsal { return c }

// Explain implements pool.Rehearsal.
func (c *choice) Explain(q *pool.Request, chosen *pool.Member) pool.Account {
	list := standings(c.members, chosen, func(m *pool.Member) string {
		if lighter(m, chosen) {
			return fmt.Sprintf("%s: %s", notDrawn, showLoad(m, 0))
		}
		return fmt.Sprintf("not drawn this time, or not with less load: %s, against %s", showLoad(m, 0), showLoad(chosen, 0))
	})
	shareByDraws(list, q, c.Pick)
	return pool.Account{
		Reason: fmt.Sprintf("the least load of %d that were drawn by chance: %s; the next draw may differ",
			min(c.choose, len(c.members)), showLoad(chosen, 0)),
		ByChance: true, Members: list,
	}
}

// Interface guards
var (
	_ pool.Rehearser        = (*choice)(nil)
	_ Policy                = (*RandomChoose)(nil)
	_ caddy.Provisioner     = (*RandomChoose)(nil)
	_ caddy.Validator       = (*RandomChoose)(nil)
	_ caddyfile.Unmarshaler = (*RandomChoose)(nil)
)
