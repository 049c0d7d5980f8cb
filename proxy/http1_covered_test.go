package proxy

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Which transport a backend has follows from its address and the options.
func TestCovered(t *testing.T) {
	yes, no := true, false
	second := caddy.Duration(time.Second)
	through := func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:3128") }
	past := func(*http.Request) (*url.URL, error) { return nil, nil }
	const http1, net, http3, template = "*proxy.http1Transport", "*proxy.netTransport", "*proxy.http3Transport", "*proxy.templateTransport"
	for _, c := range []struct {
		name    string
		address string
		cfg     config.Transport
		forward proxyFunc
		want    string
	}{
		{"name", "backend.example:80", config.Transport{}, nil, http1},
		{"URL", "http://backend.example", config.Transport{}, nil, http1},
		{"IPv4", "192.0.2.1:8080", config.Transport{}, nil, http1},
		{"IPv6", "[2001:db8::1]:8080", config.Transport{}, nil, http1},
		{"port", ":8080", config.Transport{}, nil, http1},
		{"unix", "unix//run/b.sock", config.Transport{}, nil, http1},
		{"https", "https://backend.example", config.Transport{}, nil, net},
		{"port of https", "backend.example:443", config.Transport{}, nil, http1},
		{"h2c", "h2c://backend.example:80", config.Transport{}, nil, net},
		{"h2c over unix", "unix+h2c//run/b.sock", config.Transport{}, nil, net},
		{"template", "{http.request.host}:80", config.Transport{}, nil, template},
		{"versions 1.1", "a:80", config.Transport{Versions: []string{"1.1"}}, nil, http1},
		{"versions 1.1 and 2", "a:80", config.Transport{Versions: []string{"1.1", "2"}}, nil, http1},
		{"versions h2c", "a:80", config.Transport{Versions: []string{"h2c"}}, nil, net},
		{"versions h2c over unix", "unix//run/b.sock", config.Transport{Versions: []string{"h2c"}}, nil, net},
		{"versions 3", "a:443", config.Transport{Versions: []string{"3"}, TLS: new(config.TLS)}, nil, http3},
		{"versions 3 over unix", "unix//run/b.sock", config.Transport{Versions: []string{"3"}, TLS: new(config.TLS)}, nil, net},
		{"tls", "a:80", config.Transport{TLS: new(config.TLS)}, nil, net},
		{"tls over unix", "unix//run/b.sock", config.Transport{TLS: new(config.TLS)}, nil, net},
		{"tls, but not for this port", "a:80", config.Transport{TLS: &config.TLS{ExceptPorts: []string{"80"}}}, nil, http1},
		{"tls, but not for another port", "a:81", config.Transport{TLS: &config.TLS{ExceptPorts: []string{"80"}}}, nil, net},
		{"proxy_protocol", "a:80", config.Transport{ProxyProtocol: "v2"}, nil, net},
		{"max_conns_per_host", "a:80", config.Transport{MaxConnsPerHost: 1}, nil, net},
		{"compression", "a:80", config.Transport{Compression: &yes}, nil, net},
		{"no compression", "a:80", config.Transport{Compression: &no}, nil, http1},
		{"forward proxy of the environment", "a:80", config.Transport{}, through, net},
		{"but not for this backend", "a:80", config.Transport{}, past, http1},
		{"nor for sockets", "unix//run/b.sock", config.Transport{}, through, http1},
		{"forward_proxy_url", "a:80", config.Transport{ForwardProxyURL: "http://p"}, past, net},
		{"network_proxy", "a:80", config.Transport{NetworkProxyRaw: json.RawMessage(`{}`)}, past, net},
		{"network_proxy over unix", "unix//run/b.sock", config.Transport{NetworkProxyRaw: json.RawMessage(`{}`)}, through, http1},
		{"no keepalive", "a:80", config.Transport{KeepAlive: &config.KeepAlive{Enabled: &no}}, nil, http1},
		{"limits", "a:80", config.Transport{
			KeepAlive:   &config.KeepAlive{MaxIdleConns: 1, MaxIdleConnsPerHost: 1, IdleConnTimeout: second, ProbeInterval: second},
			DialTimeout: second, ReadTimeout: second, WriteTimeout: &second, ResponseHeaderTimeout: &second,
			ExpectContinueTimeout: second, MaxResponseHeaderSize: 1, WriteBufferSize: 1, ReadBufferSize: 1,
			LocalAddress: "127.0.0.1", FallbackDelay: second,
		}, nil, http1},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, err := config.ParseAddress(c.address)
			if err != nil {
				t.Fatal(err)
			}
			maker := &transports{cfg: c.cfg, tls: new(tls.Config), sweeper: newSweeper(c.cfg.KeepAlive), forward: c.forward}
			if maker.dialer, err = newDialer(&c.cfg); err != nil {
				t.Fatal(err)
			}
			if maker.forward == nil {
				maker.forward = past
			}
			for what, maker := range map[string]pool.Transports{"": maker, "restricted ": maker.Restricted()} {
				made := maker.New(addr)
				if got := reflect.TypeOf(made).String(); got != c.want {
					t.Errorf("%s%s, want %s", what, got, c.want)
				}
				made.CloseIdle()
			}
		})
	}
}
