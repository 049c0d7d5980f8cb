package balancer

import (
	"math"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Bounder is a policy that picks by a hash and can keep a key that is asked for
// too often from overloading its backend.
type Bounder interface {
	// BoundLoad bounds the requests in flight to a backend to the factor times
	// its share of all of them, by weight. It is called before any picker is
	// made.
	BoundLoad(factor float64)
}

// bounding is the part of a policy that takes a bound.
type bounding struct{ factor float64 } // 0: none

// BoundLoad implements Bounder.
func (b *bounding) BoundLoad(factor float64) { b.factor = factor }

// bound is the bound of a set of members: consistent hashing with bounded loads
// (Mirrokni, Thorup and Zadimoghaddam, 2016). With the request to come, m
// requests are in flight to n members, and none of these may have more than
//
//	⌈c * m / n⌉
//
// or, with weights, ⌈c * m * weight / sum of weights⌉. As c is not less than 1,
// there is always one that has room.
type bound struct {
	tally
	factor float64 // c / sum of weights
}

func newBound(members []*pool.Member, factor float64) *bound {
	sum := 0.0
	for _, m := range members {
		sum += float64(m.Weight)
	}
	return &bound{*newTally(members), factor / sum}
}

// perWeight returns how many requests a member may have for each unit of its
// weight, if another one comes now.
func (b *bound) perWeight() float64 { return b.factor * float64(b.sum()+1) }

// roundingError is more than what floating point may add to a whole number.
const roundingError = 1e-9

// most returns how many requests m may have.
func most(m *pool.Member, perWeight float64) int64 {
	return int64(math.Ceil(perWeight*float64(m.Weight) - roundingError))
}

// pick picks the member of a key's hash, or the next one in the order of the
// hash that has room within the bound. If none has that takes the request, for
// having been tried or for limits of its own, the bound does not count: it is
// there to share requests out, and not to refuse any.
func (b *bound) pick(q *pool.Request, r *ring, hash uint64) *pool.Member {
	perWeight := b.perWeight()
	m := r.offer(hash, func(m *pool.Member) bool { return b.take(q, m, perWeight) })
	if m != nil {
		return m
	}
	if m = r.pick(q, hash); m != nil {
		b.LoadChanged(m)
	}
	return m
}

// take reserves a slot on m, if that is within the bound.
func (b *bound) take(q *pool.Request, m *pool.Member, perWeight float64) bool {
	if !q.TakeUpTo(m, max(most(m, perWeight), 1)) {
		return false
	}
	b.LoadChanged(m)
	return true
}
