package balancer

import (
	"net/http"

	"github.com/cespare/xxhash/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// keyFunc returns the hash of what a policy looks at in a request, and whether
// the request has it. Hashes have no seed: they are the same in all processes.
type keyFunc func(*http.Request) (hash uint64, ok bool)

// hashed picks by the hash of something in the request.
type hashed struct {
	ring *ring
	key  keyFunc
}

// newHashed returns a picker by key for policies without a fallback.
func newHashed(members []*pool.Member, prev pool.Picker, key keyFunc) pool.Picker {
	var before *ring
	if p, ok := prev.(*hashed); ok {
		before = p.ring
	}
	return &hashed{newRing(members, before), key}
}

// Pick implements pool.Picker.
func (h *hashed) Pick(q *pool.Request) *pool.Member {
	hash, _ := h.hash(q)
	return h.ring.pick(q, hash)
}

func (h *hashed) hash(q *pool.Request) (hash uint64, ok bool) {
	if q.HTTP == nil {
		return 0, false
	}
	return h.key(q.HTTP)
}

// newHashedOr returns a picker by key that leaves requests without one to the
// fallback.
func newHashedOr(f *Fallback, members []*pool.Member, prev pool.Picker, key keyFunc) pool.Picker {
	return f.newPicker(members, prev, func(before chooser) chooser {
		var ring *ring
		if p, ok := before.(*hashed); ok {
			ring = p.ring
		}
		return &hashed{newRing(members, ring), key}
	})
}

// choose implements chooser.
func (h *hashed) choose(q *pool.Request) (m *pool.Member, decided bool) {
	hash, ok := h.hash(q)
	if !ok {
		return nil, false
	}
	return h.ring.pick(q, hash), true
}

// settle implements chooser.
func (*hashed) settle(*pool.Request, *pool.Member) {}

// assign implements chooser.
func (h *hashed) assign(q *pool.Request, _ *pool.Member) (decided bool) {
	_, decided = h.hash(q)
	return decided
}

func hashString(s string) uint64 { return xxhash.Sum64String(s) }

// Interface guards
var (
	_ pool.Picker = (*hashed)(nil)
	_ chooser     = (*hashed)(nil)
)
