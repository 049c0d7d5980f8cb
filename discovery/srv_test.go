package discovery

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestSRV(t *testing.T) {
	dns := newDNSServer(t)
	dns.set("SRV _api._tcp.example.test.", services(
		srv(20, 0, 9001, "b.test."), srv(10, 60, 9001, "A.test."), srv(10, 40, 9002, "a.test."), srv(20, 5, 9000, "c.test."),
	))
	dns.set("SRV heavy.test.", services(
		srv(1, 65535, 80, "a.test."), srv(1, 32768, 80, "b.test."), srv(1, 1, 80, "c.test."), srv(1, 0, 80, "d.test."), srv(2, 7, 80, "e.test."),
	))
	dns.set("SRV twice.test.", services(srv(2, 9, 80, "a.test."), srv(1, 3, 80, "a.test."), srv(1, 5, 80, "a.test.")))
	dns.set("SRV none.test.", services(srv(0, 0, 0, ".")))
	dns.set("SRV partly.test.", services(srv(0, 1, 80, "."), srv(0, 1, 0, "a.test."), srv(0, 1, 80, "b.test.")))
	dns.set("SRV nodata.test.", answer{})
	tests := []struct{ name, options, want string }{
		{
			"priorities and weights", `"service": "api", "proto": "tcp", "name": "example.test"`,
			"a.test:9001 w60 p0, a.test:9002 w40 p0, c.test:9000 w5 p1, b.test:9001 w1 p1",
		},
		{
			"whole name", `"name": "_api._tcp.example.test"`,
			"a.test:9001 w60 p0, a.test:9002 w40 p0, c.test:9000 w5 p1, b.test:9001 w1 p1",
		},
		{"large weights", `"name": "heavy.test"`, "a.test:80 w1000 p0, b.test:80 w500 p0, c.test:80, d.test:80, e.test:80 w7 p1"},
		{"one target more than once", `"name": "twice.test"`, "a.test:80 w5 p0"},
		{"decidedly no service", `"name": "none.test"`, ""},
		{"records without server", `"name": "partly.test"`, "b.test:80"},
		{"no records", `"name": "nodata.test"`, ""},
		{"no such name", `"name": "nowhere.test"`, ""},
		{"network", `"name": "partly.test", "dial_network": "tcp4"`, "tcp4/b.test:80"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := mustLoad(t, "srv", `{%s, "resolver": {"addresses": ["%s"]}}`, test.options, dns.addr)
			for range 3 { // the resolver shuffles records by weight
				got, err := find(t, src)
				if err != nil || got != test.want {
					t.Fatalf("found %q, %v; want %q", got, err, test.want)
				}
			}
		})
	}
}

func TestSRVOfTooManyServers(t *testing.T) {
	dns := newDNSServer(t)
	var records []dnsmessage.ResourceBody
	for i := range uint16(maxBackends + 100) {
		records = append(records, srv(i, 1, 1000+i, "a.test."))
	}
	many := services(records...)
	many.cutShort = true // over TCP, that is
	dns.set("SRV many.test.", many)
	src := mustLoad(t, "srv", `{"name": "many.test", "resolver": {"addresses": ["%s"]}}`, dns.addr)
	found, err := src.Lookups()[0].Find(t.Context())
	if len(found) != 1001 || err == nil || !strings.Contains(err.Error(), "priorities") {
		t.Fatalf("found %d, %v", len(found), err)
	}
	if dns.count("tcp") == 0 {
		t.Error("a truncated answer was not asked for over TCP")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	var list []string
	for i := range maxBackends + 10 {
		list = append(list, fmt.Sprintf("10.0.%d.%d:80", i/256, i%256))
	}
	specs, leftOut, err := judge(result{found: backends(list...)})
	if len(specs) != maxBackends || err != nil || !strings.Contains(leftOut, "more than 1024") {
		t.Errorf("%d backends, left out %q, %v", len(specs), leftOut, err)
	}
}

func TestSRVConfigurationErrors(t *testing.T) {
	for cfg, want := range map[string]string{
		`{}`:                              "name is missing",
		`{"name": "{http.request.host}"}`: "not for each request",
		`{"name": "x", "service": "{http.x}", "proto": "tcp"}`: "not for each request",
		`{"name": "x", "service": "a", "proto": "{http.x}"}`:   "not for each request",
		`{"name": "x", "service": "api"}`:                      "go together",
		`{"name": "x", "proto": "tcp"}`:                        "go together",
		`{"name": "x", "service": "_api", "proto": "tcp"}`:     "without underscore",
		`{"name": "x", "service": "a.b", "proto": "tcp"}`:      "without dots",
		`{"name": "10.0.0.1"}`:                                 "not a domain name",
		`{"name": "x:80"}`:                                     "not a domain name",
		`{"name": "tcp/x"}`:                                    "not a domain name",
		`{"name": "x y"}`:                                      "space",
		`{"name": "x", "grace_period": -1}`:                    "negative",
		`{"name": "x", "grace_period": 1}`:                     "shorter than",
		`{"name": "x", "refresh": 1}`:                          "shorter than",
		`{"name": "x", "dial_network": "udp"}`:                 "none of tcp",
		`{"name": "x", "resolver": {"addresses": []}}`:         "no addresses",
	} {
		if _, err := load(t, "srv", cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", cfg, err, want)
		}
	}
}

func TestMultiConfigurationErrors(t *testing.T) {
	for cfg, want := range map[string]string{
		`{}`:                                "no sources",
		`{"sources": []}`:                   "no sources",
		`{"sources": [{"source": "nope"}]}`: "unknown module",
		`{"sources": [{"source": "a"}]}`:    "name is missing",
	} {
		if _, err := load(t, "multi", cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", cfg, err, want)
		}
	}
}
