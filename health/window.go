package health

import (
	"sync/atomic"
	"time"
)

// A bucket of a window has the number of the time that it is about, the count
// of requests and that of failures in one word, so that it is changed without a
// lock. It counts no more than a million requests; their ratio is good enough.
const (
	buckets    = 10
	countBits  = 20
	countMax   = 1<<countBits - 1
	numberBits = 64 - 2*countBits
	numberMask = 1<<numberBits - 1
)

// window counts the requests of one backend, and those which failed, within the
// latest of time: that is cut into pieces of equal length, and when a new one
// begins, the oldest is forgotten. So the window is between nine tenths of its
// length and the whole.
type window [buckets]atomic.Uint64

// add counts a request, a failed request, or a failure of a request that was
// counted before. piece is the number of the piece of time that it is in.
func (w *window) add(piece, requests, failures uint64) {
	bucket := &w[piece%buckets]
	for {
		was := bucket.Load()
		next := was
		if was>>(2*countBits) != piece&numberMask {
			next = piece & numberMask << (2 * countBits)
		}
		total, failed := split(next)
		if total+requests > countMax {
			return
		}
		counted := requests
		if failed+failures > total+requests {
			counted = 1 // the request was counted in another piece
		}
		next += counted<<countBits | failures
		if bucket.CompareAndSwap(was, next) {
			return
		}
	}
}

// sum returns what was counted within the window that ends with a piece.
func (w *window) sum(piece uint64) (requests, failures uint64) {
	for i := range w {
		counts := w[i].Load()
		if age := (piece - counts>>(2*countBits)) & numberMask; age < buckets {
			r, f := split(counts)
			requests, failures = requests+r, failures+f
		}
	}
	return requests, failures
}

func (w *window) clear() {
	for i := range w {
		w[i].Store(0)
	}
}

func split(counts uint64) (requests, failures uint64) {
	return counts >> countBits & countMax, counts & countMax
}

// pieceOf returns the number of the piece of time that t is in, of a window
// with that length.
func pieceOf(t time.Time, length time.Duration) uint64 {
	return uint64(t.UnixNano() / max(int64(length)/buckets, 1))
}
