package balancer

import (
	"encoding/hex"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// cookieChooser finds the member that a request's cookie names.
type cookieChooser struct {
	policy *Cookie
	badges *badges
	seats  []*pool.Member // by number in badges; nil if not there
	number []uint32       // in badges, of each member
}

// newCookieChooser makes a chooser, with the badges of the one before as far as
// they are the same.
func newCookieChooser(policy *Cookie, members []*pool.Member, before *cookieChooser) *cookieChooser {
	c := &cookieChooser{policy: policy}
	var known *badges
	if before != nil && before.policy.Secret == policy.Secret {
		known = before.badges
		if c.badges = known; before.policy.sameCookies(policy) && c.seat(members) {
			return c
		}
	}
	c.badges = newBadges(policy.Secret, members, known)
	c.seat(members)
	return c
}

// seat finds the members among the badges. It is not ok if they are in another
// order, or not all there; nor if they are less than half, so that what is long
// gone is not kept.
func (c *cookieChooser) seat(members []*pool.Member) (ok bool) {
	known := c.badges.backends
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
	for _, line := range q.HTTP.Header["Cookie"] {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			name, value, _ := strings.Cut(textproto.TrimString(part), "=")
			if name != c.policy.Name {
				continue
			}
			if m := c.lookup(value); m != nil && q.Take(m) {
				// an earlier attempt may have set one for another backend
				c.unset(q)
				return m, true
			}
		}
	}
	return nil, false
}

// lookup returns the member that a cookie's value stands for, or nil.
func (c *cookieChooser) lookup(value string) *pool.Member {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	var given mac
	if !given.decode(value) {
		return nil
	}
	return c.badges.find(&given, c.seats)
}

// settle implements chooser: it sets the cookie for what the fallback picked,
// in place of one that was set for an earlier attempt.
func (c *cookieChooser) settle(q *pool.Request, m *pool.Member) {
	c.unset(q)
	if m == nil || q.HTTP == nil || q.Writer == nil {
		return
	}
	h := q.Writer.Header()
	h[setCookie] = append(h[setCookie], c.line(m, clientUsesTLS(q.HTTP)))
}

// line returns the Set-Cookie field that names a member.
func (c *cookieChooser) line(m *pool.Member, secure bool) string {
	badge := &c.badges.list[c.number[m.Index]]
	made := &badge.lines[0]
	if secure {
		made = &badge.lines[1]
	}
	if line := made.Load(); line != nil {
		return *line
	}
	line := c.policy.cookieFor(secure, hex.EncodeToString(badge.mac[:])).String()
	made.Store(&line)
	return line
}

func (c *cookieChooser) unset(q *pool.Request) {
	if q.Writer != nil {
		dropCookie(q.Writer.Header(), c.policy.Name)
	}
}

// clientUsesTLS reports whether the client's connection is encrypted, as far as
// this server or a trusted proxy in front of it knows.
func clientUsesTLS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	trusted, ok := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	if !ok || !trusted {
		return false
	}
	protos := r.Header["X-Forwarded-Proto"]
	return len(protos) > 0 && protos[len(protos)-1] == "https"
}

// Interface guard
var _ chooser = (*cookieChooser)(nil)
