package pool

// watchAll tells the monitor which backends to watch, if a config claims the
// pool.
func (p *Pool) watchAll() {
	if len(p.claims) == 0 {
		return
	}
	targets := make([]Target, 0, len(p.specs))
	for i, spec := range p.specs {
		settings, probed := p.def.watched(spec)
		if !probed || spec.AdminState == Maintenance {
			continue
		}
		target := Target{Backend: p.live[i], Settings: settings}
		if p.def.Transports != nil {
			target.Connector = p.transports.makerFor(spec.restricted).Connector(spec.Address)
		}
		targets = append(targets, target)
	}
	p.watch(targets)
}

func (p *Pool) watch(targets []Target) {
	if p.monitor != nil {
		p.monitor.Watch(p, targets)
	}
}
