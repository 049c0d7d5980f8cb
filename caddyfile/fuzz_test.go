package caddyfile

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// FuzzUnmarshal expects that no text makes the parser panic, and that what it
// accepts is a configuration which survives JSON and has canonical addresses.
func FuzzUnmarshal(f *testing.F) {
	for _, e := range blockErrors {
		f.Add(" a:1 {\n" + e.block + "\n}")
	}
	full, err := os.ReadFile("testdata/full.Caddyfile")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(full[len("load_balance"):]))
	f.Add(" 10.0.0.1:8001-8003 https://[::1] unix//run/a.sock {env.A}:80")

	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := caddyfile.Tokenize([]byte("load_balance"+text), "Fuzz")
		if err != nil || len(tokens) == 0 {
			return
		}
		cfg, err := Unmarshal(caddyfile.NewDispenser(tokens))
		if err != nil {
			return
		}
		raw, err := json.Marshal(cfg)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		var again config.Handler
		if err := caddy.StrictUnmarshalJSON(raw, &again); err != nil {
			t.Fatalf("unmarshal: %v\n%s", err, raw)
		}
		if err := validate(again); err != nil {
			t.Fatalf("validate: %v\n%s", err, raw)
		}
		for _, b := range again.Backends {
			a, err := config.ParseAddress(b.Address)
			if err != nil || a.String() != b.Address {
				t.Fatalf("address %q becomes %q (%v)", b.Address, a, err)
			}
		}
	})
}
