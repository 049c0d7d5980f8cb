package wire

import (
	"strings"
	"testing"
)

var (
	// trusted are sites of a server that trusts its clients.
	trusted = declare(kind{name: "trusted", count: 16, server: serverTrusted})

	// handlerTrusted are sites whose handler trusts its clients.
	handlerTrusted = declare(kind{name: "handler-trusted", count: 16, options: map[string]any{"trusted_proxies": []string{"127.0.0.0/8"}}})

	// elsewhere are sites whose handler trusts others.
	elsewhere = declare(kind{name: "elsewhere", count: 16, options: map[string]any{"trusted_proxies": []string{"10.0.0.0/8", "::1"}}})
)

// forwarded are cases of X-Forwarded fields that come from a client: what the
// backend gets if the client is trusted. If it is not, nothing of what it says
// is believed.
var forwarded = []struct {
	name string
	sent []string
	want []string
}{
	{"none", nil, nil},
	{"one address", []string{"X-Forwarded-For: 6.6.6.6"}, []string{"X-Forwarded-For: 6.6.6.6, 127.0.0.1"}},
	{"a list", []string{"X-Forwarded-For: 6.6.6.6, 7.7.7.7"}, []string{"X-Forwarded-For: 6.6.6.6, 7.7.7.7, 127.0.0.1"}},
	{"several lines", []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 7.7.7.7"}, []string{"X-Forwarded-For: 6.6.6.6, 7.7.7.7, 127.0.0.1"}},
	{"name in odd case", []string{"x-FORWARDED-for: 6.6.6.6"}, []string{"X-Forwarded-For: 6.6.6.6, 127.0.0.1"}},
	{"empty", []string{"X-Forwarded-For:", "X-Forwarded-Proto:", "X-Forwarded-Host:"}, nil},
	{"scheme", []string{"X-Forwarded-Proto: https"}, []string{"X-Forwarded-Proto: https"}},
	{"two schemes", []string{"X-Forwarded-Proto: https", "X-Forwarded-Proto: wss"}, []string{"X-Forwarded-Proto: wss"}},
	{"host", []string{"X-Forwarded-Host: evil.example"}, []string{"X-Forwarded-Host: evil.example"}},
	{"two hosts", []string{"X-Forwarded-Host: a.example", "X-Forwarded-Host: b.example"}, []string{"X-Forwarded-Host: b.example"}},
	{"all", []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: e.example"}, []string{"X-Forwarded-For: 6.6.6.6, 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: e.example"}},
	{"a bare list of commas", []string{"X-Forwarded-For: , ,"}, []string{"X-Forwarded-For: , ,, 127.0.0.1"}},
}

func TestRequestForwarded(t *testing.T) {
	for _, on := range []struct {
		kind    *kind
		trusted bool
	}{{plain, false}, {elsewhere, false}, {trusted, true}, {handlerTrusted, true}} {
		for _, test := range forwarded {
			t.Run(on.kind.name+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				s := on.kind.take(t)
				lines := append([]string{"GET / HTTP/1.1", "Host: HOST"}, test.sent...)
				m, _ := s.exchange(t, strings.Join(lines, "\r\n")+"\r\n\r\n", "GET")
				var want []string
				if on.trusted {
					want = test.want
				}
				m.expectFields(t, s.baseFields(), want)
			})
		}
	}
}

// TestRequestForwardedNames: near misses of the names are other fields, and
// are not ours to judge.
func TestRequestForwardedNames(t *testing.T) {
	lines := []string{"X-Forwarded-Port: 1", "X-Forwarded-Prefix: /x", "X-Real-Ip: 6.6.6.6", "Forwarded: for=6.6.6.6"}
	s := plain.take(t)
	m, _ := s.exchange(t, "GET / HTTP/1.1\r\nHost: HOST\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n", "GET")
	m.expectFields(t, s.baseFields(), lines)
}

// TestRequestForwardedNamed: Connection cannot make the proxy silent about
// where a request comes from, whoever sends it.
func TestRequestForwardedNamed(t *testing.T) {
	for _, k := range []*kind{plain, trusted} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := k.take(t)
			m, _ := s.exchange(t, "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Via\r\n"+
				"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: e.example\r\nX-Forwarded-Proto: https\r\nVia: 1.0 fred\r\n\r\n", "GET")
			for name, end := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "e", "X-Forwarded-Proto": "http", "Via": "1.1 Caddy"} {
				got := strings.Join(m.values(name), ", ")
				if k == plain && name == "X-Forwarded-Host" {
					end = s.host
				}
				if !strings.Contains(got, end) {
					t.Errorf("the backend got %s %q, without %q", name, got, end)
				}
			}
		})
	}
}
