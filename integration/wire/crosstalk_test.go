package wire

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// mixed are sites with several backends.
var mixed = declare(kind{name: "mixed", count: 2, backends: 3, options: map[string]any{
	"load_balancing": map[string]any{"retries": 2},
}})

// TestCrossTalk: many clients at once, through backends that misbehave at
// random. No response that looks complete may be anyone else's, or cut, or
// more than was sent; and no request may arrive as another.
func TestCrossTalk(t *testing.T) {
	s := mixed.take(t)
	for i := range 3 {
		s.backendAt(t, i).serve(misbehave(t))
	}
	h2, h3 := s.http2(), s.http3()
	t.Cleanup(h2.CloseIdleConnections)
	t.Cleanup(func() { _ = h3.Close() })
	var running sync.WaitGroup
	var whole sync.Map
	for client := range 24 {
		running.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			p := s.dial(t)
			for i := range 60 {
				id := fmt.Sprintf("id-%d-%d", client, i)
				body := strings.Repeat(id+" ", 1+random.IntN(3000))
				var a *answer
				switch client % 3 {
				case 0:
					raw := fmt.Sprintf("POST /%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", id, s.host, len(body), body)
					if p.sendPieces(raw, 1<<20) != nil { // closed after the last failure
						p = s.dial(t)
						_ = p.sendPieces(raw, 1<<20)
					}
					if a = p.readAnswer("POST"); !a.complete || len(a.values("Connection")) > 0 {
						p = s.dial(t)
					}
				case 1:
					a = roundTrip(t, h2, s.newRequest(t, "POST", "/"+id, strings.NewReader(body)))
				case 2:
					r := s.newRequest(t, "POST", "/"+id, strings.NewReader(body))
					r.ContentLength = -1
					a = roundTrip(t, h3, r)
				}
				if a.complete && a.status == 200 {
					whole.Store(id, true)
					if want := id + "|" + body; a.body != want {
						t.Errorf("%s got %d bytes instead of %d: %.100q", id, len(a.body), len(want), a.body)
					}
				} else if strings.Contains(a.body, "id-") && !strings.HasPrefix(id+"|"+body, a.body) {
					t.Errorf("%s got a part of another's response: %.100q", id, a.body)
				}
			}
		})
	}
	running.Wait()
	n := 0
	whole.Range(func(any, any) bool { n++; return true })
	if n < 24*60/4 {
		t.Errorf("only %d of %d requests got a response", n, 24*60)
	}
	s.expectIdle(t)
}

// misbehave returns what answers requests with their id and body, more or less.
func misbehave(t *testing.T) func(p *peer, m *message) bool {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(7, 7))
	return func(p *peer, m *message) bool {
		id := strings.TrimSuffix(strings.TrimPrefix(m.start, "POST /"), " HTTP/1.1")
		if strings.Trim(strings.ReplaceAll(m.body, id+" ", ""), " ") != "" {
			t.Errorf("the request %q has the body of another: %.100q", m.start, m.body)
		}
		body := id + "|" + m.body
		good := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		mu.Lock()
		what, cut := random.IntN(16), random.IntN(len(good))
		mu.Unlock()
		const junk = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 9\r\n\r\nid-6-6-6|"
		switch what {
		case 0: // closes without an answer
			_ = p.Close()
			return false
		case 1: // resets in the middle
			_ = p.sendPieces(good[:cut], 1<<16)
			p.reset()
			return false
		case 2: // ends in the middle
			_ = p.sendPieces(good[:cut], 1<<16)
			_ = p.Close()
			return false
		case 3, 4: // says more than it should
			return p.sendPieces(good+junk, 1<<16) == nil
		case 5: // breaks its chunks
			_ = p.sendPieces(headOK+chunked+fmt.Sprintf("\r\n%x\r\n%s\r\nzz\r\n", len(body), body)+junk, 1<<16)
			_ = p.Close()
			return false
		case 6: // closes although it did not say so
			_ = p.sendPieces(good, 1<<16)
			_ = p.Close()
			return false
		case 7: // chunks
			return p.sendPieces(headOK+chunked+fmt.Sprintf("\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body), 1<<12) == nil
		case 8: // until it closes
			_ = p.sendPieces(headOK+"\r\n"+body, 1<<16)
			_ = p.Close()
			return false
		case 9: // two lengths
			return p.sendPieces("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\nid-6-6-6|", 1000) == nil
		}
		return p.sendPieces(good, 1+cut) == nil
	}
}
