package fault

import (
	"fmt"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// newNamed returns a stage with three backends that are found through DNS.
func newNamed(t *testing.T) (*stage, *dnsServer) {
	t.Helper()
	d := startDNS(t)
	d.set(dnsmessage.TypeA, dnsAnswer{records: []dnsmessage.ResourceBody{&dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}})
	s := newStage(t, layout{
		backends: 3, only: []string{},
		pool:      fmt.Sprintf("dynamic srv _http._tcp.fault.test {\nrefresh 100ms\ngrace_period 100ms\nresolvers %s\n}", d.addr),
		transport: "resolvers " + d.addr,
	})
	return s, d
}

// waitAsked returns once the DNS server was asked n more times.
func (s *stage) waitAsked(d *dnsServer, n int64) {
	s.t.Helper()
	before := d.asked.Load()
	eventually(s.t, func() error {
		if got := d.asked.Load() - before; got < n {
			return fmt.Errorf("the DNS server was asked %d times", got)
		}
		return nil
	})
}

// waitServing returns once those backends get requests, and no others do.
func (s *stage) waitServing(load *load, want ...*backend) {
	s.t.Helper()
	s.waitAccepting(len(want))
	eventually(s.t, func() error {
		before := make([]int64, len(s.backends))
		for i, b := range s.backends {
			before[i] = b.requests.Load()
		}
		load.more(s.t, 60)
		for i, b := range s.backends {
			wanted := false
			for _, w := range want {
				wanted = wanted || w == b
			}
			if got := b.requests.Load() - before[i]; (got > 0) != wanted {
				return fmt.Errorf("backend %d got %d requests", i, got)
			}
		}
		return nil
	})
}

// What DNS says is followed, and what it fails to say changes nothing.
func TestDNSChangesAndFails(t *testing.T) {
	s, d := newNamed(t)
	b := s.backends
	d.set(dnsmessage.TypeSRV, services(b[0], b[1]))
	s.waitAccepting(2)
	s.until(good)
	c := s.run("DNS changes and fails")
	load := c.load(8, always(newAsk))
	for range scale(2, 10) {
		d.set(dnsmessage.TypeSRV, services(b[1], b[2]))
		s.waitServing(load, b[1], b[2])
		d.set(dnsmessage.TypeSRV, services(b...))
		s.waitServing(load, b...)
		d.set(dnsmessage.TypeSRV, dnsAnswer{code: dnsmessage.RCodeServerFailure})
		s.waitAsked(d, 3)
		s.waitServing(load, b...)
		d.set(dnsmessage.TypeSRV, services(b[0]))
		s.waitServing(load, b[0])
	}
	load.end()
	c.check(nil)
}

// When DNS says that there are no backends, every request is a 503, until there
// are again.
func TestDNSEmpties(t *testing.T) {
	s, d := newNamed(t)
	d.set(dnsmessage.TypeSRV, services(s.backends...))
	s.waitAccepting(3)
	s.until(good)
	c := s.run("DNS has no backends for a while")
	n := scale(100, 1000)
	for _, empty := range []dnsAnswer{{}, {code: dnsmessage.RCodeNameError}} {
		d.set(dnsmessage.TypeSRV, empty)
		s.until(status(503))
		received := s.received()
		c.send(8, n, newAsk)
		if got := s.received() - received; got != 0 {
			t.Errorf("%d requests came to backends that are gone", got)
		}
		d.set(dnsmessage.TypeSRV, services(s.backends...))
		s.waitAccepting(3)
		s.until(good)
		c.send(8, n, newAsk)
	}
	c.checkCount(status(503), 2*n)
}
