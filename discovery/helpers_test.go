package discovery

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load provisions a source from its JSON, as a config does.
func load(t testing.TB, module, cfg string) (Source, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	loaded, err := ctx.LoadModuleByID(namespace+"."+module, json.RawMessage(cfg))
	if err != nil {
		return nil, err
	}
	return loaded.(Source), nil
}

func mustLoad(t testing.TB, module, cfg string, args ...any) Source {
	t.Helper()
	src, err := load(t, module, fmt.Sprintf(cfg, args...))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// find asks all lookups of a source, and returns what they found as text.
func find(t testing.TB, src Source) (string, error) {
	t.Helper()
	var all []pool.Spec
	for i, lookup := range src.Lookups() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		found, err := lookup.Find(ctx)
		specs, _, err := judge(result{index: i, found: found, err: err})
		if err != nil {
			return "", err
		}
		all = append(all, specs...)
	}
	return text(unique(all)), nil
}

// text shows specs as address, with weight and priority where they are not the
// default.
func text(specs []pool.Spec) string {
	var words []string
	for _, s := range specs {
		word := s.Address.String()
		if s.Weight != 1 || s.Priority != 0 {
			word += fmt.Sprintf(" w%d p%d", s.Weight, s.Priority)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// nobody is a policy that picks nobody.
type nobody struct{}

func (nobody) NewPicker([]*pool.Member, pool.Picker) pool.Picker { return nobody{} }
func (nobody) Pick(*pool.Request) *pool.Member                   { return nil }

// newPool returns a pool that the config "first" claims, with a source of key.
func newPool(t testing.TB, key string, static ...string) *pool.Pool {
	t.Helper()
	p := pooltest.New(t)
	p.Commit("first", definition(t, key, static...))
	return p
}

func definition(t testing.TB, key string, static ...string) *pool.Definition {
	t.Helper()
	def := &pool.Definition{Policy: nobody{}, Discovery: key}
	for _, address := range static {
		spec, err := pool.NewSpec(config.Backend{Address: address}, pool.FromConfig)
		if err != nil {
			t.Fatal(err)
		}
		def.Backends = append(def.Backends, spec)
	}
	return def
}

// shown returns the backends of the pool as text.
func shown(p *pool.Pool) string {
	var specs []pool.Spec
	for _, b := range p.View().Backends {
		specs = append(specs, b.Spec)
	}
	return text(specs)
}

// logs returns a logger, and a function for what was logged to it above debug
// level since it was last called.
func logs() (*zap.Logger, func() string) {
	core, recorded := observer.New(zap.InfoLevel)
	return zap.New(core), func() string {
		var lines []string
		for _, entry := range recorded.TakeAll() {
			lines = append(lines, entry.Message)
		}
		return strings.Join(lines, "\n")
	}
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func backends(addresses ...string) []config.Backend {
	list := make([]config.Backend, len(addresses))
	for i, a := range addresses {
		list[i] = config.Backend{Address: a}
	}
	return list
}

// closedPort returns an address of this machine where nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}
