package fault

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// breach is a way for a response to break off.
type breach struct {
	name string
	want class              // what the client gets
	send func(*call) string // before it breaks off
}

var breaches = []breach{
	{"before the head", status(502), func(*call) string { return "" }},
	{"in the head", status(502), func(c *call) string { return c.responseHead()[:40] }},
	{"after the head", cut, func(c *call) string {
		if c.size == 0 {
			return c.responseHead()[:40]
		}
		return c.responseHead()
	}},
	{"in the body", cut, func(c *call) string {
		whole := c.whole()
		head := strings.Index(whole, "\r\n\r\n") + 4
		return whole[:head+(len(whole)-head)/2]
	}},
}

// breaking plays the breach for every fourth request, and ends the connection
// with FIN and RST in turn. A body that ends with the connection is complete if
// it is the FIN that ends it.
func breaking(x breach) script {
	return func(c *call) bool {
		if c.id%4 != 0 && c.id%7 != 0 {
			return answer(c)
		}
		c.failed(x.want)
		if !c.readBody() || !c.write(x.send(c)) {
			return false
		}
		if c.framing == byClose || c.id%3 == 0 {
			reset(c.conn)
		}
		return false
	}
}

// Without retries every response that breaks off is one error, and no more.
func TestBrokenResponses(t *testing.T) {
	s := newStage(t, layout{backends: 3})
	for _, x := range breaches {
		c := s.run("RST or FIN " + x.name)
		s.backends[0].play(breaking(x))
		c.send(16, scale(400, 8000), newAsk)
		s.backends[0].play(answer)
		c.check(c.expected())
	}
}

// retriesWithoutLimit are retries for faults that most requests meet.
const retriesWithoutLimit = "lb_retries 2\nretry_budget off"

// With retries there are errors only for requests that must not be repeated, and
// for responses that the client has the beginning of.
func TestBrokenResponsesRetried(t *testing.T) {
	s := newStage(t, layout{backends: 3, pool: retriesWithoutLimit})
	for _, x := range breaches {
		c := s.run(fmt.Sprintf("RST or FIN %s, with retries", x.name))
		s.backends[0].play(func(call *call) bool {
			goesOn := breaking(x)(call)
			if call.method == "GET" && x.want != cut {
				call.retried()
			}
			return goesOn
		})
		c.send(16, scale(400, 8000), newAsk)
		s.backends[0].play(answer)
		c.check(c.expected())
	}
}

// A backend that closes every connection at once has had no request, but Caddy
// cannot know: it is an error for each that was sent.
func TestClosedAtOnce(t *testing.T) {
	s := newStage(t, layout{backends: 3, health: "health_interval off"})
	c := s.run("connections closed as soon as they are accepted")
	var closed gauge
	greet := func(conn *net.TCPConn) bool {
		closed.up()
		reset(conn)
		return false
	}
	s.backends[0].greet.Store(&greet)
	c.send(16, scale(400, 8000), newGet)
	s.backends[0].greet.Store(nil)
	c.checkCount(status(502), int(closed.now.Load()))
}
