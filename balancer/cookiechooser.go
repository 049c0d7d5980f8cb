package balancer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// mac is what a cookie's value says in hexadecimal.
type mac [sha256.Size]byte

// cookieChooser finds the member that a request's cookie names.
type cookieChooser struct {
	policy  *Cookie
	members []*pool.Member
	macs    []mac // of the members
	// byPrefix finds a member by the first bytes of its mac
	byPrefix map[uint64]uint32
	// lines are the Set-Cookie fields of the members, without and with TLS,
	// each made when it is first needed
	lines [2][]atomic.Pointer[string]
}

// newCookieChooser makes a chooser. The macs are taken over from the one
// before, if there is one with the same secret, as far as it knows them.
func newCookieChooser(policy *Cookie, members []*pool.Member, before *cookieChooser) *cookieChooser {
	c := &cookieChooser{
		policy: policy, members: members, macs: make([]mac, len(members)),
		byPrefix: make(map[uint64]uint32, len(members)),
	}
	for i := range c.lines {
		c.lines[i] = make([]atomic.Pointer[string], len(members))
	}
	if before != nil && before.policy.Secret != policy.Secret {
		before = nil
	}
	keyed := hmac.New(sha256.New, []byte(policy.Secret))
	next := 0 // member of before that is expected to come next
	for i, m := range members {
		if at, ok := before.find(m, next); ok {
			c.macs[i], next = before.macs[at], at+1
		} else {
			c.macs[i] = macOf(keyed, m)
		}
		if prefix := c.macs[i].prefix(); !c.has(prefix) { // of two with one address, the first
			c.byPrefix[prefix] = uint32(i)
		}
	}
	return c
}

func (c *cookieChooser) has(prefix uint64) bool {
	_, ok := c.byPrefix[prefix]
	return ok
}

// find looks for a member's backend at or soon behind the position where it is
// if few members have left.
func (c *cookieChooser) find(m *pool.Member, expected int) (at int, ok bool) {
	const reach = 64
	if c == nil {
		return 0, false
	}
	for at := expected; at < min(expected+reach, len(c.members)); at++ {
		if c.members[at].Backend == m.Backend {
			return at, true
		}
	}
	return 0, false
}

// macOf returns the mac of a member's address: host and port, or the path of a
// unix socket in the form `unix//path`.
func macOf(keyed hash.Hash, m *pool.Member) (sum mac) {
	address := m.Address()
	text := address.HostPort()
	if address.IsUnix() {
		text = "unix/" + address.Host
	}
	keyed.Reset()
	_, _ = keyed.Write([]byte(text)) // never fails
	keyed.Sum(sum[:0])
	return sum
}

func (m *mac) prefix() uint64 { return binary.BigEndian.Uint64(m[:8]) }

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
	// How long it takes to miss here tells nothing of use: the table has the
	// prefixes in an order of its own. The comparison is what must not tell
	// how much is right.
	i, ok := c.byPrefix[given.prefix()]
	if !ok || subtle.ConstantTimeCompare(given[:], c.macs[i][:]) != 1 {
		return nil
	}
	return c.members[i]
}

// decode reads lower-case hexadecimal, without allocating.
func (m *mac) decode(text string) bool {
	if len(text) != 2*len(m) {
		return false
	}
	for i := range m {
		high, low := text[2*i], text[2*i+1]
		if upper(high) || upper(low) || unhex(high) > 15 || unhex(low) > 15 {
			return false
		}
		m[i] = unhex(high)<<4 | unhex(low)
	}
	return true
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }

// settle implements chooser: it sets the cookie for what the fallback picked,
// in place of one that was set for an earlier attempt.
func (c *cookieChooser) settle(q *pool.Request, m *pool.Member) {
	c.unset(q)
	if m == nil || q.HTTP == nil || q.Writer == nil {
		return
	}
	h := q.Writer.Header()
	h[setCookie] = append(h[setCookie], c.line(m.Index, clientUsesTLS(q.HTTP)))
}

// line returns the Set-Cookie field that names a member.
func (c *cookieChooser) line(member int, secure bool) string {
	made := &c.lines[0][member]
	if secure {
		made = &c.lines[1][member]
	}
	if line := made.Load(); line != nil {
		return *line
	}
	line := c.policy.cookieFor(secure, hex.EncodeToString(c.macs[member][:])).String()
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
