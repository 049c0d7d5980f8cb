package caddyfile

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// unmarshal returns the JSON of the directive with the given arguments and
// block.
func unmarshal(t *testing.T, directive string) string {
	t.Helper()
	cfg, err := Unmarshal(caddyfile.NewTestDispenser(directive))
	if err != nil {
		t.Fatalf("unmarshal: %v\n%s", err, directive)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatalf("validate: %v\n%s", err, directive)
	}
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatalf("marshal: %v\n%s", err, directive)
	}
	return string(raw)
}

// expectJSON compares JSON texts, whatever the order of their keys.
func expectJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%v: %s", err, want)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBackends(t *testing.T) {
	for _, test := range []struct{ directive, want string }{
		{`load_balance a`, `[{"address":"a:80"}]`},
		{`load_balance A:08080 :9000`, `[{"address":"a:8080"},{"address":"localhost:9000"}]`},
		{`load_balance http://a https://a h2c://b`, `[{"address":"a:80"},{"address":"https://a:443"},{"address":"h2c://b:80"}]`},
		{`load_balance unix//run/a.sock unix+h2c//run/b.sock`, `[{"address":"unix//run/a.sock"},{"address":"unix+h2c//run/b.sock"}]`},
		{`load_balance [::1]:8001-8003`, `[{"address":"[::1]:8001"},{"address":"[::1]:8002"},{"address":"[::1]:8003"}]`},
		{`load_balance https://a:8001-8002`, `[{"address":"https://a:8001"},{"address":"https://a:8002"}]`},
		{"load_balance a {\n to b c\n to d:1\n}", `[{"address":"a:80"},{"address":"b:80"},{"address":"c:80"},{"address":"d:1"}]`},
		{
			"load_balance {\n backend a:1 {\n id one\n weight 3\n priority 1\n max_requests 9\n label zone x\n label rack y\n}\n backend b\n}",
			`[{"address":"a:1","id":"one","weight":3,"priority":1,"max_requests":9,"labels":{"zone":"x","rack":"y"}},{"address":"b:80"}]`,
		},
		{"load_balance {\n backend a:1-2 {\n weight 3\n}\n}", `[{"address":"a:1","weight":3},{"address":"a:2","weight":3}]`},
	} {
		expectJSON(t, unmarshal(t, test.directive), `{"backends":`+test.want+`}`)
	}
}

// Where a Caddyfile is adapted, the environment of the config's machine is not
// known.
func TestAddressFromEnvironment(t *testing.T) {
	cfg, err := Unmarshal(caddyfile.NewTestDispenser("load_balance {env.LB_NOT_SET} {\n backend {env.LB_NEITHER} {\n weight 2\n}\n}"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := cfg.Backends[0].Address, cfg.Backends[1].Address; a != "{env.LB_NOT_SET}" || b != "{env.LB_NEITHER}" {
		t.Errorf("addresses are %q and %q", a, b)
	}
}

func TestSubdirectives(t *testing.T) {
	for line, want := range map[string]string{
		"pool web":                      `"pool":"web"`,
		"dynamic test x {\n y z\n}":     `"dynamic_backends":{"source":"test","args":["x"],"options":{"y":["z"]}}`,
		"allow_backends 10.0.0.0/8 ::1": `"allow_backends":["10.0.0.0/8","::1"]`,
		"persist on":                    `"persist":true`,
		"persist off":                   `"persist":false`,

		"lb_policy test a b":               `"load_balancing":{"selection_policy":{"policy":"test","args":["a","b"]}}`,
		"lb_retries 3":                     `"load_balancing":{"retries":3}`,
		"lb_try_duration 5s":               `"load_balancing":{"try_duration":5000000000}`,
		"lb_try_interval 5ms":              `"load_balancing":{"try_interval":5000000}`,
		"queue 100 5s":                     `"load_balancing":{"queue":{"size":100,"timeout":5000000000}}`,
		"retry_budget 20":                  `"load_balancing":{"retry_budget":{"percent":20}}`,
		"retry_budget 0 10":                `"load_balancing":{"retry_budget":{"percent":0,"min_concurrent":10}}`,
		"retry_budget off":                 `"load_balancing":{"retry_budget":{"percent":100}}`,
		"lb_retry_match path /a":           `"load_balancing":{"retry_match":[{"path":["/a"]}]}`,
		"lb_retry_match {\n method PUT\n}": `"load_balancing":{"retry_match":[{"method":["PUT"]}]}`,
		"all_down ignore_health":           `"load_balancing":{"all_down":"ignore_health"}`,

		"sticky client_ip":             `"load_balancing":{"sticky":{"by":"client_ip"}}`,
		"sticky cookie":                `"load_balancing":{"sticky":{"by":"cookie"}}`,
		"sticky cookie lb {env.S}":     `"load_balancing":{"sticky":{"by":"cookie","name":"lb","secret":"{env.S}"}}`,
		"sticky cookie {\n path /a\n}": `"load_balancing":{"sticky":{"by":"cookie","path":"/a"}}`,
		"sticky cookie s {\n max_age 1h\n domain a.com\n same_site none\n}": `"load_balancing":{"sticky":{"by":"cookie","name":"s","max_age":3600000000000,"domain":"a.com","same_site":"none"}}`,

		"health_uri /ok?x=1":         `"health_checks":{"active":{"uri":"/ok?x=1"}}`,
		"health_path /ok":            `"health_checks":{"active":{"uri":"/ok"}}`,
		"health_upstream 1.2.3.4:80": `"health_checks":{"active":{"upstream":"1.2.3.4:80"}}`,
		"health_port 8081":           `"health_checks":{"active":{"port":8081}}`,
		"health_interval 1d":         `"health_checks":{"active":{"interval":86400000000000}}`,
		"health_interval off":        `"health_checks":{"active":{"disabled":true}}`,
		"health_timeout 2s":          `"health_checks":{"active":{"timeout":2000000000}}`,
		"health_passes 2":            `"health_checks":{"active":{"passes":2}}`,
		"health_fails 3":             `"health_checks":{"active":{"fails":3}}`,
		"health_initial down":        `"health_checks":{"initial":"down"}`,

		"fail_duration 30s":                           `"health_checks":{"passive":{"fail_duration":30000000000}}`,
		"eject_time 10s":                              `"health_checks":{"passive":{"eject_time":10000000000}}`,
		"eject_time 10s 5m":                           `"health_checks":{"passive":{"eject_time":10000000000,"max_eject_time":300000000000}}`,
		"fail_ratio 0.5 20":                           `"health_checks":{"passive":{"fail_ratio":0.5,"min_requests":20}}`,
		"fail_ratio 25% 20":                           `"health_checks":{"passive":{"fail_ratio":0.25,"min_requests":20}}`,
		"fail_ratio 0.5 20\n\t\tmax_ejected 30%":      `"health_checks":{"passive":{"fail_ratio":0.5,"max_ejected":30,"min_requests":20}}`,
		"lb_policy test_hash\n bounded_load 1.25":     `"load_balancing":{"bounded_load":1.25,"selection_policy":{"policy":"test_hash"}}`,
		"slow_start 30s":                              `"load_balancing":{"slow_start":30000000000}`,
		"max_fails 3":                                 `"health_checks":{"passive":{"max_fails":3}}`,
		"unhealthy_status 5xx 429":                    `"health_checks":{"passive":{"unhealthy_status":[5,429]}}`,
		"unhealthy_latency 2s":                        `"health_checks":{"passive":{"unhealthy_latency":2000000000}}`,
		"unhealthy_request_count 10":                  `"health_checks":{"passive":{"unhealthy_request_count":10}}`,
		"unhealthy_status 500\n unhealthy_status 502": `"health_checks":{"passive":{"unhealthy_status":[500,502]}}`,

		"flush_interval -1":                `"flush_interval":-1`,
		"flush_interval 100ms":             `"flush_interval":100000000`,
		"request_buffers unlimited":        `"request_buffers":-1`,
		"request_buffers 4KB":              `"request_buffers":4000`,
		"response_buffers 4KiB":            `"response_buffers":4096`,
		"stream_buffer_size 64KiB":         `"stream_buffer_size":65536`,
		"stream_timeout 24h":               `"stream_timeout":86400000000000`,
		"stream_close_delay 1s":            `"stream_close_delay":1000000000`,
		"stream_timeout -1\n verbose_logs": `"verbose_logs":true`,
		"upgrades tls/1.2 foo":             `"upgrades":["tls/1.2","foo"]`,
		"client_body_timeout 20s":          `"client_body_timeout":20000000000`,
		"client_body_timeout 20s 500":      `"client_body_min_rate":500,"client_body_timeout":20000000000`,
		"client_body_timeout off":          `"client_body_timeout":0`,
		"send_timeout 0 0":                 `"send_min_rate":0,"send_timeout":0`,
		"proxy_status_name edge":           `"proxy_status_name":"edge"`,

		"trusted_proxies 10.0.0.0/8\n trusted_proxies ::1": `"trusted_proxies":["10.0.0.0/8","::1"]`,
		"trusted_proxies private_ranges":                   `"trusted_proxies":["192.168.0.0/16","172.16.0.0/12","10.0.0.0/8","127.0.0.1/8","fd00::/8","::1"]`,
		"header_up A b\n header_up +A c\n header_up -D":    `"headers":{"request":{"set":{"A":["b"]},"add":{"A":["c"]},"delete":["D"]}}`,

		"header_up A b c":                 `"headers":{"request":{"replace":{"A":[{"search_regexp":"b","replace":"c"}]}}}`,
		"header_down -Server":             `"headers":{"response":{"delete":["Server"]}}`,
		"method GET\n rewrite /x?{query}": `"rewrite":{"method":"GET","uri":"/x?{query}"}`,
	} {
		t.Run(line, func(t *testing.T) {
			got := unmarshal(t, "load_balance a:1 {\n "+line+"\n}")
			expectJSON(t, got, `{"backends":[{"address":"a:1"}],`+want+`}`)
		})
	}
}

// A port is probed by a request for / if there is more to say of a request.
func TestHealthPort(t *testing.T) {
	for block, want := range map[string]string{
		"health_port 81":                                     `{"port":81}`,
		"health_port 81\n health_fails 2":                    `{"port":81,"fails":2}`,
		"health_port 81\n health_status 200":                 `{"port":81,"uri":"/","expect_status":[200]}`,
		"health_headers {\n A b\n}\n health_port 81":         `{"port":81,"uri":"/","headers":{"A":["b"]}}`,
		"health_port 81\n health_status 200\n health_uri /x": `{"port":81,"uri":"/x","expect_status":[200]}`,
	} {
		got := unmarshal(t, "load_balance a:1 {\n "+block+"\n}")
		expectJSON(t, got, `{"backends":[{"address":"a:1"}],"health_checks":{"active":`+want+`}}`)
		got = unmarshal(t, "load_balance {\n backend a:1 {\n "+block+"\n}\n}")
		expectJSON(t, got, `{"backends":[{"address":"a:1","health":`+want+`}]}`)
	}
}

// Options of HTTP probes are tried together with what makes the probe one.
func TestHTTPProbe(t *testing.T) {
	for line, want := range map[string]string{
		"health_scheme https":                     `"scheme":"https"`,
		"health_host example.com":                 `"host":"example.com"`,
		"health_sni example.com":                  `"server_name":"example.com"`,
		"health_method HEAD":                      `"method":"HEAD"`,
		"health_request_body \"a b\"":             `"body":"a b"`,
		"health_follow_redirects":                 `"follow_redirects":true`,
		"health_follow_redirects off":             `"follow_redirects":false`,
		"health_status 200 3xx 404":               `"expect_status":[200,3,404]`,
		"health_body ^ok$":                        `"expect_body":"^ok$"`,
		"health_max_size 1MiB":                    `"max_size":1048576`,
		"health_headers {\n a b\n a c\n Empty\n}": `"headers":{"A":["b","c"],"Empty":[""]}`,
	} {
		t.Run(line, func(t *testing.T) {
			want := `{"uri":"/ok",` + want + `}`
			got := unmarshal(t, "load_balance a:1 {\n "+line+"\n health_uri /ok\n}")
			expectJSON(t, got, `{"backends":[{"address":"a:1"}],"health_checks":{"active":`+want+`}}`)
			got = unmarshal(t, "load_balance {\n backend a:1 {\n health_uri /ok\n "+line+"\n}\n}")
			expectJSON(t, got, `{"backends":[{"address":"a:1","health":`+want+`}]}`)
		})
	}
}

func TestTransport(t *testing.T) {
	for line, want := range map[string]string{
		"read_buffer 10KiB":                          `"read_buffer_size":10240`,
		"write_buffer 10KB":                          `"write_buffer_size":10000`,
		"max_response_header 1MB":                    `"max_response_header_size":1000000`,
		"read_timeout 1s":                            `"read_timeout":1000000000`,
		"write_timeout 1s":                           `"write_timeout":1000000000`,
		"dial_timeout 1s":                            `"dial_timeout":1000000000`,
		"dial_fallback_delay -1s":                    `"dial_fallback_delay":-1000000000`,
		"expect_continue_timeout 1s":                 `"expect_continue_timeout":1000000000`,
		"response_header_timeout 0":                  `"response_header_timeout":0`,
		"max_conns_per_host 5":                       `"max_conns_per_host":5`,
		"local_address 127.0.0.1":                    `"local_address":"127.0.0.1"`,
		"versions h2c 2":                             `"versions":["h2c","2"]`,
		"proxy_protocol v2":                          `"proxy_protocol":"v2"`,
		"forward_proxy_url http://p:1":               `"network_proxy":{"from":"url","url":"http://p:1"}`,
		"network_proxy none":                         `"network_proxy":{"from":"none"}`,
		"resolvers 8.8.8.8 tcp/1.1.1.1:53":           `"resolver":{"addresses":["8.8.8.8","tcp/1.1.1.1:53"]}`,
		"compression off":                            `"compression":false`,
		"compression":                                `"compression":true`,
		"tls":                                        `"tls":{}`,
		"tls_client_auth name":                       `"tls":{"client_certificate_automate":"name"}`,
		"tls_client_auth c.pem k.pem":                `"tls":{"client_certificate_file":"c.pem","client_certificate_key_file":"k.pem"}`,
		"tls_insecure_skip_verify":                   `"tls":{"insecure_skip_verify":true}`,
		"tls_curves x25519 secp256r1":                `"tls":{"curves":["x25519","secp256r1"]}`,
		"tls_timeout 3s":                             `"tls":{"handshake_timeout":3000000000}`,
		"tls_trusted_ca_certs a.pem b.pem":           `"tls":{"root_ca_pem_files":["a.pem","b.pem"]}`,
		"tls_trust_pool file {\n pem_file a.pem\n}":  `"tls":{"ca":{"provider":"file","pem_files":["a.pem"]}}`,
		"tls_server_name example.com":                `"tls":{"server_name":"example.com"}`,
		"tls_renegotiation once":                     `"tls":{"renegotiation":"once"}`,
		"tls_except_ports 80 8080":                   `"tls":{"except_ports":["80","8080"]}`,
		"keepalive off\n keepalive_interval 5s":      `"keep_alive":{"enabled":false,"probe_interval":5000000000}`,
		"keepalive 2m":                               `"keep_alive":{"idle_timeout":120000000000}`,
		"keepalive_idle_conns 100":                   `"keep_alive":{"max_idle_conns":100}`,
		"keepalive_idle_conns_per_host 10":           `"keep_alive":{"max_idle_conns_per_host":10}`,
		"tls_except_ports 80\n tls_server_name name": `"tls":{"except_ports":["80"],"server_name":"name"}`,
	} {
		t.Run(line, func(t *testing.T) {
			got := unmarshal(t, "load_balance a:1 {\n transport http {\n "+line+"\n}\n}")
			expectJSON(t, got, `{"backends":[{"address":"a:1"}],"transport":{`+want+`}}`)
		})
	}
}

func TestTransportWithoutOptionsIsLeftOut(t *testing.T) {
	for _, block := range []string{"transport http", "transport http {\n}"} {
		got := unmarshal(t, "load_balance a:1 {\n "+block+"\n}")
		expectJSON(t, got, `{"backends":[{"address":"a:1"}]}`)
	}
}

// A plain backend is fine beside TLS if its port is excepted.
func TestPlainBackendOnExceptedPort(t *testing.T) {
	got := unmarshal(t, "load_balance http://a:8080 {\n transport http {\n tls_except_ports 8080\n}\n}")
	expectJSON(t, got, `{"backends":[{"address":"a:8080"}],"transport":{"tls":{"except_ports":["8080"]}}}`)
}

func TestReferenceToPool(t *testing.T) {
	cfg, err := Unmarshal(caddyfile.NewTestDispenser("load_balance {\n pool web\n lb_retries 2\n header_up A b\n}"))
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.RefersOnly() {
		t.Errorf("%+v defines the pool", cfg)
	}
}
