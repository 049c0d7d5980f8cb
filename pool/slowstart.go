package pool

import "time"

const (
	// fullWarmth is the warmth of a backend that gets its full share, and
	// leastWarmth, a tenth of it, that of one which comes in. As weights are
	// multiplied by warmth, it is a small number: then policies that lay out
	// turns by weight have short rounds.
	fullWarmth  = 40
	leastWarmth = fullWarmth / 10

	// leastRampStep is the least time between two snapshots which differ in
	// warmth only. They are made for all backends of the pool together.
	leastRampStep = 100 * time.Millisecond
)

// warmthAt returns how much of its share a backend gets some time after it came
// in: it grows in proportion to time, from a tenth to the whole.
//
// HAProxy's `slowstart` lets weight and connection limit grow "linearly from 0
// to 100%" over the window. Envoy's slow_start_config takes weight ×
// max(min_weight_percent, (time / window)^(1/aggression)), with 10 % and 1 by
// default: a tenth, until a tenth of the window is over. This is the line
// between the two: a tenth at the beginning, and no time without growth.
func warmthAt(since, window time.Duration) uint8 {
	if since >= window {
		return fullWarmth
	}
	const steps = fullWarmth - leastWarmth
	return leastWarmth + uint8((max(since, 0)*steps+window/2)/window)
}

// turns takes note of what begins and ends with a change of state. A backend
// that comes to take requests begins slowly, whatever has kept it out; unless it
// is one of those which a pool began with.
func (b *Backend) turns(is state, now time.Time) {
	began := b.announced == "" || b.announced == stateWaiting
	if is == stateUp && (b.cold || !began) {
		b.cameIn = now
	}
}

// warmth returns how much of its share the backend gets now.
func (b *Backend) warmth(now time.Time, window time.Duration) uint8 {
	if window <= 0 || b.cameIn.IsZero() {
		return fullWarmth
	}
	return warmthAt(now.Sub(b.cameIn), window)
}

// rampStep returns the time from one snapshot to the next while backends start
// slowly.
func (p *Pool) rampStep() time.Duration {
	step := p.def.SlowStart / (fullWarmth - leastWarmth)
	return max(step, leastRampStep, 10*time.Duration(len(p.specs))*rebuildPerBackend)
}

// rampUp gives the members of a tier the shares that their warmth allows. It
// counts in relation to the warmest of them: somebody has to do the work, so a
// backend that is alone, or among others as cold, is not held back.
func rampUp(members []*Member) {
	warmest, coldest := members[0].warmth, members[0].warmth
	for _, m := range members {
		warmest, coldest = max(warmest, m.warmth), min(coldest, m.warmth)
	}
	for _, m := range members {
		m.warmest = warmest
		if coldest == warmest {
			continue // the same for all of them
		}
		m.Weight *= int(m.warmth)
		if m.limit > 0 {
			m.limit = max(m.limit*int64(m.warmth)/int64(warmest), 1)
		}
	}
}

// Ramp returns which part of its share a member gets at present: all of it,
// unless it starts slowly. Policies that go by weight need not know, as it is
// part of that.
func (m *Member) Ramp() (part, of int) { return int(m.warmth), int(m.warmest) }
