package balancer

import (
	"math/bits"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// offerFrom offers the request to every member, beginning with the one at
// start and going on in order. It is what is left to do when those that a
// policy prefers have refused. If all do, that takes about 10 ns for each: a
// tenth of a millisecond with 10,000 members. That none has room is not kept,
// as room comes in more ways than by the end of a request: a member's trial
// ends, or one that waits for it gives up.
func offerFrom(q *pool.Request, members []*pool.Member, start int) *pool.Member {
	for _, m := range members[start:] {
		if q.Take(m) {
			return m
		}
	}
	for _, m := range members[:start] {
		if q.Take(m) {
			return m
		}
	}
	return nil
}

// offerShuffled offers the request to every member, in an order drawn for it:
// from a random start, in steps of a random length that has no divisor in
// common with the number of members and so leaves none out. A few free members
// among many full ones get equal parts that way, wherever they stand.
func offerShuffled(q *pool.Request, members []*pool.Member) *pool.Member {
	n := uint64(len(members))
	at := uniform(q, n)
	step := 1 + uniform(q, n)
	for gcd(step, n) != 1 {
		step++
	}
	step %= n
	for range n {
		if m := members[at]; q.Take(m) {
			return m
		}
		if at += step; at >= n {
			at -= n
		}
	}
	return nil
}

// uniform returns a random number below n, which is positive. Multiplying in
// place of dividing is from Lemire, "Fast random integer generation in an
// interval" (2019); its bias of n/2^64 is left in.
func uniform(q *pool.Request, n uint64) uint64 {
	hi, _ := bits.Mul64(q.Uint64(), n)
	return hi
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
