package caddyfile

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// module reads the name of a module of the namespace, with the options and the
// block behind it, and returns its JSON with the name under key.
func (p *parser) module(namespace, key string) (json.RawMessage, error) {
	name, err := p.arg()
	if err != nil {
		return nil, err
	}
	id := namespace + "." + name
	if _, err := caddy.GetModule(id); err != nil {
		return nil, p.d.Errf("unknown %s %q: there are %s", key, name, moduleNames(namespace))
	}
	unm, err := caddyfile.UnmarshalModule(p.d, id)
	if err != nil {
		return nil, err
	}
	var warnings []caddyconfig.Warning
	raw := caddyconfig.JSONModuleObject(unm, key, name, &warnings)
	if len(warnings) > 0 {
		return nil, p.d.Errf("encoding %s %q: %s", key, name, warnings[0].Message)
	}
	return raw, nil
}

func moduleNames(namespace string) string {
	var names []string
	for _, m := range caddy.GetModules(namespace) {
		names = append(names, m.ID.Name())
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
