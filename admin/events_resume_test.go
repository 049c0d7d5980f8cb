package admin

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// reweigh changes the weight of a backend so many times, by the pool's own means.
func (s *server) reweigh(t *testing.T, poolName string, times int) {
	t.Helper()
	p, ok := s.registry.Lookup(poolName)
	if !ok {
		t.Fatalf("no pool %q", poolName)
	}
	b := p.View().Backends[0]
	for i := range times {
		weight := b.Weight + 1 + i%2
		if err := p.Patch(b.ID, pool.Patch{Weight: &weight}, pool.Options{By: "test"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEventStreamOfOnePool(t *testing.T) {
	s := newServer(t, several())
	all, web := s.openEvents(t), s.openEventsAt(t, eventsPath+"?pool=web", "")
	s.reweigh(t, "api", 2)
	s.reweigh(t, "web", 2)
	s.reweigh(t, "api", 2)
	s.reweigh(t, "web", 2)
	var numbers []uint64
	for range 8 {
		if e := all.next(); e.Pool == "web" {
			numbers = append(numbers, e.Number)
		}
	}
	for _, number := range numbers {
		if e := web.next(); e.Pool != "web" || e.Number != number {
			t.Errorf("event %+v, want number %d of pool web", e, number)
		}
	}
	if len(numbers) != 4 {
		t.Errorf("%d events of pool web", len(numbers))
	}
	s.want(s.do("GET", eventsPath+"?pool=other", ""), http.StatusNotFound, pool.CodeUnknownPool)
	s.want(s.do("GET", eventsPath+"?pool=", ""), http.StatusBadRequest, codeBadQuery)
	s.want(s.do("GET", eventsPath+"?pool=web&pool=api", ""), http.StatusBadRequest, codeBadQuery)
}

// A client that connects again, as all do after a reload, gets what it has missed;
// or is told that it has missed something.
func TestEventStreamGoesOn(t *testing.T) {
	s := newServer(t, several())
	first := s.openEvents(t)
	s.reweigh(t, "web", 1)
	last, lastID := first.next().Number, first.id
	s.reweigh(t, "api", 1)
	_ = first.next() // pools tell of their changes each at its own pace
	_ = first.resp.Body.Close()
	s.reweigh(t, "web", 3)
	again := s.openEventsAt(t, eventsPath, lastID)
	for n := range uint64(4) {
		if e := again.next(); e.Number != last+n+1 {
			t.Errorf("event %d, want %d", e.Number, last+n+1)
		}
	}
	ofAPI := s.openEventsAt(t, eventsPath+"?pool=api", lastID)
	if e := ofAPI.next(); e.Pool != "api" || e.Number != last+1 {
		t.Errorf("event %+v, want %d of pool api", e, last+1)
	}
	epoch, _, _ := strings.Cut(lastID, "-")
	for _, id := range []string{
		"7", "other-1", epoch + "-", epoch + "-x", epoch + "--1", fmt.Sprintf("%s-%d", epoch, last+1000),
		strings.Repeat("9", 1000),
	} {
		if got := s.openEventsAt(t, eventsPath, id).block(); got != "event: missed\ndata: {}" {
			t.Errorf("behind the id %.80q comes %q", id, got)
		}
	}
	s.reweigh(t, "web", 1100)
	current := fmt.Sprintf("%s-%d", epoch, last+4+1100)
	for !strings.HasPrefix(again.block(), "id: "+current+"\n") {
		if again.lines.Err() != nil {
			t.Fatal(again.lines.Err())
		}
	}
	if got := s.openEventsAt(t, eventsPath, lastID).block(); got != "event: missed\ndata: {}" {
		t.Errorf("behind an event that is long gone comes %q", got)
	}
	latest := s.openEventsAt(t, eventsPath, current)
	s.reweigh(t, "web", 1)
	if e := latest.next(); e.Number != last+4+1101 {
		t.Errorf("event %d, want %d", e.Number, last+4+1101)
	}
}
