package pool

import (
	"sync/atomic"
	"time"
)

// ejection is the way of a backend out, for failures of its requests, and back:
//
//	in ── failures ──▶ out ── time is over ──▶ probing ── a success ──▶ in
//	                    ▲                         │
//	                    └─────── a failure ───────┘
//
// Ejections for a fixed time leave out the probing.
type ejection struct {
	reason string
	since  time.Time
	until  time.Time
	trial  *trial    // to be gone through before it is in again; nil: none
	level  int       // of ejections in a row, as of back
	back   time.Time // when it was in again last
	told   time.Time // when people were told last that it was kept in
}

// out reports whether the backend is ejected.
func (e *ejection) out(now time.Time) bool { return now.Before(e.until) }

// endTrial ends the trial, if there is one: nobody else enters, and no outcome
// decides any more.
func (e *ejection) endTrial() {
	if e.trial != nil {
		e.trial.end()
		e.trial = nil
	}
}

// levelAt returns how many ejections count as being in a row: one less for each
// base time that the backend has been in since the last. Envoy's outlier
// detection lowers its multiplier of the base ejection time by one for each
// interval in which the host is not ejected.
func (e *ejection) levelAt(now time.Time, base time.Duration) int {
	if e.trial != nil || e.level == 0 {
		return e.level
	}
	return max(e.level-int(min(now.Sub(e.back)/base, maxLevel)), 0)
}

// nextLevel returns the level after one more ejection. It does not rise where the
// time would not, so that good behaviour shows at once. It does once in any case,
// to tell a first ejection from another.
func nextLevel(level int, base, most time.Duration) int {
	if level < 2 || level < maxLevel && ejectionTime(base, most, level, 0) < most {
		return level + 1
	}
	return level
}

// maxLevel is as often as the time doubles, so that it stays within what a
// duration can be.
const maxLevel = 32

// ejectionTime returns how long an ejection lasts, the first, second, … in a
// row: the base time, doubled each time, up to the most. r, random in [0, 1),
// adds up to a tenth to it, so that backends which were ejected together do not
// return together. Envoy adds max_ejection_time_jitter for the same reason; its
// time grows as base × number, where this one doubles.
func ejectionTime(base, most time.Duration, level int, r float64) time.Duration {
	d := base
	for range min(level, maxLevel) - 1 {
		if d >= most/2 {
			d = most
			break
		}
		d *= 2
	}
	return min(d, most) + time.Duration(r*float64(min(d, most))/10)
}

// trial lets requests to a backend that is returning one at a time, until the
// outcome of one decides. Each return has a trial of its own, so that requests
// of the time before have no part in it.
type trial struct {
	phase atomic.Int32
}

const (
	trialFree int32 = iota
	trialBusy
	trialOver
)

// open reports whether a request may go.
func (t *trial) open() bool { return t.phase.Load() == trialFree }

// enter takes the turn, and reports whether it was free.
func (t *trial) enter() bool { return t.phase.CompareAndSwap(trialFree, trialBusy) }

// leave gives the turn back; to nobody if the trial is over.
func (t *trial) leave() { t.phase.CompareAndSwap(trialBusy, trialFree) }

// end ends the trial. Nobody else enters.
func (t *trial) end() { t.phase.Store(trialOver) }
