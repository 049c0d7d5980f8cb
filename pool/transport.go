package pool

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// Transport carries requests to one backend. The pool only keeps it and closes
// what is idle; those who use it know more of it.
type Transport interface {
	// CloseIdle closes connections which are not in use. Connections in use
	// are closed when their request has ended.
	CloseIdle()
}

// Transports makes the transports of a pool's backends.
type Transports interface {
	// New returns the transport to a backend.
	New(config.Address) Transport

	// Equal reports whether other makes transports that behave the same, so
	// that existing ones, and their idle connections, can stay.
	Equal(other Transports) bool

	// Restricted returns the same for backends that came in at runtime: they
	// refuse to connect to addresses for which [config.Unlisted] says no,
	// which the name of a backend may lead to.
	Restricted() Transports

	// Connector returns how to connect to addr for a probe.
	Connector(addr config.Address) Connector
}

// Connector connects to a backend the way its traffic does.
type Connector struct {
	// Dial opens a plain connection. It honours the transport's resolver and
	// local address, and no timeout but the context's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// TLS is the client configuration if the traffic is encrypted, or nil.
	// Its ServerName is empty unless configured. It must not be changed.
	TLS *tls.Config

	// H2C says that the traffic is HTTP/2 without TLS.
	H2C bool
}

// transportSet holds the transports that one Transports has made, by backend.
type transportSet struct {
	maker      Transports
	restricted Transports // of maker; made when needed
	made       map[*Backend]madeTransport
}

type madeTransport struct {
	Transport
	restricted bool
}

// carrier is a backend's transport in the set that is in use, so that a
// snapshot is made without looking it up.
type carrier struct {
	madeTransport
	set *transportSet
}

func newTransportSet(maker Transports) *transportSet {
	return &transportSet{maker: maker, made: make(map[*Backend]madeTransport)}
}

// get returns the transport to a backend, nil if there is no maker.
func (s *transportSet) get(b *Backend, restricted bool) Transport {
	if s == nil || s.maker == nil {
		return nil
	}
	if c := &b.carrier; c.set != s || c.restricted != restricted {
		*c = carrier{s.find(b, restricted), s}
	}
	return b.carrier.Transport
}

// find returns the transport that there is, or a new one.
func (s *transportSet) find(b *Backend, restricted bool) madeTransport {
	t, ok := s.made[b]
	if ok && t.restricted == restricted {
		return t
	}
	if ok {
		t.CloseIdle() // the config has come to list the address, or ceased to
	}
	t = madeTransport{s.makerFor(restricted).New(b.address), restricted}
	s.made[b] = t
	return t
}

// makerFor returns the maker for backends whose address came in at runtime, or
// for the others.
func (s *transportSet) makerFor(restricted bool) Transports {
	if !restricted {
		return s.maker
	}
	if s.restricted == nil {
		s.restricted = s.maker.Restricted()
	}
	return s.restricted
}

func (s *transportSet) drop(b *Backend) {
	if s == nil {
		return
	}
	if t, ok := s.made[b]; ok {
		t.CloseIdle()
		delete(s.made, b)
	}
	if b.carrier.set == s {
		b.carrier = carrier{}
	}
}

func (s *transportSet) closeAll() {
	if s == nil {
		return
	}
	for b := range s.made {
		s.drop(b)
	}
}
