package health

import (
	"sync"
	"time"
)

// minExtension is how much longer an ejection must become for the pool to be
// told, so that a burst of failures does not tell it once for each.
const minExtension = time.Millisecond

// failures are the latest failures of one backend, the oldest first; no more
// of them than are needed to eject it.
type failures struct {
	mu    sync.Mutex
	times []time.Time
	until time.Time // end of the ejection that the pool was told last
}

// add remembers a failure at time now and reports whether the pool must eject
// the backend, and until when: the time at which fewer than limit failures are
// remembered, each for the given duration.
func (f *failures) add(now time.Time, remember time.Duration, limit int) (until time.Time, eject bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.times) > 0 && now.Sub(f.times[0]) >= remember {
		f.times = f.times[1:]
	}
	f.times = append(f.times, now)
	if surplus := len(f.times) - limit; surplus > 0 {
		f.times = f.times[surplus:]
	}
	if len(f.times) < limit {
		return time.Time{}, false
	}
	until = f.times[0].Add(remember)
	if until.Sub(f.until) < minExtension {
		return time.Time{}, false
	}
	f.until = until
	return until, true
}

// clear forgets all failures.
func (f *failures) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times, f.until = nil, time.Time{}
}
