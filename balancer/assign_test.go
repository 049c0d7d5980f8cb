package balancer

import (
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// A request that waited gets the backend that becomes free, past the policy. The
// cookie is set for that one, unless the client has it already, and also where
// the policy with the cookie is another one's fallback.
func TestCookieOfAssignedBackend(t *testing.T) {
	for name, config := range map[string]string{
		"cookie":                        `{"policy": "cookie", "secret": "x", "fallback": {"policy": "first"}}`,
		"cookie over one that tracks":   `{"policy": "cookie", "secret": "x", "fallback": {"policy": "least_conn"}}`,
		"cookie where a field is not":   `{"policy": "header", "field": "X-No", "fallback": {"policy": "cookie", "secret": "x"}}`,
		"no cookie where the field is":  `{"policy": "header", "field": "X-Key", "fallback": {"policy": "cookie", "secret": "x"}}`,
		"nothing to be done afterwards": `{"policy": "header", "field": "X-No"}`,
	} {
		t.Run(name, func(t *testing.T) {
			members := pooltest.Members(t, 1, 1, 1)
			p, ok := newPolicy(t, config).NewPicker(members, nil).(pool.Settler)
			if !ok {
				t.Fatal("the picker wants to know nothing")
			}
			want := 1
			if name[0] == 'n' {
				want = 0
			}
			q := seeded(1)
			for range 2 { // the second one is to take the place of the first
				p.Settle(q, members[2])
			}
			cookies := set(q)
			if len(cookies) != want {
				t.Fatalf("%d cookies were set, want %d", len(cookies), want)
			}
			carryCookie(q)
			p.Settle(q, members[2])
			if n := len(set(q)); n != 0 {
				t.Errorf("the client's own cookie was set again: %d", n)
			}
			p.Settle(q, members[0])
			again := set(q)
			if len(again) != want || want > 0 && again[0].Value == cookies[0].Value {
				t.Errorf("cookies for another backend: %v", again)
			}
		})
	}
}
