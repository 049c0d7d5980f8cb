package fault

import (
	"testing"
	"time"
)

// impatient are options for backends that have little time.
const impatient = "dial_timeout 700ms\nresponse_header_timeout 700ms"

// never plays a backend that accepts a request, every fourth, and never answers.
func never(want class) script {
	return func(c *call) bool {
		if c.id%4 != 0 {
			return answer(c)
		}
		if want != good {
			c.failed(want)
		}
		c.awaitEnd()
		return false
	}
}

// Requests that are never answered end with a 504 when their time is over, and
// hold up no others.
func TestNeverAnswered(t *testing.T) {
	s := newStage(t, layout{backends: 3, transport: impatient})
	c := s.run("accepts requests and never answers")
	s.backends[0].play(never(status(504)))
	c.send(16, scale(200, 2000), newAsk)
	s.backends[0].play(answer)
	c.check(c.expected())
}

func TestNeverAnsweredRetried(t *testing.T) {
	s := newStage(t, layout{backends: 3, transport: impatient, pool: retriesWithoutLimit})
	c := s.run("accepts requests and never answers, with retries")
	s.backends[0].play(never(good))
	c.send(16, scale(200, 2000), newGet)
	s.backends[0].play(answer)
	c.check(nil)
}

// A backend that hangs while its connections stay open, as a stopped process or
// a machine behind a network that drops packets, answers nothing on connections
// it had before, nor on new ones.
func TestFrozen(t *testing.T) {
	s := newStage(t, layout{backends: 3, transport: impatient, health: "health_interval off"})
	c := s.run("half-open: connections stay, and nobody answers")
	for _, frozen := range []*backend{s.backends[1], s.backends[2]} {
		load := c.load(16, always(newAsk))
		load.more(t, 100) // so that there are connections to be kept
		load.end()
		frozen.freeze()
		n := len(c.tally.bad)
		c.send(16, scale(96, 960), newAsk)
		if got := len(c.tally.bad) - n; got != scale(32, 320) {
			t.Errorf("%d errors, want a third", got)
		}
		frozen.thaw()
		c.send(16, 96, newAsk)
	}
	c.checkCount(status(504), scale(64, 640))
}

// With retries, and health checks, requests go elsewhere.
func TestFrozenRetried(t *testing.T) {
	s := newStage(t, layout{
		backends: 3, transport: impatient, pool: retriesWithoutLimit,
		health: "health_uri /health\nhealth_interval 200ms\nhealth_timeout 300ms\nhealth_fails 2",
	})
	c := s.run("half-open, with retries and health checks")
	load := c.load(16, always(newGet))
	load.more(t, 100)
	s.backends[0].freeze()
	s.waitAccepting(2)
	load.more(t, 100)
	s.backends[0].thaw()
	s.waitAccepting(3)
	before := s.backends[0].requests.Load()
	load.more(t, 100)
	load.end()
	if s.backends[0].requests.Load() == before {
		t.Error("the backend gets no requests after it is back")
	}
	c.check(nil)
}

// awaitEnd returns when the client of the backend, Caddy, has closed the
// connection. The request is read all the same.
func (c *call) awaitEnd() {
	c.readBody()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	var b [1]byte
	if _, err := c.conn.Read(b[:]); isTimeout(err) {
		c.b.complain("request %d: the connection stays open after %s", c.id, patience)
	}
}
