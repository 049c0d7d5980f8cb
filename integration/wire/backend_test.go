package wire

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// backend is a server that a test plays.
type backend struct {
	t     testing.TB
	ln    net.Listener
	conns chan *peer
	count atomic.Int32 // connections so far
	plain atomic.Bool  // speaks no TLS although it should
}

// backendTLS is the configuration of backends with the scheme https.
var backendTLS = &tls.Config{
	Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
}

// backend starts the first backend of the site.
func (s *site) backend(t testing.TB) *backend { return s.backendAt(t, 0) }

// backendAt starts a backend of the site.
func (s *site) backendAt(t testing.TB, i int) *backend {
	t.Helper()
	b := &backend{t: t, ln: s.listen(t, i), conns: make(chan *peer, 1024)}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := b.ln.Accept()
			if err != nil {
				return // closed by the cleanup
			}
			b.count.Add(1)
			if s.kind.scheme == "https" && !b.plain.Load() {
				conn = tls.Server(conn, backendTLS)
			}
			b.conns <- newPeer(t, conn)
		}
	})
	t.Cleanup(func() {
		_ = b.ln.Close()
		accepting.Wait()
	})
	return b
}

// accept returns the next connection.
func (b *backend) accept() *peer {
	b.t.Helper()
	select {
	case p := <-b.conns:
		return p
	case <-time.After(patience):
		b.t.Fatalf("no connection came to the backend within %s", patience)
		return nil
	}
}

// expectNothing fails the test if any connection has come. It is called when
// the client has its answer.
func (b *backend) expectNothing() {
	b.t.Helper()
	if n := b.count.Load(); n > 0 {
		got := "nothing on it"
		p := <-b.conns
		_ = p.SetReadDeadline(time.Now().Add(time.Second))
		if m, err := p.readRequest(); m.start != "" {
			got = m.start
			if err != nil {
				got += " (" + err.Error() + ")"
			}
		}
		b.t.Errorf("%d connections came to the backend, with: %s", n, got)
	}
}

// serve answers every request on every connection: handle is called for each
// in the connection's own goroutine, and returns whether more are to be read.
// Requests are collected.
func (b *backend) serve(handle func(p *peer, m *message) bool) *served {
	s := &served{requests: make(chan *message, 4096)}
	var running sync.WaitGroup
	stop := make(chan struct{})
	running.Go(func() {
		for {
			var p *peer
			select {
			case p = <-b.conns:
			case <-stop:
				return
			}
			s.peers.Store(p, true)
			running.Go(func() { s.loop(p, handle) })
		}
	})
	b.t.Cleanup(func() {
		close(stop)
		s.peers.Range(func(p, _ any) bool { _ = p.(*peer).Close(); return true })
		running.Wait()
	})
	return s
}

// served is what a serving backend has received.
type served struct {
	requests chan *message
	peers    sync.Map // *peer
	broken   atomic.Int32
}

func (s *served) loop(p *peer, handle func(p *peer, m *message) bool) {
	for {
		m, err := p.readRequest()
		if err != nil {
			if m.start != "" {
				s.broken.Add(1)
			}
			_ = p.Close()
			return
		}
		s.requests <- m
		if !handle(p, m) {
			return
		}
	}
}

// replying serves every request with the same bytes and keeps the connection.
func (b *backend) replying(raw string) *served {
	return b.serve(func(p *peer, _ *message) bool {
		return p.sendPieces(raw, len(raw)) == nil
	})
}

// next returns the next request that was received whole.
func (s *served) next(t testing.TB) *message {
	t.Helper()
	select {
	case m := <-s.requests:
		return m
	case <-time.After(patience):
		t.Fatalf("no request came to the backend within %s", patience)
		return nil
	}
}
