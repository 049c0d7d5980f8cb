package discovery

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestResolverOverTCP(t *testing.T) {
	dns := newDNSServer(t)
	long := ips("10.0.0.1", "10.0.0.2")
	long.cutShort = true
	dns.set("A long.test.", long)
	t.Setenv("DISCOVERY_TEST_DNS", dns.addr)
	for _, test := range []struct {
		address string
		overUDP bool
	}{
		{dns.addr, true},
		{"udp4/" + dns.addr, true},
		{"{env.DISCOVERY_TEST_DNS}", true},
		{"tcp/" + dns.addr, false},
	} {
		packets, streams := dns.count("udp"), dns.count("tcp")
		r, err := NewResolver(&config.Resolver{Addresses: []string{test.address}}, time.Second, -1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.LookupNetIP(t.Context(), "ip4", "long.test.")
		if err != nil || len(got) != 2 {
			t.Errorf("%s: found %v, %v", test.address, got, err)
		}
		if asked := dns.count("udp") > packets; asked != test.overUDP || dns.count("tcp") == streams {
			t.Errorf("%s: asked over UDP: %v; over TCP: %v", test.address, asked, dns.count("tcp") > streams)
		}
	}
}

// A server that does not answer leaves time to ask another one.
func TestResolverTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := net.Pipe()
		defer peer.Close()
		a := attempt{Conn: conn, ended: t.Context().Err, stop: func() bool { return true }}
		defer a.Close()
		for _, deadline := range []time.Time{{}, time.Now().Add(time.Hour)} {
			if err := a.SetDeadline(deadline); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := a.Read(make([]byte, 1)); err == nil {
				t.Error("read from a server that is silent")
			}
			if took := time.Since(began); took != attemptTimeout {
				t.Errorf("gave up after %s", took)
			}
		}
	})
}

func TestResolverUsesAllServers(t *testing.T) {
	one, two := newDNSServer(t), newDNSServer(t)
	for _, dns := range []*dnsServer{one, two} {
		dns.set("A app.test.", ips("10.0.0.1"))
	}
	r, err := NewResolver(&config.Resolver{Addresses: []string{one.addr, two.addr}}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for one.count("udp") == 0 || two.count("udp") == 0 {
		if _, err := r.LookupNetIP(ctx, "ip4", "app.test."); err != nil {
			t.Fatal(err)
		}
	}
}
