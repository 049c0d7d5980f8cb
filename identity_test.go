package loadbalance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestIdentify(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"one backend", `{"backends": [{"address": "10.0.0.1"}]}`, "10.0.0.1:80"},
		{"normalised", `{"backends": [{"address": "http://LOCALHOST:8080/"}]}`, "localhost:8080"},
		{"three", `{"backends": [{"address": "a:1"}, {"address": "b:1"}, {"address": "c:1"}]}`, "a:1,b:1,c:1"},
		{"scheme", `{"backends": [{"address": "https://a"}]}`, "https:-a:443"},
		{"forwarding does not count", `{"backends": [{"address": "a:1"}], "flush_interval": -1, "load_balancing": {"retries": 2}}`, "a:1"},
		{"named", `{"pool": "api", "backends": [{"address": "a:1"}]}`, "api"},
		{"four", `{"backends": [{"address": "a:1"}, {"address": "b:1"}, {"address": "c:1"}, {"address": "d:1"}]}`, "a:1,b:1,c:1+1~"},
		{"weight", `{"backends": [{"address": "a:1", "weight": 3}]}`, "a:1~"},
		{"policy", `{"backends": [{"address": "a:1"}], "load_balancing": {"selection_policy": {"policy": "first"}}}`, "a:1~"},
		{"unix socket", `{"backends": [{"address": "unix//run/app.sock"}]}`, "unix-run-app.sock"},
		{"discovery", `{"dynamic_backends": {"source": "srv", "name": "x"}}`, "dynamic-srv~"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h config.Handler
			if err := json.Unmarshal([]byte(c.config), &h); err != nil {
				t.Fatal(err)
			}
			id, err := identify(&h)
			if err != nil {
				t.Fatal(err)
			}
			again, err := identify(&h)
			if err != nil || again != id {
				t.Errorf("identified as %+v, then as %+v (%v)", id, again, err)
			}
			name, hash, hashed := strings.Cut(id.name, "~")
			want, wantHash := strings.CutSuffix(c.want, "~")
			if name != want || hashed != wantHash || (hashed && len(hash) != 6) {
				t.Errorf("named %q, want %q", id.name, c.want)
			}
		})
	}
}
