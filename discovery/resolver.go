package discovery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// attemptTimeout is how long one DNS server may take to answer before it is
// asked again, or another one is. The system's default, 5 seconds, would leave
// no time for that.
const attemptTimeout = 2 * time.Second

// NewResolver returns a resolver that asks the DNS servers of c, one of them
// chosen at random for each attempt, or the system's resolver if c is nil.
// dialTimeout bounds connecting to a server; 0 leaves that to the lookup's
// context. fallbackDelay is that of [net.Dialer]. Answers that do not fit into
// a UDP packet are asked for again over TCP.
func NewResolver(c *config.Resolver, dialTimeout, fallbackDelay time.Duration) (*net.Resolver, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, FallbackDelay: fallbackDelay}
	if c == nil {
		return &net.Resolver{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialServer(ctx, dialer, network, address)
		}}, nil
	}
	servers, err := parseServers(c.Addresses)
	if err != nil {
		return nil, err
	}
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			s := servers[rand.IntN(len(servers))]
			return dialServer(ctx, dialer, s.over(network), s.address)
		},
	}, nil
}

// server is a DNS server.
type server struct {
	network string // "udp", "tcp", or one of them with 4 or 6
	address string
}

func parseServers(addresses []string) ([]server, error) {
	if len(addresses) == 0 {
		return nil, fmt.Errorf("resolver has no addresses")
	}
	servers := make([]server, len(addresses))
	for i, text := range addresses {
		a, err := caddy.ParseNetworkAddressWithDefaults(config.ReplaceGlobal(text), "udp", 53)
		switch {
		case err != nil:
			return nil, fmt.Errorf("resolver %q: %w", text, err)
		case !isDNSNetwork(a.Network):
			return nil, fmt.Errorf("resolver %q: network %q is neither udp nor tcp", text, a.Network)
		case a.PortRangeSize() != 1 || a.StartPort == 0:
			return nil, fmt.Errorf("resolver %q: needs a single port", text)
		case a.Host == "" || strings.ContainsAny(a.Host, "{} "):
			return nil, fmt.Errorf("resolver %q: bad host %q", text, a.Host)
		}
		servers[i] = server{network: a.Network, address: a.JoinHostPort(0)}
	}
	return servers, nil
}

func isDNSNetwork(network string) bool {
	switch network {
	case "udp", "udp4", "udp6", "tcp", "tcp4", "tcp6":
		return true
	}
	return false
}

// over returns the network to dial when the resolver wants this one: TCP
// servers take only that; others are asked over UDP, and over TCP for answers
// that were cut short.
func (s server) over(wanted string) string {
	if strings.HasPrefix(wanted, "tcp") {
		return strings.Replace(s.network, "udp", "tcp", 1)
	}
	return s.network
}

// dialServer connects to a DNS server. The connection does not outlive ctx, not
// even while it is read from.
func dialServer(ctx context.Context, dialer *net.Dialer, network, address string) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	a := attempt{Conn: conn, ended: ctx.Err}
	a.stop = context.AfterFunc(ctx, a.breakOff)
	if packets, ok := conn.(packetIO); ok {
		return packetAttempt{attempt: a, packetIO: packets}, nil
	}
	return a, nil
}

// attempt is a connection to a DNS server, with [attemptTimeout].
type attempt struct {
	net.Conn
	ended func() error // of the context
	stop  func() bool
}

// SetDeadline sets the deadline, but no later than the attempt may take.
func (a attempt) SetDeadline(t time.Time) error {
	if limit := time.Now().Add(attemptTimeout); t.IsZero() || t.After(limit) {
		t = limit
	}
	err := a.Conn.SetDeadline(t)
	if a.ended() != nil {
		a.breakOff()
	}
	return err
}

func (a attempt) breakOff() { _ = a.Conn.SetDeadline(time.Unix(1, 0)) }

// Close closes the connection.
func (a attempt) Close() error {
	a.stop()
	return a.Conn.Close()
}

// packetAttempt is an attempt over UDP. The resolver tells by the methods of
// [net.PacketConn] how messages are framed.
type packetAttempt struct {
	attempt
	packetIO
}

// packetIO is what a net.PacketConn has beyond a net.Conn.
type packetIO interface {
	ReadFrom(p []byte) (n int, addr net.Addr, err error)
	WriteTo(p []byte, addr net.Addr) (n int, err error)
}

// Interface guards
var (
	_ net.Conn       = attempt{}
	_ net.PacketConn = packetAttempt{}
)
