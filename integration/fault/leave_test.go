package fault

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// leaving is a moment for a client to be gone.
type leaving struct {
	name string
	play func(t *testing.T, s *stage, conn *net.TCPConn, a ask)
}

var leavings = []leaving{
	{"before a request", func(*testing.T, *stage, *net.TCPConn, ask) {}},
	{"in the head of the request", func(t *testing.T, s *stage, conn *net.TCPConn, a ask) {
		tell(t, conn, a.head(s.front)[:30])
	}},
	{"in the body of the request", func(t *testing.T, s *stage, conn *net.TCPConn, a ask) {
		a.method, a.upload, a.size = "POST", 50_000, hang
		tell(t, conn, a.head(s.front)+string(patternOf(a.id).text(20_000)))
		s.waitSeen(a.id)
	}},
	{"before the response", func(t *testing.T, s *stage, conn *net.TCPConn, a ask) {
		a.size = hang
		tell(t, conn, a.head(s.front))
		s.waitSeen(a.id)
	}},
	{"in the response", func(t *testing.T, s *stage, conn *net.TCPConn, a ask) {
		a.size = 20 << 20
		tell(t, conn, a.head(s.front))
		if _, err := io.ReadFull(conn, make([]byte, 1000)); err != nil {
			t.Errorf("reading the beginning of the response: %v", err)
		}
	}},
}

// hang is a size that a patient backend never answers with.
const hang = 77_777

// patiently answers all but those requests that wait for their client to leave.
func patiently(c *call) bool {
	if c.size == hang {
		c.awaitEnd()
		return false
	}
	return answer(c)
}

// waitSeen returns once a backend has the request.
func (s *stage) waitSeen(id uint64) {
	s.t.Helper()
	err := process.Poll(func() error {
		for _, b := range s.backends {
			if b.saw(id) > 0 {
				return nil
			}
		}
		return fmt.Errorf("no backend has got request %d", id)
	})
	if err != nil {
		s.t.Error(err)
	}
}

func tell(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Errorf("sending: %v", err)
	}
}

// Clients that reset their connections, at whatever moment, end their own
// requests only. No backend is blamed for them.
func TestClientsLeave(t *testing.T) {
	s := newStage(t, layout{backends: 3, pool: "fail_duration 30s\nmax_fails 1"})
	c := s.run(fmt.Sprintf("%d clients reset their connections", scale(200, 1000)))
	for _, b := range s.backends {
		b.play(patiently)
	}
	before := s.failures()
	load := c.load(4, always(newAsk))
	var leavers sync.WaitGroup
	for worker := range 20 {
		leavers.Go(func() {
			for i := worker; i < scale(200, 1000); i += 20 {
				conn, err := net.Dial("tcp", s.front)
				if err != nil {
					t.Errorf("connecting: %v", err)
					return
				}
				_ = conn.SetDeadline(time.Now().Add(patience))
				leavings[i%len(leavings)].play(t, s, conn.(*net.TCPConn), newGet())
				reset(conn.(*net.TCPConn))
			}
		})
	}
	leavers.Wait()
	load.more(t, 50)
	load.end()
	if got := s.failures() - before; got != 0 {
		t.Errorf("%d failures are counted against backends", got)
	}
	if p := s.pool(); p.Accepting != 3 {
		t.Errorf("%d of 3 backends accept requests: %+v", p.Accepting, p.Backends)
	}
	c.check(nil)
}

// failures returns what the admin API says that the backends have failed.
func (s *stage) failures() (n uint64) {
	s.t.Helper()
	for _, b := range s.pool().Backends {
		n += b.Failures
	}
	return n
}
