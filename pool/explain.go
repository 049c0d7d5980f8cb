package pool

import (
	"fmt"
	"net/http"
	"time"
)

// Explanation says what would become of a request.
type Explanation struct {
	Pool     string
	Revision uint64
	Policy   string // its name

	// Chosen is the one of Backends that would get the request; nil if none
	// would at once.
	Chosen *BackendExplanation

	// Reason is why that one, or why none.
	Reason string

	// ByChance says that the next request like it may go elsewhere with nothing
	// changed.
	ByChance bool

	// Backends are all of the pool.
	Backends []BackendExplanation
}

// BackendExplanation says what a backend is to a request.
type BackendExplanation struct {
	ID       string
	Address  string
	State    string // as in BackendView
	Chosen   bool
	Eligible bool    // it takes new requests, and has room for one
	Share    float64 // of requests like it; less than 0 if that is not known
	Reason   string  // why it is chosen, or is not
}

// Explain says which backend a request would get now, and why no other. It goes
// the way of [Pool.Acquire] and [Pool.Wait] with pickers and a request that
// leave no trace, so the answer is that of the code which decides. The context of
// r must have what policies look at.
func (p *Pool) Explain(r *http.Request) Explanation {
	x := &explaining{
		pool: p, snap: p.snap.Load().rehearse(),
		q: &Request{HTTP: r, rehearsal: new(rehearsal)},
	}
	x.choose()
	return x.explanation()
}

// explaining is one request that asks.
type explaining struct {
	pool *Pool
	snap *Snapshot
	q    *Request

	chosen *Member
	why    string   // there is none, or that this one is not up to the policy
	others string   // what is to say of those that could have been chosen
	tier   *Tier    // of the policy that chose; nil: no policy did
	says   *Account // of that policy
}

// choose decides as a request that has come now does.
func (x *explaining) choose() {
	if x.pool.queue.comesFirst() {
		// only those are served before others who wait which need not compete
		// with them: the sessions of a backend that takes nobody else
		if own := x.snap.own(x.q); own != nil && own.Index < 0 && x.q.Take(own) {
			x.chooseHome(own)
			return
		}
		x.wait()
		return
	}
	m := x.snap.pick(x.q)
	switch {
	case x.q.rehearsal.silent:
		x.why = fmt.Sprintf("the policy %s decides, and cannot be asked in advance", x.snap.policy)
		x.others = "takes requests; whether it gets this one is up to the policy"
	case m == nil:
		x.wait()
	case m.Backend == x.q.session.home && !x.q.session.away:
		x.chooseHome(m)
	default:
		x.chooseByPolicy(m)
	}
}

func (x *explaining) chooseHome(m *Member) {
	x.chosen, x.why = m, "the client's session belongs to it"
	if m.drains {
		x.why += "; it drains, and keeps the clients that it has"
	}
	x.others = fmt.Sprintf("the client's session belongs to %q", m.id)
}

func (x *explaining) chooseByPolicy(m *Member) {
	x.chosen = m
	for i := range x.snap.Tiers {
		if tier := &x.snap.Tiers[i]; m.Index >= 0 && m.Index < len(tier.Members) && tier.Members[m.Index] == m {
			x.tier = tier
			if r, ok := tier.Picker.(Rehearsal); ok {
				account := r.Explain(x.q, m)
				x.says = &account
			}
		}
	}
}

// wait decides what becomes of a request for which there is no slot, as
// waitQueue does.
func (x *explaining) wait() {
	queue := &x.pool.queue
	waiting, size := queue.total.Load(), queue.size.Load()
	refusal := x.snap.refusal(x.q)
	own := x.snap.own(x.q)
	switch {
	case size == 0:
		x.why = fmt.Sprintf("%v: it is answered with 503, unless lb_retries or lb_try_duration have it wait", refusal)
	case waiting < size && own != nil:
		x.why = fmt.Sprintf("would wait in the queue, for up to %s, for %q, to which the client's session belongs", x.timeout(), own.id)
	case waiting == 0 && waiting < size:
		x.why = fmt.Sprintf("would wait in the queue, for up to %s: %v", x.timeout(), refusal)
	case waiting < size:
		x.why = fmt.Sprintf("would wait in the queue, behind those that do (%d), for up to %s: %v", waiting, x.timeout(), refusal)
	case own != nil && !queue.comesFirst():
		x.q.session.away = true
		if m := x.snap.pickAny(x.q); m != nil {
			x.chooseByPolicy(m)
			return
		}
		fallthrough
	default:
		x.why = fmt.Sprintf("the queue is full (%d wait): it is answered with 503", waiting)
	}
	x.others = "has room, but others wait that came before"
	if own != nil {
		x.others = fmt.Sprintf("the client's session belongs to %q", own.id)
	}
}

func (x *explaining) timeout() time.Duration {
	x.pool.queue.mu.Lock()
	defer x.pool.queue.mu.Unlock()
	return x.pool.queue.timeout
}
