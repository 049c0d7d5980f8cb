package balancer

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// key is what a policy looks at in a request.
type key struct {
	// name is what people call it.
	name string

	// of returns its hash, and whether the request has it. Hashes have no seed:
	// they are the same in all processes.
	of func(*http.Request) (hash uint64, ok bool)
}

// hashed picks by the hash of something in the request.
type hashed struct {
	ring  *ring
	key   key
	bound *bound // nil: none
}

func newHashed(members []*pool.Member, before *hashed, b bounding, key key) *hashed {
	h := &hashed{key: key}
	if before != nil {
		h.ring = newRing(members, before.ring)
	} else {
		h.ring = newRing(members, nil)
	}
	if b.factor > 0 {
		h.bound = newBound(members, b.factor)
	}
	return h
}

// newHashPicker returns a picker by key for policies without a fallback.
func newHashPicker(members []*pool.Member, prev pool.Picker, b bounding, key key) pool.Picker {
	var before *hashed
	switch p := prev.(type) {
	case *hashed:
		before = p
	case *boundedHashed:
		before = p.hashed
	}
	h := newHashed(members, before, b, key)
	if h.bound != nil {
		return &boundedHashed{h}
	}
	return h
}

// newHashedOr returns a picker by key that leaves requests without one to the
// fallback.
func newHashedOr(f *Fallback, members []*pool.Member, prev pool.Picker, b bounding, key key) pool.Picker {
	return f.newPicker(members, prev, func(before chooser) chooser {
		known, _ := before.(*hashed)
		return newHashed(members, known, b, key)
	})
}

// Pick implements pool.Picker.
func (h *hashed) Pick(q *pool.Request) *pool.Member {
	hash, _ := h.hash(q)
	return h.pick(q, hash)
}

func (h *hashed) hash(q *pool.Request) (hash uint64, ok bool) {
	if q.HTTP == nil {
		return 0, false
	}
	return h.key.of(q.HTTP)
}

func (h *hashed) pick(q *pool.Request, hash uint64) *pool.Member {
	if h.bound == nil {
		return h.ring.pick(q, hash)
	}
	return h.bound.pick(q, h.ring, hash)
}

// choose implements chooser.
func (h *hashed) choose(q *pool.Request) (m *pool.Member, decided bool) {
	hash, ok := h.hash(q)
	if !ok {
		return nil, false
	}
	return h.pick(q, hash), true
}

// settle implements chooser.
func (*hashed) settle(*pool.Request, *pool.Member) {}

// lacks implements chooser.
func (h *hashed) lacks() string { return "no " + strings.TrimPrefix(h.key.name, "the ") }

// assign implements chooser.
func (h *hashed) assign(q *pool.Request, _ *pool.Member) (decided bool) {
	_, decided = h.hash(q)
	return decided
}

// tracker implements trackingChooser.
func (h *hashed) tracker() pool.LoadTracker {
	if h.bound == nil {
		return nil
	}
	return &boundedHashed{h}
}

// boundedHashed is a hashed with a bound, which has to know of all requests in
// flight.
type boundedHashed struct{ *hashed }

// LoadChanged implements pool.LoadTracker.
func (h *boundedHashed) LoadChanged(m *pool.Member) { h.bound.LoadChanged(m) }

// Refresh implements pool.LoadTracker.
func (h *boundedHashed) Refresh() { h.bound.Refresh() }

func hashString(s string) uint64 { return xxhash.Sum64String(s) }

// Rehearse implements pool.Rehearser: a hash has no memory, and what a bound
// takes note of is what it finds.
func (h *hashed) Rehearse() pool.Rehearsal { return h }

// Explain implements pool.Rehearsal.
func (h *hashed) Explain(q *pool.Request, chosen *pool.Member) pool.Account {
	hash, _ := h.hash(q)
	owner := chosen
	if slot, ok := h.ring.nearest(hash, nil); ok {
		owner = h.ring.slots[slot]
	}
	list := standings(h.ring.members, chosen, func(*pool.Member) string {
		return fmt.Sprintf("the hash of %s belongs to %q", h.key.name, owner.ID())
	})
	shareByWeight(list, h.ring.members)
	reason := fmt.Sprintf("the hash of %s belongs to it", h.key.name)
	if owner != chosen {
		reason = fmt.Sprintf("next in the order of the hash of %s, as %q, to which that belongs, has no room", h.key.name, owner.ID())
		list[owner.Index].Reason = "has no room for the request"
	}
	return pool.Account{Reason: reason, Members: list}
}

// Interface guards
var (
	_ pool.Rehearser   = (*hashed)(nil)
	_ pool.Rehearsal   = (*hashed)(nil)
	_ trackingChooser  = (*hashed)(nil)
	_ pool.LoadTracker = (*boundedHashed)(nil)
)
