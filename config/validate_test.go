package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// check unmarshals a handler as Caddy does, and validates it.
func check(t testing.TB, cfg string) error {
	t.Helper()
	h := new(Handler)
	if err := caddy.StrictUnmarshalJSON([]byte(cfg), h); err != nil {
		t.Fatalf("%s: %v", cfg, err)
	}
	return h.Validate()
}

func TestValid(t *testing.T) {
	for _, cfg := range []string{
		`{"pool": "app"}`,
		`{"pool": "app", "load_balancing": {"retries": 3}}`,
		`{"dynamic_backends": {"source": "a"}}`,
		`{"backends": [{"address": "a:1"}, {"address": "a:2"}, {"address": "https://a:1"}]}`,
		`{"backends": [{"address": "a", "id": "x", "weight": 1000, "priority": 1000, "max_requests": 1, "labels": {"k": ""}}]}`,
		`{"backends": [{"address": "a", "health": {"uri": "/x?y", "port": 81}}], "health_checks": {"active": {"upstream": "b:1"}}}`,
		`{"backends": [{"address": "http://a"}], "transport": {"tls": {"except_ports": ["80"]}}}`,
		`{"backends": [{"address": "a"}], "transport": {"versions": ["1.1", "2"], "response_header_timeout": 0}}`,
		`{"backends": [{"address": "a"}], "allow_backends": ["10.0.0.0/8", "::1"], "trusted_proxies": ["fd00::/8"], "upgrades": ["tus/1.0"]}`,
		`{"backends": [{"address": "a"}], "health_checks": {"initial": "down", "passive": {"unhealthy_status": [5, 404]}}}`,
		`{"backends": [{"address": "a"}, {"address": "https://b"}], "transport": {"versions": ["3"]}}`,
		`{"backends": [{"address": "a"}], "request_buffers": -1, "response_buffers": -1, "flush_interval": -1}`,
	} {
		if err := check(t, cfg); err != nil {
			t.Errorf("%s: %v", cfg, err)
		}
	}
}

func TestInvalid(t *testing.T) {
	with := func(fields string) string { return `{"backends": [{"address": "a"}], ` + fields + `}` }
	backend := func(fields string) string { return `{"backends": [{"address": "a", ` + fields + `}]}` }
	active := func(fields string) string { return with(`"health_checks": {"active": {` + fields + `}}`) }
	passive := func(fields string) string { return with(`"health_checks": {"passive": {` + fields + `}}`) }
	lb := func(fields string) string { return with(`"load_balancing": {` + fields + `}`) }
	transport := func(fields string) string { return with(`"transport": {` + fields + `}`) }
	tls := func(fields string) string { return transport(`"tls": {` + fields + `}`) }
	var labels []string
	for i := range MaxLabels + 1 {
		labels = append(labels, fmt.Sprintf(`"k%d": ""`, i))
	}
	long := strings.Repeat("x", MaxLabelLen+1)
	for cfg, want := range map[string]string{
		`{}`:                                "no backends, and no pool to refer to",
		`{"pool": "a b"}`:                   "pool name",
		`{"backends": [{}]}`:                "empty",
		`{"backends": [{"address": "a:"}]}`: "missing port",
		`{"backends": [{"address": "{env.LB_TEST_UNSET}:"}]}`:                        `backend "{env.LB_TEST_UNSET}:": address ":": missing port`,
		`{"backends": [{"address": "a:1-2"}]}`:                                       "port range not allowed here",
		`{"backends": [{"address": "a"}, {"address": "http://A:80/"}]}`:              `address a:80 is already taken by backend "a"`,
		`{"backends": [{"address": "a", "id": "x"}, {"address": "b", "id": "x"}]}`:   `id x is already taken by backend "a"`,
		`{"backends": [{"address": "a"}, {"address": "b", "id": "a:80"}]}`:           `id a:80 is already taken`,
		`{"backends": [{"address": "http://a"}], "transport": {"tls": {}}}`:          "configured for TLS",
		`{"backends": [{"address": "a", "health": {"port": 1, "upstream": "b:1"}}]}`: "exclude each other",
		`{"backends": [{"address": "a", "health": {"scheme": "ftp"}}]}`:              `backend "a"`,
		backend(`"id": "a/b"`):                                   "'/'",
		backend(`"weight": -1`):                                  "weight -1",
		backend(`"weight": 1001`):                                "weight 1001",
		backend(`"priority": -1`):                                "priority -1",
		backend(`"priority": 1001`):                              "priority 1001",
		backend(`"max_requests": -1`):                            "max_requests -1",
		backend(`"labels": {"": "v"}`):                           "keys have 1 to 256",
		backend(`"labels": {"` + long + `": "v"}`):               "keys have 1 to 256",
		backend(`"labels": {"k": "` + long + `"}`):               "values at most",
		backend(`"labels": {` + strings.Join(labels, ",") + `}`): "33 labels",

		with(`"health_checks": {"initial": "x"}`): `health_initial "x"`,
		active(`"interval": -1`):                  "health_interval -1ns",
		active(`"timeout": -1`):                   "health_timeout -1ns",
		active(`"passes": -1`):                    "health_passes -1",
		active(`"fails": -1`):                     "health_fails -1",
		active(`"max_size": -1`):                  "max_size -1",
		active(`"port": -1`):                      "health_port -1",
		active(`"port": 65536`):                   "health_port 65536",
		active(`"port": 1, "upstream": "a:1"`):    "exclude each other",
		active(`"upstream": "a"`):                 `health_upstream "a"`,
		active(`"scheme": "ftp"`):                 `"ftp"`,
		active(`"uri": "x"`):                      `health_uri "x"`,
		active(`"uri": "http://host/x"`):          "health_uri",
		active(`"expect_body": "("`):              `health_body "("`,
		active(`"expect_status": [0]`):            "neither a status code",
		active(`"expect_status": [6]`):            "neither a status code",
		active(`"expect_status": [600]`):          "neither a status code",
		passive(`"fail_duration": -1`):            "fail_duration -1ns",
		passive(`"max_fails": -1`):                "max_fails -1",
		passive(`"unhealthy_request_count": -1`):  "unhealthy_request_count -1",
		passive(`"unhealthy_latency": -1`):        "unhealthy_latency -1ns",
		passive(`"unhealthy_status": [99]`):       "unhealthy_status 99",

		lb(`"all_down": "x"`):                        `all_down "x"`,
		lb(`"retries": -1`):                          "lb_retries -1",
		lb(`"retry_budget": {"percent": 101}`):       "retry_budget 101",
		lb(`"retry_budget": {"percent": -1}`):        "retry_budget -1",
		lb(`"retry_budget": {"min_concurrent": -1}`): "minimum -1",
		lb(`"queue": {}`):                            "queue: size 0",
		lb(`"queue": {"size": -1}`):                  "queue: size -1",
		lb(`"queue": {"size": 1000001}`):             "queue: size 1000001 is not within 1 to 1000000",
		lb(`"queue": {"size": 1}`):                   "queue: timeout 0s is not positive",
		lb(`"queue": {"size": 1, "timeout": "-1s"}`): "queue: timeout -1s",
		lb(`"try_duration": -1`):                     "lb_try_duration -1ns",
		lb(`"try_interval": -1`):                     "lb_try_interval -1ns",

		with(`"allow_backends": ["10.0.0.0/33"]`): "allow_backends",
		with(`"trusted_proxies": ["app"]`):        "trusted_proxies",
		with(`"request_buffers": -2`):             "-2",
		with(`"response_buffers": -2`):            "-2",
		with(`"stream_buffer_size": -1`):          "stream_buffer_size -1",
		with(`"upgrades": [""]`):                  "upgrades",
		with(`"upgrades": ["H2C"]`):               "upgrades",
		with(`"upgrades": ["a b"]`):               "upgrades",

		`{"backends": [{"address": "http://a"}], "transport": {"versions": ["3"]}}`: `"http://a" cannot be spoken to over HTTP/3`,
		`{"backends": [{"address": "h2c://a"}], "transport": {"versions": ["3"]}}`:  `"h2c://a" cannot be spoken to over HTTP/3`,
		`{"backends": [{"address": "unix//a"}], "transport": {"versions": ["3"]}}`:  `"unix//a" cannot be spoken to over HTTP/3`,

		transport(`"versions": ["1.0"]`):                                  `"1.0"`,
		transport(`"versions": ["3", "2"]`):                               "HTTP/3 excludes",
		transport(`"proxy_protocol": "v3"`):                               `"v3"`,
		transport(`"forward_proxy_url": "http://x", "network_proxy": {}`): "exclude each other",
		transport(`"response_header_timeout": -1`):                        "response_header_timeout -1ns",
		transport(`"dial_timeout": -1`):                                   "dial_timeout -1ns",
		transport(`"expect_continue_timeout": -1`):                        "expect_continue_timeout -1ns",
		transport(`"read_timeout": -1`):                                   "read_timeout -1ns",
		transport(`"write_timeout": -1`):                                  "write_timeout -1ns",
		transport(`"max_conns_per_host": -1`):                             "max_conns_per_host -1",
		transport(`"max_response_header_size": -1`):                       "max_response_header_size -1",
		transport(`"write_buffer_size": -1`):                              "write_buffer_size -1",
		transport(`"read_buffer_size": -1`):                               "read_buffer_size -1",
		transport(`"resolver": {}`):                                       "no addresses",
		tls(`"client_certificate_file": "x"`):                             "go together",
		tls(`"client_certificate_key_file": "x"`):                         "go together",
		tls(`"ca": {}, "root_ca_pool": ["x"]`):                            "ca excludes",
		tls(`"ca": {}, "root_ca_pem_files": ["x"]`):                       "ca excludes",
		tls(`"renegotiation": "x"`):                                       `renegotiation "x"`,
	} {
		if err := check(t, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", cfg, err, want)
		}
	}
}

func TestParsePrefixes(t *testing.T) {
	got, err := ParsePrefixes([]string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"})
	if err != nil || fmt.Sprint(got) != "[10.0.0.0/8 192.0.2.1/32 2001:db8::/32 ::1/128]" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "app", "10.0.0.0/33", "10.0.0/8", "::1%eth0/64", "/8"} {
		if _, err := ParsePrefixes([]string{bad}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestRefersOnly(t *testing.T) {
	for cfg, want := range map[string]bool{
		`{"pool": "x"}`: true,
		`{"pool": "x", "request_buffers": 1, "load_balancing": {"retries": 1}}`: true,
		`{"pool": "x", "load_balancing": {"queue": {}}}`:                        false,
		`{"pool": "x", "load_balancing": {"retry_budget": {}}}`:                 false,
		`{"pool": "x", "backends": [{"address": "a"}]}`:                         false,
		`{"pool": "x", "dynamic_backends": {}}`:                                 false,
		`{"pool": "x", "health_checks": {}}`:                                    false,
		`{"pool": "x", "transport": {}}`:                                        false,
		`{"pool": "x", "allow_backends": []}`:                                   false,
		`{"pool": "x", "persist": true}`:                                        false,
		`{"pool": "x", "load_balancing": {"all_down": "fail"}}`:                 false,
		`{"pool": "x", "load_balancing": {"slow_start": 1}}`:                    false,
		`{"pool": "x", "load_balancing": {"bounded_load": 2}}`:                  false,
		`{"pool": "x", "load_balancing": {"selection_policy": {}}}`:             false,
		`{"pool": "x", "load_balancing": {"sticky": {"by": "client_ip"}}}`:      false,
	} {
		h := new(Handler)
		if err := caddy.StrictUnmarshalJSON([]byte(cfg), h); err != nil {
			t.Fatal(err)
		}
		if got := h.RefersOnly(); got != want {
			t.Errorf("%s: %v", cfg, got)
		}
	}
}
