package pool

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// maxTriedInline is how many tried backends a Request remembers without
// allocating.
const maxTriedInline = 8

// Request is what a picker may know of a request. The zero value is usable for
// policies that look at no request. It must not be copied while in use, and may
// be used again after Reset.
type Request struct {
	// HTTP is the client's request, for policies that hash a part of it. Its
	// context has Caddy's replacer and variables.
	HTTP *http.Request

	// Writer is the client's response, for policies that set a cookie.
	Writer http.ResponseWriter

	// Rand is the source of randomness; nil is the runtime's.
	Rand func() uint64

	// OnWait is called when the request begins to wait for a slot; may be nil.
	OnWait func()

	tried      [maxTriedInline]*Backend
	triedMore  []*Backend
	triedCount int
	allowTried bool
	session    session

	ticket uint64        // of the queue; 0: it does not wait
	waited time.Duration // in total

	active   *atomic.Int64 // counts the request; nil: not counted
	retrying bool          // holds a place in the retry budget

	rehearsal *rehearsal // nil: the request is a real one
}

// Reset makes the Request as new, for another client's request.
func (q *Request) Reset(w http.ResponseWriter, r *http.Request) {
	*q = Request{HTTP: r, Writer: w, Rand: q.Rand}
}

// Uint64 returns a random number, uniformly distributed.
func (q *Request) Uint64() uint64 {
	if q.Rand != nil {
		return q.Rand()
	}
	return rand.Uint64()
}

// Take reserves a slot on m for the request and reports whether it could: not
// when m already has as many requests as it may have, nor when a request that
// came before waits for m alone, nor when the request has tried m before and
// other backends are left.
func (q *Request) Take(m *Member) bool { return q.take(m, m.limit) }

// TakeUpTo is Take for a picker that would have m get no more than most
// requests, which is positive.
func (q *Request) TakeUpTo(m *Member, most int64) bool {
	if m.limit > 0 {
		most = min(most, m.limit)
	}
	if q.rehearsal != nil {
		q.rehearsal.bound(m, most)
	}
	return q.take(m, most)
}

func (q *Request) take(m *Member, limit int64) bool {
	if q.rehearsal != nil {
		return q.refusal(m, limit) == refusedNot
	}
	if q.triedCount > 0 && !q.allowTried && q.Tried(m.Backend) {
		return false
	}
	return !m.awaitedBefore(q.ticket) && m.reserve(limit)
}

// takeAny is Take for a request that has no other choice than m.
func (q *Request) takeAny(m *Member) bool {
	q.allowTried = true
	ok := q.Take(m)
	q.allowTried = false
	return ok
}

// Waited returns how long the request has waited for slots. It must not be
// called while it does.
func (q *Request) Waited() time.Duration { return q.waited }

// MarkTried remembers that an attempt was made on b, so that the request is
// not sent there again while another backend is left.
func (q *Request) MarkTried(b *Backend) {
	if q.Tried(b) {
		return
	}
	if q.triedCount < maxTriedInline {
		q.tried[q.triedCount] = b
	} else {
		q.triedMore = append(q.triedMore, b)
	}
	q.triedCount++
}

// Tried reports whether an attempt was made on b.
func (q *Request) Tried(b *Backend) bool {
	return slices.Contains(q.tried[:min(q.triedCount, maxTriedInline)], b) || slices.Contains(q.triedMore, b)
}
