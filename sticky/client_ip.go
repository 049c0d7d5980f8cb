package sticky

import (
	"encoding/binary"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/cespare/xxhash/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// ClientIP keeps clients by their IP address, as Caddy knows it; for IPv6, by
// the /64 that it is in, as that is what one customer has. Which backend a
// client has been with is remembered in a table of limited size, for as long as
// the client comes at least every half an hour. The table outlasts reloads, and
// ends with the process.
type ClientIP struct {
	clients *table // made, or taken over, when it is first used
}

// NewSessions implements pool.Sticky.
func (c *ClientIP) NewSessions(backends []*pool.Backend, prev pool.Sessions) pool.Sessions {
	before, _ := prev.(*clientIPSessions)
	if c.clients == nil {
		if before != nil {
			c.clients = before.clients
		} else {
			c.clients = newTable()
		}
	}
	if before != nil && before.clients == c.clients && slices.Equal(before.backends, backends) {
		return before
	}
	s := &clientIPSessions{clients: c.clients, backends: backends, byHash: make(map[uint64]*pool.Backend, len(backends))}
	for _, b := range backends {
		s.byHash[hashOf(b)] = b
	}
	return s
}

// hashOf identifies a backend in the table: by its id, so that one that comes
// back is known again.
func hashOf(b *pool.Backend) uint64 { return xxhash.Sum64String(b.ID()) }

// clientIPSessions are sessions by IP address with a set of backends.
type clientIPSessions struct {
	clients  *table
	backends []*pool.Backend
	byHash   map[uint64]*pool.Backend
}

// Home implements pool.Sessions.
func (s *clientIPSessions) Home(q *pool.Request) *pool.Backend {
	client, ok := clientOf(q.HTTP)
	if !ok {
		return nil
	}
	var backend uint64
	if now := time.Now(); q.Rehearsed() {
		backend, ok = s.clients.peek(client, now)
	} else {
		backend, ok = s.clients.get(client, now)
	}
	if !ok {
		return nil
	}
	return s.byHash[backend]
}

// Begin implements pool.Sessions.
func (s *clientIPSessions) Begin(q *pool.Request, m *pool.Member, _ http.Header, _ bool) {
	if client, ok := clientOf(q.HTTP); ok {
		s.clients.set(client, hashOf(m.Backend), time.Now())
	}
}

// Continue implements pool.Sessions.
func (*clientIPSessions) Continue(http.Header) {}

// clientOf returns what tells the client of a request from others, if it has an
// IP address: an IPv4 address, or the /64 of an IPv6 one. IPv4 has numbers that
// are a /64 which is not in use on the Internet.
func clientOf(r *http.Request) (client uint64, ok bool) {
	if r == nil {
		return 0, false
	}
	text, known := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	if !known {
		text = r.RemoteAddr
	}
	text, _, _ = strings.Cut(text, "%") // a zone is this machine's matter
	ip, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return 0, false
		}
		ip = withPort.Addr()
	}
	if ip = ip.Unmap(); ip.Is4() {
		b := ip.As4()
		return 0xffff<<32 | uint64(binary.BigEndian.Uint32(b[:])), true
	}
	b := ip.As16()
	return binary.BigEndian.Uint64(b[:8]), true
}

// Interface guards
var (
	_ pool.Sticky   = (*ClientIP)(nil)
	_ pool.Sessions = (*clientIPSessions)(nil)
)
