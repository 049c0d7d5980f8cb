package balancer

import (
	"sync/atomic"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxRaces is how often a pick starts over because others changed what it was
// looking at, or because members refused.
const maxRaces = 16

// fanBits is the binary logarithm of how many children a node has. Those of one
// node fill a cache line: looking at all of them costs about as much as at one,
// and what costs is the levels on which others are at work as well.
const (
	fanBits = 3
	fan     = 1 << fanBits
)

// loadTree picks the member with the least load among many, in time that grows
// with the logarithm of their number. It is a tree over the members' loads in
// which each node has the least load of its children, and is changed by many
// goroutines at once without locks.
//
// Whoever changes a node then sees to its parent: compares it with all of its
// children and corrects it until it agrees. The last to correct a node looks
// at the children once more after that, so it sees every change that was
// finished before, and every later change has somebody who looks later still:
// when nothing is going on, the tree agrees with the members. While something
// is, it lags behind by what is not finished yet.
type loadTree struct {
	members []*pool.Member
	turn    *turn // the member behind the last one picked
	// levels[0] are the members, the last one is the root alone. The children
	// of node i are fan*i and those behind it one level below; what lacks to
	// a whole number of children has no room.
	levels [][]atomic.Uint64
}

func newLoadTree(members []*pool.Member, next *turn) *loadTree {
	t := &loadTree{members: members, turn: next}
	for n := len(members); ; n = (n + fan - 1) / fan {
		if n == 1 && len(t.levels) > 0 {
			t.levels = append(t.levels, make([]atomic.Uint64, 1))
			break
		}
		level := make([]atomic.Uint64, (n+fan-1)/fan*fan)
		for i := n; i < len(level); i++ {
			level[i].Store(uint64(full))
		}
		t.levels = append(t.levels, level)
	}
	for i, m := range members {
		t.levels[0][i].Store(uint64(rankWith(m)))
	}
	for level := 1; level < len(t.levels); level++ {
		for i := range len(t.levels[level-1]) / fan {
			t.levels[level][i].Store(uint64(t.least(level, i)))
		}
	}
	return t
}

// Pick implements pool.Picker.
func (t *loadTree) Pick(q *pool.Request) *pool.Member {
	skipTried := false
	first := int(t.turn.next.Load() % uint64(len(t.members)))
	for range maxRaces {
		i, l := t.pickLeast(first)
		if skipTried {
			i, l = t.leastUntried(q, first)
		}
		if l == full {
			break
		}
		if i < 0 {
			continue // the tree changed under our eyes
		}
		// The member is claimed in the tree first, so that others at the same
		// time choose another one.
		if !t.levels[0][i].CompareAndSwap(uint64(l), uint64(l.oneMore(t.members[i]))) {
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

// pickLeast returns the member with the least load, of equals the first one at
// or behind first, and its load. It returns -1 and a finite load if the tree
// changed meanwhile, and -1 and full if no member has room.
func (t *loadTree) pickLeast(first int) (member int, least rank) {
	root := len(t.levels) - 1
	least = t.load(root, 0)
	if least == full {
		return -1, full
	}
	level, i := 0, first
	for least < t.load(level, i) {
		// on to the next subtree to the right; behind the last one, to the
		// whole tree from its left
		for i++; i%fan == 0 && level < root; level++ {
			i /= fan
		}
		if level == root {
			i = 0
			break
		}
	}
	return t.leftmost(level, i, least)
}

// leftmost returns the first leaf of a subtree whose load is at most that, or
// -1 if there is none.
func (t *loadTree) leftmost(level, i int, most rank) (member int, l rank) {
	for l = t.load(level, i); level > 0 && l <= most; level-- {
		i *= fan
		for last := i + fan - 1; ; i++ {
			if l = t.load(level-1, i); l <= most || i == last {
				break
			}
		}
	}
	if l <= most {
		return i, l
	}
	// somebody has changed this node and not yet what is above it: do so rather
	// than wait
	for level++; level < len(t.levels); level++ {
		i /= fan
		t.correct(level, i)
	}
	return -1, most
}

// leastUntried is pickLeast for a request whose tried members are passed over.
func (t *loadTree) leastUntried(q *pool.Request, first int) (member int, least rank) {
	s := search{tree: t, q: q, from: first, to: len(t.members), best: -1, least: full}
	s.visit(len(t.levels)-1, 0)
	s.from, s.to = 0, first
	s.visit(len(t.levels)-1, 0)
	return s.best, s.least
}

// search looks for the least load within a range of members, from left to
// right. It enters no subtree that has nothing better than what it found.
type search struct {
	tree     *loadTree
	q        *pool.Request
	from, to int
	best     int
	least    rank
}

// visit searches the subtree of a node.
func (s *search) visit(level, i int) {
	l := s.tree.load(level, i)
	width := 1 << (level * fanBits)
	switch {
	case i*width >= s.to || (i+1)*width <= s.from || l >= s.least:
	case level > 0:
		for child := range fan {
			s.visit(level-1, i*fan+child)
		}
	case !s.q.Tried(s.tree.members[i].Backend):
		s.best, s.least = i, l
	}
}

// settle makes the tree agree with a member after its leaf was changed.
func (t *loadTree) settle(i int) {
	t.read(i)
	t.climb(i)
}

// read makes a leaf agree with its member, and reports whether it did not.
func (t *loadTree) read(i int) (changed bool) {
	leaf := &t.levels[0][i]
	for {
		now := uint64(rankWith(t.members[i]))
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
	for level := 1; level < len(t.levels); level++ {
		if i /= fan; !t.correct(level, i) {
			return
		}
	}
}

// correct makes a node agree with its children, and reports whether it did not.
func (t *loadTree) correct(level, i int) (changed bool) {
	node := &t.levels[level][i]
	for {
		now := uint64(t.least(level, i))
		was := node.Load()
		if was == now {
			return changed
		}
		changed = node.CompareAndSwap(was, now) || changed
	}
}

func (t *loadTree) load(level, i int) rank { return rank(t.levels[level][i].Load()) }

// least returns the least load of a node's children.
func (t *loadTree) least(level, i int) rank {
	children := t.levels[level-1][i*fan:][:fan]
	least := rank(children[0].Load())
	for c := 1; c < fan; c++ {
		least = min(least, rank(children[c].Load()))
	}
	return least
}

// Rehearse implements pool.Rehearser. The tree is a new one, as a pick changes
// it for a moment even if it takes nothing.
func (t *loadTree) Rehearse() pool.Rehearsal { return newLoadTree(t.members, t.turn.copy()) }

// Explain implements pool.Rehearsal.
func (t *loadTree) Explain(_ *pool.Request, chosen *pool.Member) pool.Account {
	return explainLoad(t.members, chosen)
}

// Interface guards
var (
	_ pool.LoadTracker = (*loadTree)(nil)
	_ pool.Rehearser   = (*loadTree)(nil)
	_ pool.Rehearsal   = (*loadTree)(nil)
)
