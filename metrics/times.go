package metrics

// MaxDetailed is how many backends a pool may have so that each has histograms
// of its own. In larger pools there is one for all: 10,000 backends would have a
// quarter of a million series of them, which nobody could store, or look at.
const MaxDetailed = 1000

// Times are the histograms of a backend's responses. They have cache lines of
// their own, twice the line size, as processors fetch lines in pairs.
type Times struct {
	// Head is of times to the head of the response.
	Head Histogram

	// Duration is of times to the end of the response.
	Duration Histogram

	_ [256 - 2*8*(len(bounds)+2)]byte
}

// SharedTimes are the histograms of all backends of a large pool together. They
// are spread, so that not every request writes to the same cache lines.
type SharedTimes [16]Times

// Of returns those to be used for the backend with a number.
func (s *SharedTimes) Of(number int) *Times { return &s[number%len(s)] }

// Count returns how many responses were counted, by their heads.
func (s *SharedTimes) Count() (n uint64) {
	for i := range s {
		n += s[i].Head.Count()
	}
	return n
}

func (s *SharedTimes) head() (r reading) {
	for i := range s {
		r.add(&s[i].Head)
	}
	return r
}

func (s *SharedTimes) duration() (r reading) {
	for i := range s {
		r.add(&s[i].Duration)
	}
	return r
}
