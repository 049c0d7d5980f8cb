package health

import (
	"fmt"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestState(t *testing.T) {
	tests := []struct {
		passes, fails int
		probes        string // p: passed, f: failed
		health        string // after each: ?, u, d
	}{
		{1, 1, "pfpf", "udud"},
		{1, 1, "fp", "du"},
		{3, 1, "p", "u"},         // one pass is enough to start with
		{3, 2, "fp", "?u"},       // also behind a failure that decided nothing
		{2, 3, "fff", "??d"},     // but it takes all fails to be down
		{2, 3, "ffpff", "??uuu"}, // and these must be in a row
		{2, 3, "pffpffpfff", "uuuuuuuuud"},
		{3, 1, "fppfppfppp", "ddddddddd" + "u"},
		{2, 2, "pffpfppff", "uuddddu" + "ud"},
		{0, 0, "fpf", "dud"}, // none is as good as one
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s after %d/%d", test.probes, test.passes, test.fails), func(t *testing.T) {
			s, got := unknown, ""
			for _, probe := range test.probes {
				was := s.health
				var changed bool
				s, changed = s.next(probe == 'p', test.passes, test.fails)
				if changed != (s.health != was) {
					t.Errorf("from %s to %s: changed is %t", was, s.health, changed)
				}
				got += letter(s.health)
			}
			if got != test.health {
				t.Errorf("got %s, want %s", got, test.health)
			}
		})
	}
}

// TestStateAgainstHistory compares all sequences of 12 probes with a decision
// that looks at the whole history.
func TestStateAgainstHistory(t *testing.T) {
	const length = 12
	for passes := 1; passes <= 4; passes++ {
		for fails := 1; fails <= 4; fails++ {
			for bits := range 1 << length {
				s := unknown
				want := pool.Unknown
				for i := range length {
					s, _ = s.next(bits>>i&1 == 1, passes, fails)
					want = decide(want, bits, i, passes, fails)
					if s.health != want {
						t.Fatalf("passes %d, fails %d, probes %012b, probe %d: got %s, want %s", passes, fails, bits, i, s.health, want)
					}
				}
			}
		}
	}
}

// decide returns the health after the i-th of the probes in bits.
func decide(was pool.Health, bits, i, passes, fails int) pool.Health {
	run := func(bit int) (n int) {
		for ; i-n >= 0 && bits>>(i-n)&1 == bit; n++ {
		}
		return n
	}
	switch {
	case was == pool.Unknown && run(1) > 0, was == pool.Down && run(1) >= passes:
		return pool.Up
	case was != pool.Down && run(0) >= fails:
		return pool.Down
	}
	return was
}

func TestStateAfterChangedThreshold(t *testing.T) {
	s, _ := unknown.next(true, 1, 5)
	for range 3 {
		s, _ = s.next(false, 1, 5)
	}
	s, changed := s.next(false, 1, 2)
	if s.health != pool.Down || !changed {
		t.Errorf("4 failures with fails lowered to 2: %s, changed %t", s.health, changed)
	}
}

func letter(h pool.Health) string {
	return map[pool.Health]string{pool.Unknown: "?", pool.Up: "u", pool.Down: "d"}[h]
}
