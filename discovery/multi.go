package discovery

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(Multi{}) }

// Multi discovers backends from several sources. The pool has the backends of
// all of them, in the order of the sources; one that several sources find is
// the first's. A source that fails does not affect the others.
//
// With the `first` policy, that makes the backends of later sources take over
// when those of earlier ones are down.
type Multi struct {
	// The sources.
	SourcesRaw []json.RawMessage `json:"sources,omitempty" caddy:"namespace=http.handlers.load_balance.sources inline_key=source"`

	sources []Source
}

// CaddyModule returns the Caddy module information.
func (Multi) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + ".multi",
		New: func() caddy.Module { return new(Multi) },
	}
}

// Provision loads the sources.
func (m *Multi) Provision(ctx caddy.Context) error {
	if len(m.SourcesRaw) == 0 {
		return errors.New("no sources")
	}
	loaded, err := ctx.LoadModule(m, "SourcesRaw")
	if err != nil {
		return fmt.Errorf("loading sources: %w", err)
	}
	modules, ok := loaded.([]any)
	if !ok {
		return fmt.Errorf("sources are a %T", loaded)
	}
	for _, module := range modules {
		source, ok := module.(Source)
		if !ok {
			return fmt.Errorf("source %T is not a discovery.Source", module)
		}
		m.sources = append(m.sources, source)
	}
	return nil
}

// Lookups implements [Source].
func (m *Multi) Lookups() []Lookup {
	var lookups []Lookup
	for _, source := range m.sources {
		lookups = append(lookups, source.Lookups()...)
	}
	return lookups
}

// Interface guards
var (
	_ caddy.Provisioner = (*Multi)(nil)
	_ Source            = (*Multi)(nil)
)
