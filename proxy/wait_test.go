package proxy

import (
	"net/http"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// pacedInTurn has the pool remember how long backends take.
type pacedInTurn struct{ inTurn }

func (p pacedInTurn) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return pacedPicker{p.inTurn.NewPicker(members, prev)}
}

type pacedPicker struct{ pool.Picker }

func (pacedPicker) Decay() time.Duration { return time.Hour }

// startPaced returns a harness of one backend whose pace is remembered.
func startPaced(t *testing.T, script func(*peer)) (*harness, func() (time.Duration, bool)) {
	t.Helper()
	h := provision(t, to(rawBackend(t, script)))
	def := *h.def
	def.Policy = pacedInTurn{}
	h.pool.Seed(&def)
	h.serve(nil)
	return h, func() (time.Duration, bool) {
		ns, known := h.pool.Snapshot().Members[0].Peak(time.Now(), time.Hour)
		return time.Duration(ns), known
	}
}

// TestSilenceOfABackend: one that answers nothing is seen to be slow while it is
// waited for, and not only once that has ended.
func TestSilenceOfABackend(t *testing.T) {
	h, peak := startPaced(t, func(p *peer) {
		p.head()
		p.rest()
	})
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "silence is seen", func() bool {
		silent, _ := peak()
		return silent >= 50*time.Millisecond
	})
	_ = c.Close()
	eventually(t, "nothing is waited for any more", func() bool {
		silent, known := peak()
		return silent == 0 || known // if the client had patience, that is known then
	})
}

// TestSlowClientIsNoSlowBackend: a backend is not waited for while the client
// has yet to send something, and that time is not the backend's.
func TestSlowClientIsNoSlowBackend(t *testing.T) {
	const pause = 150 * time.Millisecond
	begun := make(chan string, 1)
	h, peak := startPaced(t, func(p *peer) {
		head := p.head()
		begun <- p.take(5)
		p.take(5)
		if head != "" {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
	receive(t, begun, "the first half")
	for start := time.Now(); time.Since(start) < pause; {
		if took, known := peak(); took > 0 || known {
			t.Fatalf("counts as taking %v, known %t, before it has got everything", took, known)
		}
		<-time.After(pause / 10) // the client's slowness
	}
	c.send("world")
	res, _ := c.response("POST")
	wantStatus(t, res, http.StatusOK)
	h.mu.Lock()
	o := h.outcomes[0]
	h.mu.Unlock()
	if o.ClientTime < pause*9/10 || o.ClientTime > o.Latency {
		t.Errorf("the client is said to have taken %v of %v", o.ClientTime, o.Latency)
	}
	if took, known := peak(); !known || took > o.Latency-o.ClientTime+time.Millisecond {
		t.Errorf("counts as taking %v, known %t; it took %v", took, known, o.Latency-o.ClientTime)
	}
}
