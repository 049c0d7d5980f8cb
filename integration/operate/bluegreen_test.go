package operate

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The green backends take over from the blue ones as one change, and the blue
// ones again, by priorities. No request fails, and none goes to those that have
// handed over.
func TestBlueGreen(t *testing.T) {
	blue := []*server{startServer(t, "blue1"), startServer(t, "blue2")}
	green := []*server{startServer(t, "green1"), startServer(t, "green2")}
	s := serve(t, t.TempDir(), "health_uri /health\nhealth_interval 200ms", blue...)
	for _, b := range green {
		s.do(http.MethodPost, "/backends", fmt.Sprintf(`{"id": %q, "address": %q, "priority": 1}`, b.id, b.addr), http.StatusCreated)
	}
	for _, b := range append(blue, green...) {
		s.stands(b.id, serves)
	}
	load := startLoad(t, s.front)
	expectOnly(t, load.shares(t, 200), "blue")

	for range scale(3, 50) {
		s.hand(blue, green)
		expectOnly(t, load.shares(t, 100), "green")
		s.hand(green, blue)
		expectOnly(t, load.shares(t, 100), "blue")
	}
	// one after the other is as good: those of both colours serve meanwhile
	for _, b := range green {
		b.mayServe(true)
		s.do(http.MethodPatch, backendPath(b.id), `{"priority": 0}`, http.StatusOK)
	}
	for _, b := range blue {
		s.do(http.MethodPatch, backendPath(b.id), `{"priority": 1}`, http.StatusOK)
		b.mayServe(false)
	}
	expectOnly(t, load.shares(t, 100), "green")
	// what has handed over is there all the same: it serves when no other can
	for _, b := range blue {
		b.mayServe(true)
	}
	for _, b := range green {
		s.do(http.MethodPatch, backendPath(b.id), `{"admin_state": "maintenance"}`, http.StatusOK)
		s.stands(b.id, standing{State: "maintenance", Reason: "in maintenance"})
	}
	expectOnly(t, load.shares(t, 100), "blue")
	load.end(t)
}

// hand has some backends hand over to others.
func (s *site) hand(from, to []*server) {
	s.t.Helper()
	var list []string
	for _, b := range to {
		b.mayServe(true)
		list = append(list, fmt.Sprintf(`{"id": %q, "address": %q, "priority": 0}`, b.id, b.addr))
	}
	for _, b := range from {
		list = append(list, fmt.Sprintf(`{"id": %q, "address": %q, "priority": 1}`, b.id, b.addr))
	}
	s.do(http.MethodPut, "/backends", "["+strings.Join(list, ",")+"]", http.StatusOK)
	for _, b := range from {
		b.mayServe(false)
	}
}

// expectOnly fails the test if others than those of the colour have answered, or
// not both of them.
func expectOnly(t *testing.T, shares map[string]int, colour string) {
	t.Helper()
	for name := range shares {
		if !strings.HasPrefix(name, colour) {
			t.Errorf("while %s serves: %v", colour, shares)
			return
		}
	}
	if len(shares) != 2 {
		t.Errorf("%s serves by %v", colour, shares)
	}
}
