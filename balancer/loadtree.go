package balancer

import (
	"math/bits"
	"sync/atomic"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxRaces is how often a pick starts over because others changed what it was
// looking at, or because members refused.
const maxRaces = 16

// loadTree picks the member with the least load among many, in time that grows
// with the logarithm of their number. It is a binary tree over the members'
// loads in which each node has the lesser load of its two children, and is
// changed by many goroutines at once without locks.
//
// Whoever changes a node then sees to its parent: compares it with both of its
// children and corrects it until it agrees. The last to correct a node looks
// at the children once more after that, so it sees every change that was
// finished before, and every later change has somebody who looks later still:
// when nothing is going on, the tree agrees with the members. While something
// is, it lags behind by what is not finished yet.
type loadTree struct {
	members []*pool.Member
	turn    *turn // the member behind the last one picked
	leaves  int   // a power of two
	// nodes[1] is the root; the children of i are 2i and 2i+1; member i is at
	// leaves+i
	nodes []atomic.Uint64
}

func newLoadTree(members []*pool.Member, next *turn) *loadTree {
	leaves := 1 << bits.Len(uint(len(members)-1))
	t := &loadTree{members: members, turn: next, leaves: leaves, nodes: make([]atomic.Uint64, 2*leaves)}
	for i := range leaves {
		l := noRoom
		if i < len(members) {
			l = loadWith(members[i])
		}
		t.nodes[leaves+i].Store(uint64(l))
	}
	for node := leaves - 1; node > 0; node-- {
		t.nodes[node].Store(uint64(t.lesser(node)))
	}
	return t
}

// Pick implements pool.Picker.
func (t *loadTree) Pick(q *pool.Request) *pool.Member {
	skipTried := false
	first := int(t.turn.next.Load() % uint64(len(t.members)))
	for range maxRaces {
		i, l := t.least(first)
		if skipTried {
			i, l = t.leastUntried(q, first)
		}
		if !l.finite() {
			break
		}
		if i < 0 {
			continue // the tree changed under our eyes
		}
		// The member is claimed in the tree first, so that others at the same
		// time choose another one.
		if !t.nodes[t.leaves+i].CompareAndSwap(uint64(l), uint64(l.oneMore())) {
			first = int(t.turn.next.Load() % uint64(len(t.members)))
			continue
		}
		m := t.members[i]
		taken := q.Take(m)
		t.settle(i)
		if taken {
			t.turn.next.Store(uint64(i) + 1)
			return m
		}
		skipTried = skipTried || q.Tried(m.Backend)
	}
	m := offerFrom(q, t.members, first)
	if m != nil {
		t.turn.next.Store(uint64(m.Index) + 1)
		t.LoadChanged(m)
	}
	return m
}

// LoadChanged implements pool.LoadTracker.
func (t *loadTree) LoadChanged(m *pool.Member) {
	if t.read(m.Index) {
		t.climb(m.Index)
	}
}

// Refresh implements pool.LoadTracker.
func (t *loadTree) Refresh() {
	for _, m := range t.members {
		t.LoadChanged(m)
	}
}

// least returns the member with the least load, of equals the first one at or
// behind first, and its load. It returns -1 and a finite load if the tree
// changed meanwhile, and -1 and noRoom if no member has room.
func (t *loadTree) least(first int) (member int, least load) {
	least = t.load(1)
	if !least.finite() {
		return -1, noRoom
	}
	node := t.leaves + first
	for least.less(t.load(node)) {
		// on to the next subtree to the right; behind the last one, to the
		// whole tree from its left
		for node&1 == 1 && node > 1 {
			node /= 2
		}
		if node == 1 {
			break
		}
		node++
	}
	return t.leftmost(node, least)
}

// leftmost returns the first leaf of a subtree whose load is at most that, or
// -1 if there is none.
func (t *loadTree) leftmost(node int, most load) (member int, l load) {
	for node < t.leaves {
		node *= 2
		if most.less(t.load(node)) {
			node++
		}
	}
	if l = t.load(node); most.less(l) {
		// somebody has changed this leaf and not yet what is above it: do so
		// rather than wait
		for above := node / 2; above > 0; above /= 2 {
			t.correct(above)
		}
		return -1, most
	}
	return node - t.leaves, l
}

// leastUntried is least for a request whose tried members are passed over.
func (t *loadTree) leastUntried(q *pool.Request, first int) (member int, least load) {
	s := search{tree: t, q: q, from: first, to: len(t.members), best: -1, least: noRoom}
	s.visit(1, 0, t.leaves)
	s.from, s.to = 0, first
	s.visit(1, 0, t.leaves)
	return s.best, s.least
}

// search looks for the least load within a range of members, from left to
// right. It enters no subtree that has nothing better than what it found.
type search struct {
	tree     *loadTree
	q        *pool.Request
	from, to int
	best     int
	least    load
}

// visit searches the subtree of a node, which has width leaves, from first.
func (s *search) visit(node, first, width int) {
	l := s.tree.load(node)
	switch {
	case first >= s.to || first+width <= s.from || !l.less(s.least):
	case width > 1:
		s.visit(2*node, first, width/2)
		s.visit(2*node+1, first+width/2, width/2)
	case !s.q.Tried(s.tree.members[first].Backend):
		s.best, s.least = first, l
	}
}

// settle makes the tree agree with a member after its leaf was changed.
func (t *loadTree) settle(i int) {
	t.read(i)
	t.climb(i)
}

// read makes a leaf agree with its member, and reports whether it did not.
func (t *loadTree) read(i int) (changed bool) {
	leaf := &t.nodes[t.leaves+i]
	for {
		now := uint64(loadWith(t.members[i]))
		was := leaf.Load()
		if was == now {
			return changed
		}
		changed = leaf.CompareAndSwap(was, now) || changed
	}
}

// climb makes the nodes above a leaf that was changed agree with their
// children. It ends at one that agrees already: either it need not change, or
// somebody else has changed it and goes on from there.
func (t *loadTree) climb(i int) {
	for node := (t.leaves + i) / 2; node > 0 && t.correct(node); node /= 2 {
	}
}

// correct makes a node agree with its children, and reports whether it did not.
func (t *loadTree) correct(node int) (changed bool) {
	for {
		now := uint64(t.lesser(node))
		was := t.nodes[node].Load()
		if was == now {
			return changed
		}
		changed = t.nodes[node].CompareAndSwap(was, now) || changed
	}
}

func (t *loadTree) load(node int) load { return load(t.nodes[node].Load()) }

// lesser returns the lesser load of a node's children.
func (t *loadTree) lesser(node int) load {
	left, right := t.load(2*node), t.load(2*node+1)
	if right.less(left) {
		return right
	}
	return left
}

// Interface guard
var _ pool.LoadTracker = (*loadTree)(nil)
