package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// TestOneOfManyWins has many clients change the pool on the same condition: in
// every round exactly one of them does.
func TestOneOfManyWins(t *testing.T) {
	const clients, rounds = 8, 20
	s := newServer(t, two())
	for round := range rounds {
		tag := etag(s.revision("web"))
		var won, lost atomic.Int64
		var wg sync.WaitGroup
		for client := range clients {
			wg.Go(func() {
				id := fmt.Sprintf("b-%d-%d", round, client)
				status := s.direct(t.Context(), "POST", allBackends, fmt.Sprintf(`{"id": %q, "address": "127.0.1.%d:%d"}`, id, client+1, round+1), "If-Match", tag).Code
				switch status {
				case http.StatusCreated:
					won.Add(1)
				case http.StatusPreconditionFailed:
					lost.Add(1)
				default:
					t.Errorf("status %d", status)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != clients-1 {
			t.Fatalf("round %d: %d have won, %d have lost", round, won.Load(), lost.Load())
		}
	}
	if got := s.revision("web"); got != 1+rounds {
		t.Errorf("revision is %d after %d changes", got, rounds)
	}
}

// TestAllOfManyArrive has many clients change the pool without a condition, or
// with one that always holds: all of them do, and the log knows the revision
// and the old value of each.
func TestAllOfManyArrive(t *testing.T) {
	const clients, each = 8, 20
	s := newServer(t, two())
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				var match []string
				if i%2 == 0 {
					match = []string{"If-Match", "*"}
				}
				weight := 2 + client*each + i
				if status := s.direct(t.Context(), "PATCH", oneBackend, `{"weight": `+strconv.Itoa(weight)+`}`, match...).Code; status != http.StatusOK {
					t.Errorf("status %d", status)
				}
			}
		})
	}
	wg.Wait()
	if got := s.revision("web"); got != 1+clients*each {
		t.Errorf("revision is %d after %d changes", got, clients*each)
	}
	olds, news := make(map[uint64]int), make(map[uint64]int)
	for _, line := range s.logs.FilterMessage(messages[actionPatch]).All() {
		fields := line.ContextMap()
		revision := fields["revision"].(uint64)
		if news[revision] != 0 {
			t.Errorf("revision %d is logged twice", revision)
		}
		olds[revision] = *fields["old"].(*settings).Weight
		news[revision] = *fields["new"].(*settings).Weight
	}
	news[1] = 1
	for revision := uint64(2); revision <= 1+clients*each; revision++ {
		if olds[revision] != news[revision-1] {
			t.Errorf("revision %d made weight %d of %d, and the one before made %d", revision, news[revision], olds[revision], news[revision-1])
		}
	}
}

// TestReadsWhileChanging makes sure that what is shown belongs to the revision
// that it is tagged with.
func TestReadsWhileChanging(t *testing.T) {
	s := newServer(t, two())
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i := range 200 {
			if status := s.direct(t.Context(), "PATCH", oneBackend, `{"weight": `+strconv.Itoa(i+2)+`}`).Code; status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		}
	})
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		w := s.direct(t.Context(), "GET", oneBackend, "")
		var b backendJSON
		decode(t, w.Body.Bytes(), &b)
		if want := strconv.Quote(strconv.Itoa(b.Weight)); w.Header().Get("ETag") != want {
			t.Fatalf("weight %d is shown with the ETag %s", b.Weight, w.Header().Get("ETag"))
		}
	}
	wg.Wait()
}
