package fault

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// Sessions stay where they are while a backend drains, move once when it dies,
// and do not move back. Nobody gets an error, and nobody a cookie too many.
func TestSticky(t *testing.T) {
	s := newStage(t, layout{backends: 3, pool: "sticky cookie\n" + retriesWithoutLimit})
	c := s.run("sticky sessions while a backend drains, dies and returns")
	sessions := make([]*client, scale(30, 300))
	for i := range sessions {
		sessions[i] = &client{addr: s.front, keepsCookies: true}
		defer sessions[i].close()
	}
	// each returns how many sessions are with the first backend, and how many
	// cookies were set
	round := func() (there, set int) {
		for _, session := range sessions {
			before := session.cookiesSet
			c.tally.add(session.do(newGet()))
			set += session.cookiesSet - before
			if session.backend == s.backends[0].addr {
				there++
			}
		}
		return there, set
	}
	expect := func(when string, there, set int) {
		t.Helper()
		if gotThere, gotSet := round(); gotThere != there || gotSet != set {
			t.Errorf("%s: %d sessions are with the backend and %d cookies were set, want %d and %d", when, gotThere, gotSet, there, set)
		}
	}
	third := len(sessions) / 3
	expect("at first", third, len(sessions))
	expect("then", third, 0)
	patch := func(state string) {
		t.Helper()
		path := "/load_balance/pools/web/backends/" + url.PathEscape(s.backends[0].addr)
		code, body, err := s.call(http.MethodPatch, path, "application/json", fmt.Sprintf(`{"admin_state": %q}`, state))
		if err != nil || code != http.StatusOK {
			t.Fatalf("%s: status %d: %v: %s", state, code, err, body)
		}
	}
	patch("drain")
	expect("while it drains", third, 0)
	patch("ready")
	expect("ready again", third, 0)
	s.backends[0].down()
	expect("when it has died", 0, third)
	expect("after that", 0, 0)
	s.waitAccepting(2)
	s.backends[0].up(t)
	s.waitAccepting(3)
	expect("when it is back", 0, 0)
	for _, session := range sessions {
		session.close()
	}
	c.check(nil)
}
