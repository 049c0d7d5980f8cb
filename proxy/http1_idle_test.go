package proxy

import (
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// connPair returns a connection as the transport has it, and the backend's side.
func connPair(t *testing.T) (*http1Conn, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	backend, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close(); _ = backend.Close() })
	return newHTTP1Conn(raw), backend
}

func connsOf(t *testing.T, n int) []*http1Conn {
	t.Helper()
	conns := make([]*http1Conn, n)
	for i := range conns {
		conns[i], _ = connPair(t)
	}
	return conns
}

// isOpen reports whether a connection was not closed on this side.
func isOpen(c *http1Conn) bool {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	return err == nil && raw.Control(func(uintptr) {}) == nil
}

func TestIdleConnsAreTakenLastFirst(t *testing.T) {
	conns := connsOf(t, 3)
	i := idleConns{limit: 10, sweeper: newSweeper(nil)}
	defer i.close()
	for _, c := range conns {
		wantEqual(t, "put", i.put(c), true)
	}
	for _, n := range []int{2, 1} {
		if i.take() != conns[n] {
			t.Errorf("not connection %d", n)
		}
	}
	i.put(conns[2])
	for _, c := range []*http1Conn{conns[2], conns[0], nil} {
		if i.take() != c {
			t.Error("another connection")
		}
	}
	wantEqual(t, "count", i.sweeper.count.Load(), 0)
}

func TestIdleConnsLimits(t *testing.T) {
	for _, c := range []struct {
		name         string
		perHost, all int
		kept         [2]int // of 4 that are put to either of two backends
	}{
		{"none", 10, 0, [2]int{4, 4}},
		{"per host", 3, 0, [2]int{3, 3}},
		{"over all", 10, 5, [2]int{4, 1}},
		{"both", 3, 5, [2]int{3, 2}},
		{"nothing is kept", -1, 0, [2]int{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSweeper(&config.KeepAlive{MaxIdleConns: c.all})
			var kept [2]int
			for n := range kept {
				i := &idleConns{limit: c.perHost, sweeper: s}
				defer i.close()
				for _, conn := range connsOf(t, 4) {
					if i.put(conn) {
						kept[n]++
					}
				}
			}
			wantEqual(t, "kept", kept, c.kept)
			wantEqual(t, "count", s.count.Load(), int64(kept[0]+kept[1]))
		})
	}
}

// A place is free again once a connection was taken, or swept away.
func TestIdleConnsLimitIsGivenBack(t *testing.T) {
	conns := connsOf(t, 3)
	synctest.Test(t, func(t *testing.T) {
		i := idleConns{limit: 1, sweeper: newSweeper(&config.KeepAlive{MaxIdleConns: 1})}
		wantEqual(t, "first", i.put(conns[0]), true)
		wantEqual(t, "second", i.put(conns[1]), false)
		i.take()
		wantEqual(t, "second, when the first was taken", i.put(conns[1]), true)
		time.Sleep(config.DefaultIdleConnTimeout + 2*sweepInterval)
		wantEqual(t, "third, when the second was swept away", i.put(conns[2]), true)
		i.close()
		wantEqual(t, "count", i.sweeper.count.Load(), 0)
	})
}

func TestIdleTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{20 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second, 90 * time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			conns := connsOf(t, 2)
			synctest.Test(t, func(t *testing.T) {
				s := newSweeper(&config.KeepAlive{IdleConnTimeout: caddy.Duration(timeout)})
				i := idleConns{limit: 10, sweeper: s}
				defer i.close()
				late := 2*s.interval() + time.Millisecond // time is counted in rounds
				i.put(conns[0])
				time.Sleep(timeout / 2)
				i.put(conns[1])
				time.Sleep(timeout - timeout/2 - time.Millisecond)
				wantEqual(t, "open just before its time", isOpen(conns[0]), true)
				time.Sleep(late)
				synctest.Wait()
				wantEqual(t, "open after its time", isOpen(conns[0]), false)
				time.Sleep(timeout/2 + late)
				synctest.Wait()
				wantEqual(t, "the other open after its time", isOpen(conns[1]), false)
				wantEqual(t, "count", s.count.Load(), 0)
			})
		})
	}
}

// A connection in use is not idle, and its time begins anew when it is again.
func TestIdleTimeoutBeginsAnew(t *testing.T) {
	conns := connsOf(t, 2)
	synctest.Test(t, func(t *testing.T) {
		i := idleConns{limit: 10, sweeper: newSweeper(nil)}
		defer i.close()
		i.put(conns[0])
		i.put(conns[1])
		for range 5 {
			time.Sleep(config.DefaultIdleConnTimeout * 2 / 3)
			c := i.take()
			if c != conns[1] {
				t.Fatal("the connection that was used last is gone")
			}
			i.put(c)
		}
		wantEqual(t, "the other is open", isOpen(conns[0]), false)
	})
}

func TestNoIdleTimeout(t *testing.T) {
	conns := connsOf(t, 1)
	synctest.Test(t, func(t *testing.T) {
		i := idleConns{limit: 10, sweeper: newSweeper(&config.KeepAlive{IdleConnTimeout: -1})}
		defer i.close()
		i.put(conns[0])
		time.Sleep(24 * time.Hour)
		wantEqual(t, "open", isOpen(conns[0]), true)
	})
}

// Whatever happens on an idle connection ends it within a round.
func TestSpoiltIdleConnsAreClosed(t *testing.T) {
	for name, spoil := range map[string]func(net.Conn){
		"data":  func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")) },
		"FIN":   func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
		"RST":   func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		"close": func(c net.Conn) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			good, _ := connPair(t)
			bad, backend := connPair(t)
			synctest.Test(t, func(t *testing.T) {
				i := idleConns{limit: 10, sweeper: newSweeper(nil)}
				defer i.close()
				i.put(bad)
				i.put(good)
				spoil(backend) // over loopback it has arrived when the call returns
				time.Sleep(sweepInterval + time.Millisecond)
				synctest.Wait()
				wantEqual(t, "bad one open", isOpen(bad), false)
				wantEqual(t, "good one open", isOpen(good), true)
				wantEqual(t, "count", i.sweeper.count.Load(), 1)
			})
		})
	}
}

// Once closed, nothing is kept any more, and nobody sweeps.
func TestCloseIdleConns(t *testing.T) {
	conns := connsOf(t, 3)
	synctest.Test(t, func(t *testing.T) {
		s := newSweeper(nil)
		i := idleConns{limit: 10, sweeper: s}
		for _, c := range conns {
			i.put(c)
		}
		inUse := i.take()
		i.close()
		for n, c := range conns[:2] {
			if isOpen(c) {
				t.Errorf("connection %d is open", n)
			}
		}
		wantEqual(t, "the one in use is open", isOpen(inUse), true)
		wantEqual(t, "put", i.put(inUse), false)
		if i.take() != nil {
			t.Error("a connection of a backend that was removed")
		}
		time.Sleep(2 * sweepInterval)
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		wantEqual(t, "sweeper is running", s.running, false)
		wantEqual(t, "backends to sweep", len(s.watched), 0)
	})
}

// The sweeper knows every backend once, however often its connections come and
// go, and forgets those that have none.
func TestSweeperKnowsBackendsOnce(t *testing.T) {
	conns := connsOf(t, 2)
	synctest.Test(t, func(t *testing.T) {
		s := newSweeper(nil)
		busy, quiet := &idleConns{limit: 10, sweeper: s}, &idleConns{limit: 10, sweeper: s}
		defer busy.close()
		quiet.put(conns[1])
		for range 5 {
			for range 3 {
				busy.put(conns[0])
				time.Sleep(sweepInterval * 2 / 3)
				busy.take()
			}
			busy.put(conns[0])
			quiet.close()
			time.Sleep(sweepInterval + time.Millisecond)
			synctest.Wait()
			s.mu.Lock()
			wantEqual(t, "backends to sweep", len(s.watched), 1)
			s.mu.Unlock()
			busy.take()
		}
	})
}
