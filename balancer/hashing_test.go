package balancer

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// withVars returns the request with Caddy's variables.
func withVars(r *http.Request, vars map[string]any) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars))
}

// sameness checks which requests a policy sends to the same backend: all of a
// group, and no two groups, which is certain only as the seeds are fixed.
func sameness(t *testing.T, config string, groups ...[]*http.Request) {
	t.Helper()
	members := pooltest.Members(t, equalWeights(1000)...)
	p := newPolicy(t, config).NewPicker(members, nil)
	taken := make(map[int]int)
	for g, group := range groups {
		first := -1
		for i, r := range group {
			q := &pool.Request{HTTP: r}
			got := index(p.Pick(q))
			if i == 0 {
				first = got
			}
			if got != first {
				t.Errorf("group %d: request %d went to %d, the first to %d", g, i, got, first)
			}
		}
		if other, dup := taken[first]; dup {
			t.Errorf("groups %d and %d both went to %d", other, g, first)
		}
		taken[first] = g
	}
}

func get(target string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func from(remote string) *http.Request {
	r := get("/")
	r.RemoteAddr = remote
	return r
}

func TestIPHash(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `ip_hash`, json: `{"policy": "ip_hash"}`},
		{input: `ip_hash x`, err: "wrong argument count"},
		{input: "ip_hash {\n fallback first\n}", err: `unrecognized option "fallback"`},
	})
	sameness(t, `{"policy": "ip_hash"}`,
		[]*http.Request{from("192.0.2.1:1"), from("192.0.2.1:2"), from("192.0.2.1")},
		[]*http.Request{from("192.0.2.2:1"), from("192.0.2.2:65535")},
		[]*http.Request{from("[2001:db8::1]:1"), from("[2001:db8::1]:2"), from("2001:db8::1")},
		[]*http.Request{from("@"), from("@")},
	)
}

func TestClientIPHash(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `client_ip_hash`, json: `{"policy": "client_ip_hash"}`},
		{input: `client_ip_hash x`, err: "wrong argument count"},
	})
	client := func(ip, remote string) *http.Request {
		return withVars(from(remote), map[string]any{caddyhttp.ClientIPVarKey: ip})
	}
	sameness(t, `{"policy": "client_ip_hash"}`,
		[]*http.Request{client("192.0.2.1", "10.0.0.1:1"), client("192.0.2.1", "10.0.0.2:1"), client("192.0.2.1:8", "10.0.0.1:2")},
		[]*http.Request{client("192.0.2.2", "10.0.0.1:1")},
		[]*http.Request{from("10.0.0.1:1"), client("10.0.0.1", "10.9.9.9:1")},
	)
}

func TestURIHash(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `uri_hash`, json: `{"policy": "uri_hash"}`},
		{input: `uri_hash x`, err: "wrong argument count"},
	})
	sameness(t, `{"policy": "uri_hash"}`,
		[]*http.Request{get("/a?b=c"), get("/a?b=c", "X-Any", "1")},
		[]*http.Request{get("/a")},
		[]*http.Request{get("/a?b=d")},
	)
}

func FuzzHostOf(f *testing.F) {
	for _, seed := range []string{"", ":", "a", "a:1", "[::1]:80", "[::1]", "::1", "[a:1", "a]:1", "[[a]]:1", "a:[", "[a]b:1", "[]:", "a:b:c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		want, _, err := net.SplitHostPort(address)
		if err != nil {
			want = address
		}
		if got := hostOf(address); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	})
}

func BenchmarkIPHash(b *testing.B)       { benchmarkPolicy(b, `{"policy": "ip_hash"}`) }
func BenchmarkClientIPHash(b *testing.B) { benchmarkPolicy(b, `{"policy": "client_ip_hash"}`) }
func BenchmarkURIHash(b *testing.B)      { benchmarkPolicy(b, `{"policy": "uri_hash"}`) }
