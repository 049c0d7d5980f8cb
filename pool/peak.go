package pool

import (
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// failurePeak is what a failure counts as at least: as a response that
	// took this long, or failureFactor times as long as the backend's
	// responses usually take. Whoever fails at once must not look fast.
	failurePeak   = time.Second
	failureFactor = 10

	// strangerPeak is what the failure of a backend counts as that has never
	// answered, so that what it usually takes is not known.
	strangerPeak = 10 * time.Second

	// usualShift is the binary logarithm of the weight of a response in what
	// is usual.
	usualShift = 3
)

// peakClock is what a backend's peak, and the wait for its next answer, are
// stamped with: milliseconds since the backend joined its pool. It turns over
// every 49 days, so only differences count.
type peakClock uint32

func (b *Backend) peakClock(now time.Time) peakClock {
	return peakClock(max(now.Sub(b.since), 0) / time.Millisecond)
}

// since returns the time from an earlier reading to c; 0 if it is a later one,
// which another goroutine may have made.
func (c peakClock) since(earlier peakClock) time.Duration {
	return time.Duration(max(int32(c-earlier), 0)) * time.Millisecond
}

// peak is an average of the times to the heads of responses that follows a
// slow one at once and a fast one slowly. It is a duration in nanoseconds, as
// the bits of a float32, in the upper half, and when it was made in the lower
// half; 0 if there was no response yet.
type peak uint64

func newPeak(ns float64, at peakClock) peak {
	return peak(uint64(math.Float32bits(float32(max(ns, 1))))<<32 | uint64(at))
}

func (p peak) ns() float64   { return float64(math.Float32frombits(uint32(p >> 32))) }
func (p peak) at() peakClock { return peakClock(p) }

// decayed returns the average in nanoseconds after some time in which nothing
// was seen: it tends to 0, so that the backend is tried again.
func (p peak) decayed(idle, decay time.Duration) float64 {
	return p.ns() * math.Exp(-float64(idle)/float64(decay))
}

// with returns the peak after a response that took so long. With w = e^(-t/decay)
// for the time t since the last one, it is
//
//	max(d, w*peak + (1-w)*d)
//
// as in the peak EWMA balancer of Twitter's Finagle (com.twitter.finagle.
// loadbalancer.PeakEwma, method observe). One that is no higher in the very
// millisecond of the last one has no weight.
func (p peak) with(d time.Duration, now peakClock, decay time.Duration) peak {
	ns := float64(max(d, 0))
	switch rest := now.since(p.at()); {
	case p == 0 || ns >= p.ns():
		return newPeak(ns, now)
	case rest == 0:
		return p
	default:
		return newPeak(ns+p.decayed(rest, decay)*(1-ns/p.ns()), now)
	}
}

// speed is what is kept of how fast a backend answers, as far as a picker asks
// for it; see [Paced].
type speed struct {
	peak  atomic.Uint64 // see there
	usual atomic.Int64  // ns; smoothed time to good responses
	quiet atomic.Uint32 // peakClock when the backend last answered, or had first to
}

// Peak returns the backend's peak-sensitive time to answer, as seen at now: an
// average that follows slow responses at once, and decays while it has nothing
// to answer. A request that waits for it counts as having taken as long as the
// backend has answered nothing at all. Not known is a backend of which nothing
// was seen yet; the time is that of waiting then.
func (b *Backend) Peak(now time.Time, decay time.Duration) (ns float64, known bool) {
	p := peak(b.speed.peak.Load())
	clock := b.peakClock(now)
	if b.waiting.Load() <= 0 {
		return p.decayed(clock.since(p.at()), decay), p != 0
	}
	quiet := peakClock(b.speed.quiet.Load())
	ns = p.decayed(quiet.since(p.at()), decay)
	return max(ns, float64(clock.since(quiet))), p != 0
}

// BeginWait says that a request has been given to the backend whole, or will be
// at once, and that it is up to the backend to answer. EndWait must follow.
func (m *Member) BeginWait(now time.Time) {
	if m.waiting.Add(1) == 1 && m.decay > 0 {
		m.speed.quiet.Store(uint32(m.peakClock(now)))
	}
}

// EndWait ends what BeginWait began.
func (m *Member) EndWait() { m.waiting.Add(-1) }

// observePeak records the outcome of an attempt.
func (m *Member) observePeak(o *Outcome, now time.Time) {
	clock, took := m.peakClock(now), o.Latency-o.ClientTime
	switch {
	case o.Verdict == LocalFault:
		return
	case o.Verdict == ClientFault:
		// a client that did not wait for the end has seen that it takes longer
		p := peak(m.speed.peak.Load())
		if p == 0 && took < failurePeak || float64(took) <= p.decayed(clock.since(p.at()), m.decay) {
			return
		}
	case o.failed():
		took = max(took, m.failureTime())
		m.speed.quiet.Store(uint32(clock))
	default:
		m.speed.observeUsual(took)
		m.speed.quiet.Store(uint32(clock))
	}
	for {
		was := m.speed.peak.Load()
		next := uint64(peak(was).with(took, clock, m.decay))
		if next == was || m.speed.peak.CompareAndSwap(was, next) {
			return
		}
	}
}

// failed reports whether the backend could not do what it was asked for. A
// server that has lost its database may answer 500 faster than any other
// answers at all.
func (o *Outcome) failed() bool {
	switch o.Status {
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported: // for what the client asks
		return o.Verdict == Failed
	}
	return o.Verdict == Failed || o.Status >= 500
}

func (m *Member) failureTime() time.Duration {
	usual := time.Duration(m.speed.usual.Load())
	if usual == 0 {
		return strangerPeak
	}
	return max(failurePeak, failureFactor*usual)
}

// observeUsual smooths d as observeLatency does.
func (s *speed) observeUsual(d time.Duration) {
	old := s.usual.Load()
	if old == 0 {
		s.usual.Store(max(int64(d), 1))
		return
	}
	s.usual.Store(max(old+(int64(d)-old)>>usualShift, 1))
}
