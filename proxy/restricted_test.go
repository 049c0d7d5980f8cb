package proxy

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Whatever a name leads to is checked when it is connected to, before a packet
// leaves this machine.
func TestRestrictedTransportsRefuseLinkLocal(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	maker, err := NewTransports(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := maker.Restricted()
	if !restricted.Equal(maker.Restricted()) {
		t.Error("two restrictions of the same transports are not equal")
	}
	limited, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	const want = "must be listed in allow_backends"
	for _, ip := range []string{"169.254.169.254", "fe80::1"} {
		addr := config.Address{Host: ip, Port: "80"}
		network, hostport := addr.Dial()
		if conn, err := restricted.Connector(addr).Dial(limited, network, hostport); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("probe of %s: %v, %v", ip, conn, err)
		}
		transport := restricted.New(addr).(Transport)
		r, err := http.NewRequestWithContext(limited, http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		x := &exchange{proxy: new(Proxy), r: r, w: httptest.NewRecorder(), method: http.MethodGet, path: "/"}
		a := x.newAttempt(new(pool.Member))
		if res, err := transport.send(a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("request to %s: %v, %v", ip, res, err)
		}
		a.carrier.end()
		transport.CloseIdle()
	}
	addr := netip.MustParseAddrPort(rawBackend(t, func(*peer) {}))
	conn, err := restricted.Connector(config.Address{Host: "localhost"}).Dial(limited, "tcp", addr.String())
	if err != nil {
		t.Fatalf("loopback: %v", err)
	}
	_ = conn.Close()
}
