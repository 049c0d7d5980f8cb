package pool

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// Options of a runtime change.
type Options struct {
	// IfMatch, if not nil, is the revision that the pool must have.
	IfMatch *uint64

	// Force allows a change that leaves no backend accepting.
	Force bool

	// By says who makes the change, for the log.
	By string
}

// Add adds a backend. Its health is unknown, and it accepts once its first
// probe has passed, unless the pool is configured otherwise.
func (p *Pool) Add(spec Spec, opt Options) (Spec, error) {
	spec.Source = FromRuntime
	err := p.change(opt, func(m *mutation) error { return m.add(spec) })
	return spec, err
}

// Patch changes fields of a backend. A new address is a new server: it starts
// with no history, and requests in flight to the old one finish.
func (p *Pool) Patch(id string, patch Patch, opt Options) error {
	return p.change(opt, func(m *mutation) error { return m.patch(id, patch) })
}

// Remove removes a backend. It gets no new request once Remove has returned;
// requests in flight finish.
func (p *Pool) Remove(id string, opt Options) error {
	return p.change(opt, func(m *mutation) error { return m.remove(id) })
}

// Replace makes the pool consist of exactly these backends, as one change.
// Backends that have the id of an existing one change that one.
func (p *Pool) Replace(specs []Spec, opt Options) error {
	return p.change(opt, func(m *mutation) error { return m.replace(specs) })
}

// change runs fn on a copy of the pool's runtime changes, checks what comes of
// it, and puts it in force as a whole, or not at all.
func (p *Pool) change(opt Options, fn func(*mutation) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.ended || p.revision == 0 {
		return &Error{Code: CodeUnknownPool, Message: fmt.Sprintf("pool %q is not in service", p.name)}
	}
	if opt.IfMatch != nil && *opt.IfMatch != p.revision {
		return &Error{Code: CodeStaleRevision, Message: fmt.Sprintf("revision is %d, not %d", p.revision, *opt.IfMatch)}
	}
	m := newMutation(p)
	if err := fn(m); err != nil {
		return err
	}
	if err := p.checkChange(m.result(), opt.Force); err != nil {
		return err
	}
	p.changes = m.edit.done()
	p.apply(p.merge(), true, opt.By)
	return nil
}

// checkChange refuses duplicates, addresses that are not allowed, and a change
// after which no backend accepts though one does now.
func (p *Pool) checkChange(specs []Spec, force bool) error {
	byAddress := make(map[config.Address]string, len(specs))
	var listed map[config.Address]bool // by the config
	for _, s := range specs {
		b := p.backends[s.ID]
		stays := b != nil && b.address == s.Address
		if existing, dup := byAddress[s.Address]; dup {
			if stays {
				existing = s.ID
			}
			return &Error{
				Code: CodeDuplicateAddress, Existing: existing,
				Message: fmt.Sprintf("address %q is already that of backend %q", s.Address, existing),
			}
		}
		byAddress[s.Address] = s.ID
		if stays {
			continue
		}
		if listed == nil {
			listed = addressesOf(p.def.Backends)
		}
		// the config may list any address, and what it lists may come back; an
		// address that one of its backends is given at runtime is like any other
		if !listed[s.Address] {
			if err := p.def.allowed(s); err != nil {
				return err
			}
		}
	}
	if !force && p.wouldAccept(p.specs) && !p.wouldAccept(specs) {
		return &Error{Code: CodeNoneAccepting, Message: "after this change no backend of the pool would accept requests"}
	}
	return nil
}

func (p *Pool) spec(id string) (Spec, bool) {
	for _, s := range p.specs {
		if s.ID == id {
			return s, true
		}
	}
	return Spec{}, false
}

// allowed checks the address of a backend that comes in at runtime against
// the config. What a name leads to is checked when it is dialed, as it can
// change any time: see [Transports.Restricted].
func (d *Definition) allowed(s Spec) error {
	refuse := func(why string) error {
		return &Error{Code: CodeAddressNotAllowed, Message: fmt.Sprintf("address %q is not allowed: %s", s.Address, why)}
	}
	if s.Address.HasPlaceholder() {
		return refuse("placeholders are for the config")
	}
	ip, isIP := s.Address.IP()
	if len(d.Allow) > 0 {
		if !isIP {
			return refuse("allow_backends lists IP ranges, so the host must be an IP address")
		}
		if !slices.ContainsFunc(d.Allow, func(r netip.Prefix) bool { return r.Contains(ip.WithZone("")) }) {
			return refuse("it is in none of the ranges of allow_backends")
		}
		return nil
	}
	if isIP && !config.Unlisted(ip) {
		return refuse("link-local, metadata, multicast and unspecified addresses must be listed in allow_backends")
	}
	return nil
}
