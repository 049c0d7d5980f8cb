package fault

import (
	"fmt"
	"maps"
	"testing"
)

// A process that has run out of descriptors cannot connect to backends. That is
// a 503, no backend's fault, and over as soon as there are some again.
func TestFewDescriptors(t *testing.T) {
	s := newStage(t, layout{
		backends: 3, maxFiles: 64, health: "health_interval off",
		pool: "fail_duration 30s\nmax_fails 1",
	})
	c := s.run("64 descriptors for 200 clients")
	before := s.failures()
	short := newTally()
	load := startLoad(t, s.front, short, 200, times(scale(600, 6000), newGet))
	load.running.Wait()
	want := map[uint64]class{}
	for id := range short.bad {
		want[id] = status(503)
	}
	if differ := short.compare(want); differ != "" {
		t.Errorf("with few descriptors: %s", differ)
	}
	if got := s.failures() - before; got != 0 {
		t.Errorf("%d failures are counted against backends", got)
	}
	if len(short.bad) == 0 {
		t.Error("there were enough descriptors")
	}
	c.send(4, 100, newAsk)
	c.tally.requests += short.requests
	maps.Copy(c.tally.bad, short.bad)
	c.check(want)
	if p := s.pool(); p.Accepting != 3 {
		t.Errorf("%s: %d backends accept requests", fmt.Sprint(p.Backends), p.Accepting)
	}
}
