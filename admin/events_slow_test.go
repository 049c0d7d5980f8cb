package admin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// A client that does not read is cut, and nobody waits for it: neither those who
// make changes, nor other clients, which get every event.
func TestEventStreamCutsSlowReaders(t *testing.T) {
	s := newServer(t, two())
	s.api.writeLimit = 300 * time.Millisecond
	before := streams.Load()
	slow := s.neverReading(t)
	fast := s.openEvents(t)
	await(t, func() bool { return streams.Load() == before+2 })

	p, _ := s.registry.Lookup("web")
	const changes = 800 // of which each is an event of some 16 KB
	for i := range changes {
		labels := make(map[string]string)
		for n := range 32 {
			labels[fmt.Sprintf("%02d", n)] = strings.Repeat(string('a'+rune(i%2)), 250)
		}
		start := time.Now()
		if err := p.Patch("127.0.0.1:9001", pool.Patch{Labels: labels}, pool.Options{By: "test"}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("a change took %s", took)
		}
		if got, want := fast.block(), fmt.Sprintf("id: %s-%d\nevent: backend_changed\n", s.registry.Epoch(), i+1); !strings.HasPrefix(got, want) {
			t.Fatalf("event %.80q, want %q", got, want)
		}
	}
	await(t, func() bool { return streams.Load() == before+1 })
	// what was on its way comes, and then the end
	if err := slow.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, slow); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection of the slow client is still open")
	}
}

// neverReading opens a stream and reads nothing of it.
func (s *server) neverReading(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(1 << 16); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", eventsPath); err != nil {
		t.Fatal(err)
	}
	return conn
}

// await returns when the condition holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("it has not come about within 20s")
		}
		time.Sleep(time.Millisecond)
	}
}
