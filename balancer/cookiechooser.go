package balancer

import (
	"fmt"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/sticky"
)

// cookieChooser finds the member that a request's cookie names.
type cookieChooser struct {
	policy *Cookie
	badges *sticky.Badges
	seats  []*pool.Member // by number in badges; nil if not there
	number []uint32       // in badges, of each member
}

// newCookieChooser makes a chooser, with the badges of the one before as far as
// they are the same.
func newCookieChooser(policy *Cookie, members []*pool.Member, before *cookieChooser) *cookieChooser {
	c := &cookieChooser{policy: policy}
	var known *sticky.Badges
	if before != nil && before.policy.Secret == policy.Secret {
		known = before.badges
		if c.badges = known; before.policy.sameCookies(policy) && c.seat(members) {
			return c
		}
	}
	backends := make([]*pool.Backend, len(members))
	for i, m := range members {
		backends[i] = m.Backend
	}
	c.badges = sticky.NewBadges([]byte(policy.Secret), appendAddress, backends, known)
	c.seat(members)
	return c
}

// appendAddress appends what reverse_proxy makes a cookie of: host and port, or
// the path of a unix socket in the form `unix//path`.
func appendAddress(b []byte, backend *pool.Backend) []byte {
	address := backend.Address()
	switch {
	case address.IsUnix():
		return append(append(b, "unix/"...), address.Host...)
	case address.Scheme == "" && address.Network == "":
		return append(b, backend.AddressText()...) // spelled out already
	}
	return append(b, address.HostPort()...)
}

// seat finds the members among the badges. It is not ok if they are in another
// order, or not all there; nor if they are less than half, so that what is long
// gone is not kept.
func (c *cookieChooser) seat(members []*pool.Member) (ok bool) {
	known := c.badges.Backends()
	if len(members) > len(known) || 2*len(members) < len(known) {
		return false
	}
	c.seats, c.number = make([]*pool.Member, len(known)), make([]uint32, len(members))
	number := 0
	for i, m := range members {
		for number < len(known) && known[number] != m.Backend {
			number++
		}
		if number == len(known) {
			return false
		}
		c.seats[number], c.number[i] = m, uint32(number)
		number++
	}
	return true
}

// choose implements chooser.
func (c *cookieChooser) choose(q *pool.Request) (m *pool.Member, decided bool) {
	if q.HTTP == nil {
		return nil, false
	}
	for value := range sticky.Values(q.HTTP.Header, c.policy.Name) {
		if m := c.lookup(value); m != nil && q.Take(m) {
			// an earlier attempt may have set one for another backend
			c.unset(q)
			return m, true
		}
	}
	return nil, false
}

// lookup returns the member that a cookie's value stands for, or nil.
func (c *cookieChooser) lookup(value string) *pool.Member {
	if n, ok := c.badges.Find(value, c.isSeated); ok {
		return c.seats[n]
	}
	return nil
}

func (c *cookieChooser) isSeated(number int) bool { return c.seats[number] != nil }

// settle implements chooser: it sets the cookie for what the fallback picked,
// in place of one that was set for an earlier attempt.
func (c *cookieChooser) settle(q *pool.Request, m *pool.Member) {
	c.unset(q)
	if m == nil || q.HTTP == nil || q.Writer == nil {
		return
	}
	sticky.Add(q.Writer.Header(), c.line(m, sticky.ClientUsesTLS(q.HTTP, false)))
}

// assign implements chooser: it sets the cookie for what the request was given,
// unless the client has that one already.
func (c *cookieChooser) assign(q *pool.Request, m *pool.Member) (decided bool) {
	if q.HTTP == nil {
		return false
	}
	for value := range sticky.Values(q.HTTP.Header, c.policy.Name) {
		if c.lookup(value) == m {
			c.unset(q)
			return true
		}
	}
	c.settle(q, m)
	return false
}

// Explain implements chooser.
func (c *cookieChooser) Explain(_ *pool.Request, chosen *pool.Member) pool.Account {
	members := make([]*pool.Member, len(c.number))
	for i, number := range c.number {
		members[i] = c.seats[number]
	}
	list := standings(members, chosen, func(*pool.Member) string {
		return fmt.Sprintf("the cookie %q stands for %q", c.policy.Name, chosen.ID())
	})
	return pool.Account{Reason: fmt.Sprintf("the cookie %q stands for it", c.policy.Name), Members: list}
}

// lacks implements chooser.
func (c *cookieChooser) lacks() string {
	return fmt.Sprintf("no cookie %q of a backend that has room", c.policy.Name)
}

// line returns the Set-Cookie field that names a member.
func (c *cookieChooser) line(m *pool.Member, secure bool) string {
	return c.badges.Line(int(c.number[m.Index]), secure, c.policy.line)
}

func (c *cookieChooser) unset(q *pool.Request) {
	if q.Writer != nil {
		sticky.Drop(q.Writer.Header(), c.policy.Name)
	}
}

// Interface guard
var _ chooser = (*cookieChooser)(nil)
