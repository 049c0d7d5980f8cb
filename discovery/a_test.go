package discovery

import (
	"context"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestA(t *testing.T) {
	dns := newDNSServer(t)
	dns.set("A app.test.", ips("10.0.0.10", "10.0.0.9", "10.0.0.9"))
	dns.set("AAAA app.test.", ips("2001:db8::2", "2001:db8::1"))
	dns.set("A v4.test.", ips("10.1.0.1"))
	dns.set("AAAA v4.test.", answer{})
	dns.set("A odd.test.", ips("0.0.0.0", "224.0.0.1", "10.2.0.1"))
	t.Setenv("DISCOVERY_TEST_NAME", "v4")
	tests := []struct{ name, options, want string }{
		{
			"both families, sorted, each once", `"name": "app.test", "port": "8080"`,
			"10.0.0.9:8080, 10.0.0.10:8080, [2001:db8::1]:8080, [2001:db8::2]:8080",
		},
		{"default port, name of any case", `"name": "App.Test."`, "10.0.0.9:80, 10.0.0.10:80, [2001:db8::1]:80, [2001:db8::2]:80"},
		{"ipv4 only", `"name": "app.test", "versions": {"ipv4": true}`, "10.0.0.9:80, 10.0.0.10:80"},
		{"ipv6 only", `"name": "app.test", "versions": {"ipv6": true}`, "[2001:db8::1]:80, [2001:db8::2]:80"},
		{"not ipv4", `"name": "app.test", "versions": {"ipv4": false}`, "[2001:db8::1]:80, [2001:db8::2]:80"},
		{"one family has none", `"name": "v4.test"`, "10.1.0.1:80"},
		{"global placeholder", `"name": "{env.DISCOVERY_TEST_NAME}.test"`, "10.1.0.1:80"},
		{"addresses that no server has", `"name": "odd.test"`, "10.2.0.1:80"},
		{"no such name", `"name": "nowhere.test"`, ""},
		{"an IP address", `"name": "127.0.0.1", "port": "81"`, "127.0.0.1:81"},
		{"an IPv6 address", `"name": "::1", "port": "81"`, "[::1]:81"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := mustLoad(t, "a", `{%s, "resolver": {"addresses": ["%s"]}}`, test.options, dns.addr)
			got, err := find(t, src)
			if err != nil || got != test.want {
				t.Errorf("found %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestAUsesTheSystemsResolverByDefault(t *testing.T) {
	got, err := find(t, mustLoad(t, "a", `{"name": "localhost", "versions": {"ipv4": true}}`))
	if err != nil || got != "127.0.0.1:80" {
		t.Errorf("found %q, %v", got, err)
	}
}

// What is not an answer must not look like the answer that there is nothing.
func TestFailuresAreNotEmptyAnswers(t *testing.T) {
	dns := newDNSServer(t)
	for name, a := range map[string]answer{
		"server failure": serverFailure, "refusal": refused, "silence": silence,
		"not implemented":          {rcode: dnsmessage.RCodeNotImplemented},
		"only unusable addresses":  ips("0.0.0.0"),
		"nobody listening at all?": {},
	} {
		t.Run(name, func(t *testing.T) {
			server := dns.addr
			if strings.HasPrefix(name, "nobody") {
				server = closedPort(t)
			}
			dns.setAll(&a)
			for module, options := range map[string]string{
				"a":   `"name": "app.test", "versions": {"ipv4": true}`,
				"srv": `"name": "app.test"`,
			} {
				if module == "srv" && len(a.records) > 0 {
					continue
				}
				src := mustLoad(t, module, `{%s, "resolver": {"addresses": ["%s"]}}`, options, server)
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				found, err := src.Lookups()[0].Find(ctx)
				if _, _, err = judge(result{found: found, err: err}); err == nil {
					t.Errorf("%s: no error", module)
				}
			}
		})
	}
}

func TestLookupEndsWithItsContext(t *testing.T) {
	dns := newDNSServer(t)
	dns.setAll(&silence)
	for _, cfg := range []string{"a", "srv"} {
		src := mustLoad(t, cfg, `{"name": "app.test", "resolver": {"addresses": ["%s"]}}`, dns.addr)
		ctx, cancel := context.WithCancel(t.Context())
		asked := dns.count("udp")
		ended := make(chan error, 1)
		go func() {
			_, err := src.Lookups()[0].Find(ctx)
			ended <- err
		}()
		eventually(t, "the server was asked", func() bool { return dns.count("udp") > asked })
		began := time.Now()
		cancel()
		if err := <-ended; err == nil {
			t.Errorf("%s: no error", cfg)
		}
		if took := time.Since(began); took > attemptTimeout/2 {
			t.Errorf("%s: went on for %s", cfg, took)
		}
	}
}

func TestAConfigurationErrors(t *testing.T) {
	for cfg, want := range map[string]string{
		`{}`:                                                               "name is missing",
		`{"name": "{http.request.host}"}`:                                  "not for each request",
		`{"name": "a", "port": "{http.vars.x}"}`:                           "not for each request",
		`{"name": "{env.DISCOVERY_TEST_NOT_SET}"}`:                         "is empty",
		`{"name": "foo{bar"}`:                                              "foo{bar",
		`{"name": "-x"}`:                                                   "bad host name",
		`{"name": "tcp/app"}`:                                              "not a domain name",
		`{"name": "http://app"}`:                                           "not a domain name",
		`{"name": "app", "port": "0"}`:                                     "bad port",
		`{"name": "app", "port": "http"}`:                                  "bad port",
		`{"name": "app", "port": "80-90"}`:                                 "port range",
		`{"name": "app", "refresh": -1}`:                                   "shorter than",
		`{"name": "app", "refresh": "1ms"}`:                                "shorter than",
		`{"name": "app", "dial_timeout": -1}`:                              "negative",
		`{"name": "app", "resolver": {}}`:                                  "no addresses",
		`{"name": "127.0.0.1", "versions": {"ipv6": true}}`:                `versions leave no addresses`,
		`{"name": "app", "versions": {"ipv4": false, "ipv6": false}}`:      `versions leave no addresses`,
		`{"name": "app", "resolver": {"addresses": ["1.2.3.4:53-54"]}}`:    "single port",
		`{"name": "app", "resolver": {"addresses": ["1.2.3.4:0"]}}`:        "single port",
		`{"name": "app", "resolver": {"addresses": ["unix//run/dns"]}}`:    "neither udp nor tcp",
		`{"name": "app", "resolver": {"addresses": ["1.2.3.4:x"]}}`:        "invalid",
		`{"name": "app", "resolver": {"addresses": [""]}}`:                 "bad host",
		`{"name": "app", "resolver": {"addresses": ["{http.x}:53"]}}`:      "bad host",
		`{"name": "app", "unknown": 1}`:                                    "unknown",
		`{"name": "app", "resolver": {"addresses": ["1.2.3.4"], "x": []}}`: "unknown",
	} {
		if _, err := load(t, "a", cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", cfg, err, want)
		}
	}
}
