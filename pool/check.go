package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// check refuses duplicates, addresses that are not allowed, and a change after
// which no backend accepts though one does now. What the mutation does not touch
// is not looked at, as far as that can be helped.
func (m *Mutation) check(force bool) error {
	if m.edit.leaves(&m.pool.changes) > maxChanges {
		return tooManyChanges(m.pool.name)
	}
	taken := make(map[config.Address]string, len(m.order)) // by those touched
	for _, id := range m.order {
		spec := m.touched[id]
		if spec == nil {
			continue
		}
		stays := m.pool.staysAt(spec)
		if err := m.checkFree(spec, stays, taken); err != nil {
			return err
		}
		taken[spec.Address] = id
		// the config may list any address, and what it lists may come back; an
		// address that one of its backends is given at runtime is like any other
		if !stays && !m.pool.listed[spec.Address] {
			if err := m.pool.def.allowed(spec); err != nil {
				return err
			}
		}
	}
	if !force && !m.accepts() && m.pool.accepts() {
		return &Error{Code: CodeNoneAccepting, Message: "after this change no backend of the pool would accept requests"}
	}
	return nil
}

func tooManyChanges(pool string) error {
	return &Error{Code: CodeTooManyChanges, Message: fmt.Sprintf("pool %q would have too many changes beside its configuration", pool)}
}

// staysAt reports whether the backend is there already, at the same address.
func (p *Pool) staysAt(spec *Spec) bool {
	now := p.spec(spec.ID)
	return now != nil && now.Address == spec.Address
}

// checkFree refuses an address that another backend would have as well.
func (m *Mutation) checkFree(spec *Spec, stays bool, taken map[config.Address]string) error {
	existing, dup := taken[spec.Address]
	if dup && stays {
		existing = spec.ID
	}
	if i, known := m.pool.byAddress[spec.Address]; known && !dup {
		existing = m.pool.specs[i].ID
		_, touched := m.touched[existing] // looked at by itself
		dup = existing != spec.ID && !touched
	}
	if !dup {
		return nil
	}
	return &Error{
		Code: CodeDuplicateAddress, Existing: existing,
		Message: fmt.Sprintf("address %q is already that of backend %q", spec.Address, existing),
	}
}

// accepts reports whether any backend would accept after the mutation.
func (m *Mutation) accepts() bool {
	now := time.Now()
	for i := range m.pool.specs {
		spec := &m.pool.specs[i]
		if _, touched := m.touched[spec.ID]; !touched && m.pool.wouldAccept(spec, now) {
			return true
		}
	}
	for _, spec := range m.touched {
		if spec != nil && m.pool.wouldAccept(spec, now) {
			return true
		}
	}
	return false
}

// accepts reports whether any backend accepts.
func (p *Pool) accepts() bool {
	now := time.Now()
	for i := range p.specs {
		if p.wouldAccept(&p.specs[i], now) {
			return true
		}
	}
	return false
}

// wouldAccept reports whether a backend would accept if it were as the spec
// says.
func (p *Pool) wouldAccept(s *Spec, now time.Time) bool {
	cond := condition{health: Unknown}
	late := true
	if b := p.find(s.ID); b != nil && b.address == s.Address {
		cond, late = b.cond, b.late
	}
	cond.admin = s.AdminState
	cond.startsDown = p.def.startsDown(s, late)
	return cond.state(now).accepts() || p.def.IgnoreHealthWhenAllDown && cond.acceptingDespiteHealth()
}

// allowed checks the address of a backend that comes in at runtime against
// the config. What a name leads to is checked when it is dialed, as it can
// change any time: see [Transports.Restricted].
func (d *Definition) allowed(s *Spec) error {
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
