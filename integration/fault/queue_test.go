package fault

import (
	"fmt"
	"net"
	"sync"
	"testing"
)

const (
	slots  = 4   // of each backend
	places = 100 // in the queue
)

// newQueue returns a stage whose requests wait for a slot, and its backends,
// which answer nothing until they are released.
func newQueue(t *testing.T) (s *stage, c *scenario, release func()) {
	t.Helper()
	s = newStage(t, layout{backends: 3, pool: fmt.Sprintf("unhealthy_request_count %d\nqueue %d 50s", slots, places)})
	c = s.run(t.Name())
	held := make(chan struct{})
	for _, b := range s.backends {
		b.active.peak.Store(0)
		b.play(func(c *call) bool {
			<-held
			return answer(c)
		})
	}
	release = sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	return s, c, release
}

// waitQueue returns once that many requests are in flight, and that many wait.
func (s *stage) waitQueue(inFlight, queued int64) {
	s.t.Helper()
	eventually(s.t, func() error {
		if p := s.pool(); p.InFlight != inFlight || p.Queued != queued {
			return fmt.Errorf("%d requests are in flight and %d wait, want %d and %d", p.InFlight, p.Queued, inFlight, queued)
		}
		return nil
	})
}

// expectSlots fails the test if a backend got more requests at once than it may
// have.
func (s *stage) expectSlots() {
	s.t.Helper()
	for _, b := range s.backends {
		if peak := b.active.peak.Load(); peak > slots {
			s.t.Errorf("a backend got %d requests at once, with a limit of %d", peak, slots)
		}
	}
}

// A burst fills the slots, then the queue. Exactly what comes on top of that is
// refused, at once; all others are served.
func TestQueueBurst(t *testing.T) {
	s, c, release := newQueue(t)
	c.name = "a burst that fills slots and queue"
	served := c.load(3*slots, times(3*slots, newAsk))
	s.waitQueue(3*slots, 0)
	waiting := c.load(places, times(places, newAsk))
	s.waitQueue(3*slots, places)
	n := scale(50, 1000)
	c.send(25, n, newAsk)
	want := map[uint64]class{}
	for id := range c.tally.bad {
		want[id] = status(503)
	}
	if len(want) != n {
		t.Errorf("%d of %d requests beyond the queue were refused", len(want), n)
	}
	release()
	served.running.Wait()
	waiting.running.Wait()
	s.expectSlots()
	c.check(want)
}

// Clients that leave while they wait give their place to others.
func TestQueueLeft(t *testing.T) {
	s, c, release := newQueue(t)
	c.name = "clients reset their connections while they wait in the queue"
	before := s.received() + 3*slots // not all of which have come once they are in flight
	served := c.load(3*slots, times(3*slots, newAsk))
	s.waitQueue(3*slots, 0)
	for range scale(3, 20) {
		conns := make([]*net.TCPConn, places)
		for i := range conns {
			conn, err := net.DialTimeout("tcp", s.front, patience)
			if err != nil {
				t.Fatal(err)
			}
			conns[i] = conn.(*net.TCPConn)
			if i%2 == 0 {
				tell(t, conn, newGet().head(s.front))
			} else { // with a body that does not come whole
				tell(t, conn, "POST / HTTP/1.1\r\nHost: "+s.front+"\r\nContent-Length: 10\r\n\r\nhello")
			}
		}
		s.waitQueue(3*slots, places)
		for _, conn := range conns {
			reset(conn)
		}
		s.waitQueue(3*slots, 0)
	}
	waiting := c.load(places, times(places, newAsk))
	s.waitQueue(3*slots, places)
	eventually(t, func() error {
		if got := s.received() - before; got < 0 {
			return fmt.Errorf("%d requests are still on their way to the backends", -got)
		}
		return nil
	})
	if got := s.received() - before; got != 0 {
		t.Errorf("%d requests came to backends that were full", got)
	}
	release()
	served.running.Wait()
	waiting.running.Wait()
	if got := s.received() - before; got != places {
		t.Errorf("%d requests came to the backends, want %d: those whose clients have stayed", got, places)
	}
	s.expectSlots()
	c.check(nil)
}

// Requests wait while no backend is up, and while configs are reloaded; nobody
// notices either.
func TestQueueOutage(t *testing.T) {
	s := newStage(t, layout{backends: 3, pool: fmt.Sprintf("unhealthy_request_count %d\nqueue %d 50s", slots, places)})
	c := s.run("all down for a while, and reloads, with a queue")
	for round := range scale(2, 10) {
		s.sicken(true)
		s.logged("backend down", (round+1)*len(s.backends)) // requests see it now
		for _, b := range s.backends {
			b.active.peak.Store(0)
		}
		waiting := c.load(places, times(places, newAsk))
		s.waitQueue(0, places)
		s.reload()
		s.waitQueue(0, places)
		s.sicken(false)
		waiting.running.Wait()
		s.expectSlots()
		s.waitAccepting(3)
	}
	c.check(nil)
}
