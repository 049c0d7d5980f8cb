package health

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestRedirects(t *testing.T) {
	follow := true
	elsewhere := httpTrial(t, "/", func(http.ResponseWriter, *http.Request) {
		t.Error("another server was asked")
	}).address
	tests := map[string]struct {
		location string // {self} is the server's address
		host     string // configured
		want     string
	}{
		"relative":                 {"/end", "", "HTTP 200"},
		"relative, with host":      {"end", "app.test", "HTTP 200"},
		"to itself":                {"http://{self}/end", "", "HTTP 200"},
		"to itself, with host":     {"http://{self}/end", "app.test", "HTTP 200"},
		"to its name":              {"http://APP.test:80/end", "app.test", "HTTP 200"},
		"to another server":        {"http://" + elsewhere + "/end", "", "redirected to another server"},
		"to another name":          {"http://evil.test/end", "app.test", "redirected to another server"},
		"to another port":          {"http://app.test:81/end", "app.test", "redirected to another server"},
		"to another scheme":        {"https://app.test/end", "app.test", "redirected to another server"},
		"to cloud metadata":        {"http://169.254.169.254/end", "", "redirected to another server"},
		"in a loop":                {"/", "", "too many redirects"},
		"to an unhealthy answer":   {"/503", "", "HTTP 503, expected 2xx"},
		"malformed":                {"http://%zz/secret", "", "malformed redirect"},
		"to nowhere":               {"", "", "HTTP 302, expected 2xx"},
		"to itself by credentials": {"http://user:secret@{self}/end", "", "HTTP 200"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var hops atomic.Int64
			tr := httpTrial(t, "/", func(w http.ResponseWriter, r *http.Request) {
				hops.Add(1)
				if want := test.host; want != "" && r.Host != want {
					t.Errorf("%s with Host %s, want %s", r.URL, r.Host, want)
				}
				if r.Header.Get("Authorization") != "token" || r.Header.Get("Referer") != "" {
					t.Errorf("%s with headers %v", r.URL, r.Header)
				}
				switch r.URL.Path {
				case "/end":
				case "/503":
					w.WriteHeader(503)
				default:
					if test.location != "" {
						w.Header().Set("Location", strings.ReplaceAll(test.location, "{self}", r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }).String()))
					}
					w.WriteHeader(302)
				}
			})
			tr.settings = config.ActiveHealth{URI: "/", Host: test.host, FollowRedirects: &follow, Headers: http.Header{"Authorization": {"token"}}}
			tr.expect(t, test.want, test.want == "HTTP 200")
			if n := hops.Load(); n > maxRedirects+1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestRedirectsAreNotFollowedByDefault(t *testing.T) {
	tr := httpTrial(t, "/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("asked for %s", r.URL)
		}
		http.Redirect(w, r, "/end", http.StatusFound)
	})
	tr.expect(t, "HTTP 302, expected 2xx", false)
	tr.settings.ExpectStatus = []int{3}
	tr.expect(t, "HTTP 302", true)
}

// TestRedirectKeepsTheBody is about codes that repeat the request as it was.
func TestRedirectKeepsTheBody(t *testing.T) {
	follow := true
	var bodies []string
	tr := httpTrial(t, "/", func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 16)
		n, _ := r.Body.Read(b)
		bodies = append(bodies, r.Method+" "+string(b[:n]))
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		}
	})
	tr.settings.FollowRedirects, tr.settings.Method, tr.settings.Body = &follow, "POST", "ping"
	tr.expect(t, "HTTP 200", true)
	if got := strings.Join(bodies, ", "); got != "POST ping, POST ping" {
		t.Errorf("got %s", got)
	}
}
