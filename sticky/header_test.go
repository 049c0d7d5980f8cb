package sticky

import (
	"crypto/tls"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestClientUsesTLS(t *testing.T) {
	for name, test := range map[string]struct {
		tls, caddy, besides bool
		proto               []string
		want                bool
	}{
		"plain":                     {},
		"tls":                       {tls: true, want: true},
		"tls, proxy says plain":     {tls: true, caddy: true, proto: []string{"http"}, want: true},
		"caddy trusts":              {caddy: true, proto: []string{"https"}, want: true},
		"trusted besides":           {besides: true, proto: []string{"https"}, want: true},
		"untrusted":                 {proto: []string{"https"}},
		"last value counts":         {caddy: true, proto: []string{"https", "http"}},
		"trusted, says nothing":     {caddy: true},
		"trusted, says in capitals": {besides: true, proto: []string{"HTTPS"}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := (&client{ip: "192.0.2.1"}).request()
			caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, test.caddy)
			if test.tls {
				r.TLS = new(tls.ConnectionState)
			}
			if test.proto != nil {
				r.Header["X-Forwarded-Proto"] = test.proto
			}
			if got := ClientUsesTLS(r, test.besides); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
