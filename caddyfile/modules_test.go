package caddyfile

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func init() {
	caddy.RegisterModule(testModule{namespace: policyNamespace})
	caddy.RegisterModule(testModule{namespace: sourceNamespace})
	caddy.RegisterModule(testHash{})
}

// testHash stands for policies that pick by a hash.
type testHash struct{}

func (testHash) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: policyNamespace + ".test_hash", New: func() caddy.Module { return new(testHash) }}
}

func (*testHash) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (*testHash) BoundLoad(float64) {}

// testModule stands for the policies and sources of other packages, which this
// one knows by name alone.
type testModule struct {
	namespace string
	Args      []string            `json:"args,omitempty"`
	Options   map[string][]string `json:"options,omitempty"`
}

func (m testModule) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  caddy.ModuleID(m.namespace + ".test"),
		New: func() caddy.Module { return &testModule{namespace: m.namespace} },
	}
}

func (m *testModule) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	m.Args = d.RemainingArgs()
	for d.NextBlock(0) {
		if m.Options == nil {
			m.Options = make(map[string][]string)
		}
		m.Options[d.Val()] = d.RemainingArgs()
	}
	return nil
}
