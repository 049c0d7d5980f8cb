package health

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestWindowAgainstHistory compares the counts with those of all requests.
func TestWindowAgainstHistory(t *testing.T) {
	type request struct {
		piece  uint64
		failed bool
	}
	random := rand.New(rand.NewPCG(1, 2))
	var w window
	var all []request
	piece := uint64(1<<numberBits - 50) // where numbers start again
	for range 20_000 {
		if random.IntN(10) == 0 {
			piece += uint64(random.IntN(4))
		}
		if random.IntN(1000) == 0 {
			piece += uint64(random.IntN(30))
		}
		r := request{piece, random.IntN(3) == 0}
		all = append(all, r)
		if r.failed {
			w.add(piece, 1, 1)
		} else {
			w.add(piece, 1, 0)
		}
		var wantAll, wantFailed uint64
		for i := len(all) - 1; i >= 0 && piece-all[i].piece < buckets; i-- {
			wantAll++
			if all[i].failed {
				wantFailed++
			}
		}
		if gotAll, gotFailed := w.sum(piece); gotAll != wantAll || gotFailed != wantFailed {
			t.Fatalf("in piece %d: %d of %d, want %d of %d", piece, gotFailed, gotAll, wantFailed, wantAll)
		}
	}
}

func TestWindowLateFailures(t *testing.T) {
	var w window
	w.add(5, 1, 0)
	w.add(5, 0, 1) // of that request
	if all, failed := w.sum(5); all != 1 || failed != 1 {
		t.Errorf("%d of %d failed", failed, all)
	}
	w.add(6, 0, 1) // of a request that was counted in another piece
	if all, failed := w.sum(6); all != 2 || failed != 2 {
		t.Errorf("%d of %d failed", failed, all)
	}
}

func TestWindowIsBounded(t *testing.T) {
	var w window
	for range countMax + 10 {
		w.add(7, 1, 1)
	}
	if all, failed := w.sum(7); all != countMax || failed != countMax {
		t.Errorf("%d of %d failed", failed, all)
	}
	w.clear()
	if all, failed := w.sum(7); all != 0 || failed != 0 {
		t.Errorf("%d of %d failed after it was cleared", failed, all)
	}
}

func TestWindowConcurrently(t *testing.T) {
	var w window
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range 1000 {
				w.add(3, 1, uint64(i%2))
			}
		})
	}
	workers.Wait()
	if all, failed := w.sum(3); all != 8000 || failed != 4000 {
		t.Errorf("%d of %d failed", failed, all)
	}
}

func TestPieces(t *testing.T) {
	start := time.Unix(1e9, 0)
	first := pieceOf(start, 10*time.Second)
	for after, want := range map[time.Duration]uint64{0: 0, 999 * time.Millisecond: 0, time.Second: 1, 10 * time.Second: 10} {
		if got := pieceOf(start.Add(after), 10*time.Second) - first; got != want {
			t.Errorf("after %s: piece %d, want %d", after, got, want)
		}
	}
	_ = pieceOf(start, 1) // no division by zero
}

func TestStreak(t *testing.T) {
	var s streak
	const ok, bad, late = 'o', 'x', 'l'
	for _, test := range []struct {
		outcomes string
		want     int // after the last one, which is a failure
	}{
		{"x", 1},
		{"xx", 2},
		{"xxox", 1},
		{"xxoox", 1},
		{"ol", 1},
		{"olol", 2},
		{"ololol", 3}, // each answer breaks off
		{"xol", 2},
		{"xool", 1},
		{"olool", 1},
		{"olox", 1},
		{"olx", 2},
		{"xxlx", 4},
	} {
		s.clear()
		got := 0
		for _, outcome := range test.outcomes {
			switch outcome {
			case ok:
				s.success()
			case bad, late:
				got = s.failure(outcome == late)
			}
		}
		if got != test.want {
			t.Errorf("%s: %d in a row, want %d", test.outcomes, got, test.want)
		}
	}
}

func TestStreakConcurrently(t *testing.T) {
	var s streak
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range 1000 {
				s.failure(false)
			}
		})
	}
	workers.Wait()
	if got := s.failure(false); got != 8001 {
		t.Errorf("%d in a row", got)
	}
}
