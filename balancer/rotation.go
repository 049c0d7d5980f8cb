package balancer

import (
	"fmt"
	"sync/atomic"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxSkips is how many turns one pick may skip because their members refuse.
const maxSkips = 64

// turn counts on from one picker to the next, so that a changed pool does not
// begin again with its first member. The space around the counter keeps what
// is only read off its cache line.
type turn struct {
	_    [128]byte
	next atomic.Uint64
	_    [128]byte
}

// copy returns a turn that is now the same, and counts on for itself.
func (t *turn) copy() *turn {
	var c turn
	c.next.Store(t.next.Load())
	return &c
}

// rotation picks members in the order of a schedule. Each turn is given to one
// request, whatever the number of requests at the same time.
type rotation struct {
	members  []*pool.Member
	schedule *schedule
	turn     *turn
}

func newRotation(members []*pool.Member, prev pool.Picker) *rotation {
	r := &rotation{members: members}
	if before, ok := prev.(*rotation); ok {
		r.turn = before.turn
		if sameWeights(before.members, members) {
			r.schedule = before.schedule
		}
	}
	if r.turn == nil {
		r.turn = new(turn)
	}
	if r.schedule == nil {
		r.schedule = newSchedule(members)
	}
	return r
}

// Pick implements pool.Picker.
func (r *rotation) Pick(q *pool.Request) *pool.Member {
	i := r.schedule.at(r.turn.next.Add(1) - 1)
	if m := r.members[i]; q.Take(m) {
		return m
	}
	return r.pickAnother(q, i)
}

// pickAnother picks for a request that member i has refused. It uses up
// further turns, rather than looking ahead, so that members which refuse all
// the time leave the others their exact shares; but not more than maxSkips,
// after which every member is asked once, in order.
func (r *rotation) pickAnother(q *pool.Request, i int) *pool.Member {
	if len(r.members) == 1 {
		return nil
	}
	for range min(maxSkips, r.schedule.period) {
		i = r.schedule.at(r.turn.next.Add(1) - 1)
		if m := r.members[i]; q.Take(m) {
			return m
		}
	}
	return offerFrom(q, r.members, i)
}

// Rehearse implements pool.Rehearser.
func (r *rotation) Rehearse() pool.Rehearsal {
	return &rotation{r.members, r.schedule, r.turn.copy()}
}

// Explain implements pool.Rehearsal.
func (r *rotation) Explain(_ *pool.Request, chosen *pool.Member) pool.Account {
	turns := r.nextTurns()
	list := standings(r.members, chosen, func(m *pool.Member) string {
		switch n := turns[m.Index]; n {
		case 0:
			return "its turn comes later"
		case 1:
			return "its turn is the next one"
		default:
			return fmt.Sprintf("its turn comes %d requests later", n)
		}
	})
	shareByWeight(list, r.members)
	return pool.Account{Reason: "it is its turn", Members: list}
}

// nextTurns returns how many turns later each member has one; 0 if that is not
// soon.
func (r *rotation) nextTurns() []int {
	turns := make([]int, len(r.members))
	next := r.turn.next.Load()
	for n := range min(r.schedule.period, maxTurns) {
		if i := r.schedule.at(next + n); turns[i] == 0 {
			turns[i] = int(n) + 1
		}
	}
	return turns
}

// Interface guards
var (
	_ pool.Rehearser = (*rotation)(nil)
	_ pool.Rehearsal = (*rotation)(nil)
)
