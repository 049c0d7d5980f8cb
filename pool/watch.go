package pool

import (
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// watch is what the monitor was told last to watch, as far as it can change.
type watch struct {
	def        *Definition
	transports *transportSet
	list       []watched
}

type watched struct {
	backend    *Backend
	health     *config.ActiveHealth // the backend's own settings
	restricted bool
}

// watchAll tells the monitor which backends to watch, if a config claims the
// pool. Most changes are none to the monitor, and cost it nothing.
func (p *Pool) watchAll() {
	if len(p.claims) == 0 || p.monitor == nil {
		return
	}
	next := watch{p.def, p.transports, make([]watched, 0, len(p.specs))}
	for i := range p.specs {
		if spec := &p.specs[i]; p.def.probed(spec) && spec.AdminState != Maintenance {
			next.list = append(next.list, watched{p.live[i], spec.Health, spec.restricted})
		}
	}
	if next.def == p.watch.def && next.transports == p.watch.transports && slices.Equal(next.list, p.watch.list) {
		return
	}
	p.watch = next
	p.monitor.Watch(p, p.targets())
}

// targets returns what is to be watched, as the monitor wants it.
func (p *Pool) targets() []Target {
	common := p.def.Active.WithDefaults()
	targets := make([]Target, len(p.watch.list))
	for i, w := range p.watch.list {
		t := &targets[i]
		t.Backend, t.Settings = w.backend, common
		if w.health != nil {
			t.Settings = p.def.Active.Overlay(w.health).WithDefaults()
		}
		if p.def.Transports != nil {
			t.Connector = p.transports.makerFor(w.restricted).Connector(w.backend.address)
		}
	}
	return targets
}

// watchNothing tells the monitor that nothing is to be watched.
func (p *Pool) watchNothing() {
	p.watch = watch{}
	if p.monitor != nil {
		p.monitor.Watch(p, nil)
	}
}
