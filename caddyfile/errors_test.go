package caddyfile

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// The lines of block stand in a directive with one backend, so that the first
// of them is line 2 of the file.
var blockErrors = []struct{ block, want string }{
	{"nonsense", `unrecognized subdirective nonsense, at Testfile:2`},
	{"weight 3", `unrecognized subdirective weight; it belongs into the block of backend, at Testfile:2`},
	{"tls_server_name a", `unrecognized subdirective tls_server_name; it belongs into the block of transport, at Testfile:2`},
	{"lb_retries 1 {\n x\n}", `lb_retries does not take a block, at Testfile:3`},
	{"lb_retries 1 {\n}", `lb_retries does not take a block, at Testfile:3`},
	{"lb_retries 1\n\n\tlb_retries 2", `lb_retries is already set (Testfile:2), at Testfile:4`},
	{"lb_retries 1 2", `lb_retries: unexpected argument "2", at Testfile:2`},
	{"verbose_logs\n verbose_logs", `verbose_logs is already set (Testfile:2), at Testfile:3`},
	{"verbose_logs yes", `verbose_logs: unexpected argument "yes", at Testfile:2`},

	{"to", `wrong argument count or unexpected line ending after 'to', at Testfile:2`},
	{"to a:1", `backend "a:1" is already given (Testfile:1); a weight gives it more requests, at Testfile:2`},
	{"to http://A:1", `backend "a:1" is already given (Testfile:1); a weight gives it more requests, at Testfile:2`},
	{"to b:0", `address "b:0": bad port "0", at Testfile:2`},
	{"to b:99999", `address "b:99999": bad port "99999", at Testfile:2`},
	{"to ws://b", `address "ws://b": the scheme ws:// is for browsers; use http://, at Testfile:2`},
	{"to https://b:80", `address "https://b:80": conflicting scheme https:// and port 80, at Testfile:2`},
	{"to http://b/path", `address "http://b/path": only scheme, host and port are allowed in a URL, at Testfile:2`},
	{"to ftp://b", `address "ftp://b": unsupported scheme ftp://, at Testfile:2`},
	{"to b:2-1", `address "b:2-1": bad port range "2-1", at Testfile:2`},
	{"backend", `wrong argument count or unexpected line ending after 'backend', at Testfile:2`},
	{"backend b c", `backend: unexpected argument "c", at Testfile:2`},
	{"backend b {\n\tweight 0\n}", `weight: number 0 is less than 1, at Testfile:3`},
	{"backend b {\n\tweight 1001\n}", `backend "b:80": weight 1001 is not within 1 to 1000, at Testfile:3`},
	{"backend b {\n\tpriority 1001\n}", `backend "b:80": priority 1001 is not within 0 to 1000, at Testfile:3`},
	{"backend b {\n\tmax_requests -1\n}", `max_requests: number -1 is less than 0, at Testfile:3`},
	{"backend b {\n\tid a/b\n}", `backend "b:80": id "a/b": character '/' is not allowed, at Testfile:3`},
	{"backend b {\n\tid x\n\tid y\n}", `id is already set (Testfile:3), at Testfile:4`},
	{"backend b {\n\tid a:1\n}", `backend "b:80": id "a:1" is already taken (Testfile:1), at Testfile:3`},
	{"backend b:1-2 {\n\tid x\n}", `id "x": the port range "b:1-2" stands for 2 backends, at Testfile:3`},
	{"backend b {\n\tlabel x\n}", `wrong argument count or unexpected line ending after 'x', at Testfile:3`},
	{"backend b {\n\tlabel x 1\n\tlabel x 2\n}", `label: key "x" is already set, at Testfile:4`},
	{"backend b {\n\tlb_policy first\n}", `unrecognized subdirective lb_policy; it belongs into the block of load_balance, at Testfile:3`},
	{"dynamic", `wrong argument count or unexpected line ending after 'dynamic', at Testfile:2`},
	{"dynamic test\n dynamic test", `dynamic is already set (Testfile:2), at Testfile:3`},
	{"dynamic nonsense", `unknown source "nonsense": there are test, at Testfile:2`},
	{"pool a/b", `pool name "a/b": character '/' is not allowed, at Testfile:2`},
	{"pool \"\"", `pool: empty argument, at Testfile:2`},
	{"allow_backends 10.0.0.0/99", `allow_backends: "10.0.0.0/99" is not an IP range: netip.ParsePrefix("10.0.0.0/99"): prefix length out of range, at Testfile:2`},

	{"client_body_timeout", `wrong argument count or unexpected line ending after 'client_body_timeout', at Testfile:2`},
	{"client_body_timeout -1s", `client_body_timeout -1s is negative, at Testfile:2`},
	{"client_body_timeout 1s -1", `client_body_min_rate -1 is negative, at Testfile:2`},
	{"send_timeout 1s 5kB", `send_timeout: bad rate "5kB": expecting bytes per second, at Testfile:2`},
	{"send_timeout 1s 5 6", `send_timeout: unexpected argument "6", at Testfile:2`},

	{"lb_policy nonsense", `unknown policy "nonsense": there are test, test_hash, at Testfile:2`},
	{"lb_policy test\n lb_policy test", `lb_policy is already set (Testfile:2), at Testfile:3`},
	{"lb_retries many", `lb_retries: bad number "many", at Testfile:2`},
	{"lb_retries -1", `lb_retries: number -1 is less than 0, at Testfile:2`},
	{"lb_try_duration 5", `lb_try_duration: bad duration "5": time: missing unit in duration "5", at Testfile:2`},
	{"lb_try_duration -5s", `lb_try_duration -5s is negative, at Testfile:2`},
	{"retry_budget", `wrong argument count or unexpected line ending after 'retry_budget', at Testfile:2`},
	{"retry_budget 20%", `retry_budget: bad number "20%", at Testfile:2`},
	{"retry_budget 101", `retry_budget 101 is not within 0 to 100 percent, at Testfile:2`},
	{"retry_budget 20 -1", `retry_budget: number -1 is less than 0, at Testfile:2`},
	{"retry_budget 20 3 4", `retry_budget: unexpected argument "4", at Testfile:2`},
	{"retry_budget off 3", `retry_budget: unexpected argument "3", at Testfile:2`},
	{"queue", `wrong argument count or unexpected line ending after 'queue', at Testfile:2`},
	{"queue 10", `wrong argument count or unexpected line ending after '10', at Testfile:2`},
	{"queue 5s 10", `queue: bad number "5s", at Testfile:2`},
	{"queue 0 5s", `queue: number 0 is less than 1, at Testfile:2`},
	{"queue 1000001 5s", `queue: size 1000001 is not within 1 to 1000000, at Testfile:2`},
	{"queue 10 5", `queue: bad duration "5": time: missing unit in duration "5", at Testfile:2`},
	{"queue 10 0s", `queue: timeout 0s is not positive, at Testfile:2`},
	{"queue 10 5s 5", `queue: unexpected argument "5", at Testfile:2`},
	{"queue 10 5s\nqueue 20 5s", `queue is already set (Testfile:2), at Testfile:3`},
	{"lb_retry_match", `wrong argument count or unexpected line ending after 'lb_retry_match', at Testfile:2`},
	{"lb_retry_match nonsense", `lb_retry_match: getting matcher module 'nonsense': module not registered: http.matchers.nonsense, at Testfile:2`},
	{"all_down maybe", `all_down: bad value "maybe": expecting fail or ignore_health, at Testfile:2`},

	{"sticky", `wrong argument count or unexpected line ending after 'sticky', at Testfile:2`},
	{"sticky magic", `sticky: bad value "magic": expecting cookie or client_ip, at Testfile:2`},
	{"sticky cookie\n sticky client_ip", `sticky is already set (Testfile:2), at Testfile:3`},
	{"sticky client_ip lb", `sticky: unexpected argument "lb", at Testfile:2`},
	{"sticky client_ip {\n\tmax_age 1h\n}", `sticky does not take a block, at Testfile:3`},
	{"sticky cookie a b c", `sticky: unexpected argument "c", at Testfile:2`},
	{"sticky cookie \"\"", `sticky: empty argument, at Testfile:2`},
	{"sticky cookie a;b", `sticky: cookie name "a;b" is not a token, at Testfile:2`},
	{"sticky cookie {\n\tmax_age 0s\n}", `max_age: must be at least 1s, at Testfile:3`},
	{"sticky cookie {\n\tmax_age 1h\n\tmax_age 1h\n}", `max_age is already set (Testfile:3), at Testfile:4`},
	{"sticky cookie {\n\tpath app\n}", `sticky: path "app" does not begin with / or has characters that it must not have, at Testfile:3`},
	{"sticky cookie {\n\tdomain a_b;c\n}", `sticky: domain "a_b;c" is not a domain, at Testfile:3`},
	{"sticky cookie {\n\tsame_site maybe\n}", `same_site: bad value "maybe": expecting lax or strict or none, at Testfile:3`},
	{"sticky cookie {\n\tsecure\n}", `unrecognized subdirective secure, at Testfile:3`},
	{"max_age 1h", `unrecognized subdirective max_age; it belongs into the block of sticky cookie, at Testfile:2`},

	{"health_uri ok", `health_uri "ok" is not a path with an optional query, at Testfile:2`},
	{"health_uri /a\n health_path /b", `health_path does not go together with health_uri (Testfile:2), at Testfile:3`},
	{"health_port 1\n health_upstream b:1", `health_upstream does not go together with health_port (Testfile:2), at Testfile:3`},
	{"health_upstream b:1\n health_port 1", `health_port does not go together with health_upstream (Testfile:2), at Testfile:3`},
	{"health_upstream b", `health_upstream: bad address "b": address b: missing port in address, at Testfile:2`},
	{"health_upstream b:x", `health_upstream: bad address "b:x": bad port "x", at Testfile:2`},
	{"health_port 65536", `health_port 65536 is not a port, at Testfile:2`},
	{"health_scheme ftp", `health_scheme: bad value "ftp": expecting http or https, at Testfile:2`},
	{"health_interval 0", `health_interval: bad duration "0"; active health checks are turned off by off, at Testfile:2`},
	{"health_interval -1s", `health_interval -1s is negative, at Testfile:2`},
	{"health_interval off\n health_uri /", `health_uri has no effect with health_interval off (Testfile:2), at Testfile:3`},
	{"health_interval off\n health_initial down", `health_initial down: nothing would ever bring backends up with health_interval off (Testfile:2), at Testfile:3`},
	{"health_interval off\n backend b {\n\thealth_uri /\n}", `health_uri has no effect with health_interval off (Testfile:2), at Testfile:4`},
	{"health_uri /\n backend b {\n\thealth_interval off\n\thealth_fails 2\n}", `health_fails has no effect with health_interval off (Testfile:4), at Testfile:5`},
	{"health_status 200", `health_status needs health_uri: without it, the probe is a TCP connect, at Testfile:2`},
	{"backend b {\n\thealth_body x\n}", `health_body needs health_uri: without it, the probe is a TCP connect, at Testfile:3`},
	{"health_status 2xy", `health_status: bad status "2xy", at Testfile:2`},
	{"health_uri /\n health_status 700", `health_status 700 is neither a status code nor a class of them, at Testfile:3`},
	{"health_uri /\n health_body (", "health_body \"(\": error parsing regexp: missing closing ): `(`, at Testfile:3"},
	{"health_method \"A B\"", `health_method: bad method "A B", at Testfile:2`},
	{"health_follow_redirects maybe", `health_follow_redirects: bad value "maybe": expecting on or off, at Testfile:2`},
	{"health_headers", `health_headers needs a block with at least one field, at Testfile:2`},
	{"health_headers x", `wrong argument count or unexpected line ending after 'x', at Testfile:2`},
	{"health_headers {\n\ta: b\n}", `health_headers: bad field "a:", at Testfile:3`},
	{"health_uri /\n health_host b\n health_headers {\n\tHost c\n}", `health_host does not go together with Host in health_headers (Testfile:4), at Testfile:3`},
	{"health_initial maybe", `health_initial: bad value "maybe": expecting up or down, at Testfile:2`},

	{"max_fails x", `max_fails: bad number "x", at Testfile:2`},
	{"bounded_load", `wrong argument count or unexpected line ending after 'bounded_load', at Testfile:2`},
	{"bounded_load 1.25 2", `bounded_load: unexpected argument "2", at Testfile:2`},
	{"bounded_load some", `bounded_load: bad number "some", at Testfile:2`},
	{"bounded_load 1", `bounded_load 1 is not within 1.01 to 100, at Testfile:2`},
	{"bounded_load NaN", `bounded_load NaN is not within 1.01 to 100, at Testfile:2`},
	{"bounded_load 1.25", `bounded_load needs an lb_policy that picks by a hash, such as ip_hash, at Testfile:2`},
	{"bounded_load 1.25\n lb_policy test", `bounded_load does not go together with lb_policy test (Testfile:3), which picks by no hash, at Testfile:2`},
	{"slow_start -1s", `slow_start -1s is negative, at Testfile:2`},
	{"slow_start", `wrong argument count or unexpected line ending after 'slow_start', at Testfile:2`},
	{"fail_ratio 0.5", `wrong argument count or unexpected line ending after '0.5', at Testfile:2`},
	{"fail_ratio 0 10", `fail_ratio: bad ratio "0": expecting more than 0 and up to 1, or a percentage, at Testfile:2`},
	{"fail_ratio 101% 10", `fail_ratio: bad ratio "101%": expecting more than 0 and up to 1, or a percentage, at Testfile:2`},
	{"fail_ratio NaN 10", `fail_ratio: bad ratio "NaN": expecting more than 0 and up to 1, or a percentage, at Testfile:2`},
	{"fail_ratio 0.5 0", `fail_ratio: number 0 is less than 1, at Testfile:2`},
	{"fail_ratio 0.5 2000000", `min_requests 2000000 is not within 1 to 1000000, at Testfile:2`},
	{"eject_time 0", `eject_time: no time, at Testfile:2`},
	{"eject_time 1m 30s", `eject_time: the most, 30s, is less than the first, 1m0s, at Testfile:2`},
	{"eject_time -1s", `eject_time -1s is not within 0 to 8760h0m0s, at Testfile:2`},
	{"max_ejected 0", `max_ejected: bad percentage "0": expecting 1 to 100, at Testfile:2`},
	{"max_ejected 101%", `max_ejected: bad percentage "101%": expecting 1 to 100, at Testfile:2`},
	{"max_ejected 50", `max_ejected needs fail_duration, fail_ratio or eject_time: without them, no backend is ejected, at Testfile:2`},
	{"fail_duration -1s", `fail_duration -1s is negative, at Testfile:2`},
	{"unhealthy_status 99", `unhealthy_status 99 is neither a status code nor a class of them, at Testfile:2`},

	{"flush_interval 5", `flush_interval: bad duration "5": time: missing unit in duration "5", at Testfile:2`},
	{"request_buffers", `wrong argument count or unexpected line ending after 'request_buffers', at Testfile:2`},
	{"request_buffers many", `request_buffers: bad size "many", at Testfile:2`},
	{"stream_buffer_size 99999999EB", `stream_buffer_size: bad size "99999999EB", at Testfile:2`},
	{"stream_timeout -5s", `stream_timeout: duration "-5s" is negative, at Testfile:2`},
	{"upgrades h2c", `upgrades: "h2c" is not a protocol that can be switched to, at Testfile:2`},

	{"trusted_proxies", `wrong argument count or unexpected line ending after 'trusted_proxies', at Testfile:2`},
	{"trusted_proxies localhost", `trusted_proxies: "localhost" is not an IP address: ParseAddr("localhost"): unable to parse IP, at Testfile:2`},
	{"header_up", `wrong argument count or unexpected line ending after 'header_up', at Testfile:2`},
	{"header_up a b c d", `wrong argument count or unexpected line ending after 'd', at Testfile:2`},
	{"header_up -", `header_up: bad field "-", at Testfile:2`},
	{"header_up ?a b", `?a: the default header modifier ('?') can only be used on response headers; for conditional manipulation of request headers, use matchers, at Testfile:2`},
	{"header_down a ( b", "header_down: error parsing regexp: missing closing ): `(`, at Testfile:2"},
	{"method GET POST", `method: unexpected argument "POST", at Testfile:2`},
	{"rewrite", `wrong argument count or unexpected line ending after 'rewrite', at Testfile:2`},

	{"transport fastcgi", `transport fastcgi is not supported; use the php_fastcgi directive, or reverse_proxy with that transport, at Testfile:2`},
	{"transport quic", `transport "quic" is not supported; there is http, at Testfile:2`},
	{"transport http\n transport http", `transport is already set (Testfile:2), at Testfile:3`},
	{"transport http {\n\tnonsense\n}", `unrecognized subdirective nonsense, at Testfile:3`},
	{"transport http {\n\tversions 4\n}", `transport: unsupported HTTP version "4"; supported are 1.1, 2, h2c, 3, at Testfile:3`},
	{"transport http {\n\tversions 3 2\n}", `transport: HTTP/3 excludes other versions, got 3, 2, at Testfile:3`},
	{"transport http {\n\tdial_timeout -1s\n}", `transport: dial_timeout -1s is negative, at Testfile:3`},
	{"transport http {\n\tproxy_protocol v3\n}", `proxy_protocol: bad value "v3": expecting v1 or v2, at Testfile:3`},
	{"transport http {\n\ttls_client_auth a b c\n}", `wrong argument count or unexpected line ending after 'c', at Testfile:3`},
	{"transport http {\n\ttls_renegotiation maybe\n}", `tls_renegotiation: bad value "maybe": expecting never or once or freely, at Testfile:3`},
	{"transport http {\n\ttls_trusted_ca_certs a\n\ttls_trust_pool file {\n\t\tpem_file b\n\t}\n}", `tls_trust_pool does not go together with tls_trusted_ca_certs (Testfile:3), at Testfile:4`},
	{"transport http {\n\tforward_proxy_url http://a\n\tnetwork_proxy none\n}", `network_proxy does not go together with forward_proxy_url (Testfile:3), at Testfile:4`},
	{"transport http {\n\tkeepalive off\n\tkeepalive_idle_conns 5\n}", `keepalive_idle_conns has no effect with keepalive off (Testfile:3), at Testfile:4`},
	{"transport http {\n\tcompression fast\n}", `compression: bad value "fast": expecting on or off, at Testfile:3`},
	{"to h2c://b\n transport http {\n\tversions 3\n}", `backend "h2c://b" cannot be spoken to over HTTP/3, which is the transport's version, at Testfile:2`},
	{"to http://b\n transport http {\n\ttls\n}", `backend "http://b": scheme http:// but the transport is configured for TLS, at Testfile:2`},

	{"handle_response {\n}", `handle_response is not supported; use the intercept directive around load_balance, at Testfile:2`},
	{"replace_status 400", `replace_status is not supported; use the intercept directive around load_balance, at Testfile:2`},
	{"copy_response", `copy_response is not supported; use the intercept directive around load_balance, at Testfile:2`},
	{"copy_response_headers", `copy_response_headers is not supported; use the intercept directive around load_balance, at Testfile:2`},
	{"@bad status 500", `response matcher @bad is not supported; use the intercept directive around load_balance, at Testfile:2`},

	{"persist", `wrong argument count or unexpected line ending after 'persist', at Testfile:2`},
	{"persist yes", `persist: expecting on or off, got "yes", at Testfile:2`},
	{"persist on off", `persist: unexpected argument "off", at Testfile:2`},
	{"persist on\npersist off", `persist is already set (Testfile:2), at Testfile:3`},
}

func TestErrors(t *testing.T) {
	for _, test := range blockErrors {
		t.Run(strings.ReplaceAll(test.block, "\n", ";"), func(t *testing.T) {
			expectError(t, "load_balance a:1 {\n\t"+test.block+"\n}", test.want)
		})
	}
}

func TestErrorsOfTheDirective(t *testing.T) {
	for directive, want := range map[string]string{
		"load_balance":                      `no backends: expecting addresses, dynamic, or the name of a pool, at Testfile:1`,
		"load_balance {\n\tlb_retries 1\n}": `no backends: expecting addresses, dynamic, or the name of a pool, at Testfile:1`,
		"load_balance a a:80":               `backend "a:80" is already given (Testfile:1); a weight gives it more requests, at Testfile:1`,
		"load_balance a b:":                 `address "b:": missing port, at Testfile:1`,
		"load_balance a\nrespond":           `unexpected token "respond", at Testfile:2`,
	} {
		expectError(t, directive, want)
	}
}

func expectError(t *testing.T, directive, want string) {
	t.Helper()
	cfg, err := Unmarshal(caddyfile.NewTestDispenser(directive))
	if err == nil {
		t.Fatalf("no error, but %+v\n%s", cfg, directive)
	}
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s\n%s", err, want, directive)
	}
}
