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

// Clients that send a byte now and then, or take nothing of what they have asked
// for, are ended in time. Until then they hold up nobody, and cost little.
func TestSlowClients(t *testing.T) {
	s := newStage(t, layout{
		backends: 3,
		pool:     "client_body_timeout 2s 1000\nsend_timeout 2s 1000\nfail_duration 30s\nmax_fails 1",
	})
	n := scale(100, 1000)
	c := s.run(fmt.Sprintf("%d slow clients", n))
	for _, b := range s.backends {
		b.play(patiently)
	}
	before := s.failures()
	load := c.load(4, always(newAsk))
	var slow sync.WaitGroup
	for i := range n {
		slow.Go(func() {
			var err error
			if i%2 == 0 {
				err = dripUpload(s.front)
			} else {
				err = neverRead(s.front)
			}
			if err != nil {
				t.Errorf("slow client %d: %v", i, err)
			}
		})
	}
	slow.Wait()
	load.more(t, 50)
	load.end()
	if got := s.failures() - before; got != 0 {
		t.Errorf("%d failures are counted against backends", got)
	}
	c.check(nil)
}

// dripUpload sends a body bit by bit. It is an error if that is not ended with a
// 408.
func dripUpload(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	a := newGet()
	a.method, a.upload = "POST", 50_000
	body := patternOf(a.id).text(a.upload)
	if _, err := io.WriteString(conn, a.head(addr)+string(body[:1000])); err != nil {
		return err
	}
	answered := make(chan error, 1)
	go func() {
		head := make([]byte, 12)
		_, err := io.ReadFull(conn, head)
		if err == nil && string(head) != "HTTP/1.1 408" {
			err = fmt.Errorf("got %q", head)
		}
		answered <- err
	}()
	tick := time.NewTicker(500 * time.Millisecond) // the slow client
	defer tick.Stop()
	for sent := 1000; ; sent++ {
		select {
		case err := <-answered:
			return err
		case <-tick.C:
			_, _ = conn.Write(body[sent : sent+1])
		}
	}
}

// neverRead asks for a lot and takes nothing of it. It is an error if the
// connection stays open.
func neverRead(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // the system keeps little of it
	a := newGet()
	a.size = 20 << 20
	if _, err := io.WriteString(conn, a.head(addr)); err != nil {
		return err
	}
	return process.Poll(func() error {
		// another request, which the connection has room for as long as it is open
		if _, err := io.WriteString(conn, "\r\n"); err == nil {
			return fmt.Errorf("the connection of a client that reads nothing stays open")
		}
		return nil
	})
}
