package caddyfile

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func TestPoolIsDefinedOnce(t *testing.T) {
	state := make(map[string]any)
	parse := func(directive string) error {
		_, err := Parse(httpcaddyfile.Helper{
			Dispenser: caddyfile.NewTestDispenser(directive),
			State:     state,
		})
		return err
	}
	for _, directive := range []string{
		"load_balance {\n\tpool web\n}", // a reference may come before
		"load_balance a {\n\n\tpool web\n}",
		"load_balance {\n\tpool web\n\tlb_retries 2\n}",
		"load_balance a {\n\tpool other\n}",
		"load_balance a",
		"load_balance b",
	} {
		if err := parse(directive); err != nil {
			t.Errorf("%v\n%s", err, directive)
		}
	}
	const want = `pool "web" is already defined (Testfile:3); to share that pool, ` +
		`set nothing here that defines one, such as backends, policy, health checks or transport, at Testfile:2`
	for _, directive := range []string{
		"load_balance b {\n\tpool web\n}",
		"load_balance {\n\tpool web\n\thealth_uri /\n}",
	} {
		if err := parse(directive); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s\n%s", err, want, directive)
		}
	}
}

func TestParseWithoutState(t *testing.T) {
	h := httpcaddyfile.Helper{Dispenser: caddyfile.NewTestDispenser("load_balance a {\n\tpool web\n}")}
	if cfg, err := Parse(h); err != nil || cfg.Pool != "web" {
		t.Errorf("got %+v, %v", cfg, err)
	}
}
