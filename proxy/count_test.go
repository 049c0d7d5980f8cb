package proxy

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/metrics"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// counted returns how attempts on the only backend have ended, by class, and how
// many times to the head and to the end of a response were taken.
func (h *harness) counted() string {
	var out string
	for b := range h.pool.Metrics().Each {
		for i := range b.Classes {
			if n := b.Classes[i].Load(); n > 0 {
				out += fmt.Sprintf("%d %s, ", n, metrics.Class(i))
			}
		}
		out += fmt.Sprintf("%d heads, %d ends", b.Times.Head.Count(), b.Times.Duration.Count())
	}
	return out
}

func TestAttemptsAreCounted(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, test := range map[string]struct {
		response string // "": the backend closes the connection
		want     string
	}{
		"answered":             {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "1 2xx, 1 heads, 1 ends"},
		"after an interim one": {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "1 2xx, 1 heads, 1 ends"},
		"not found":            {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "1 4xx, 1 heads, 1 ends"},
		"in trouble":           {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "1 5xx, 1 heads, 1 ends"},
		"malformed":            {"HTTP/1.1 2000 OK\r\n\r\n", "1 error, 0 heads, 0 ends"},
		"not answered":         {"", "1 error, 0 heads, 0 ends"},
		"switched unasked":     {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "1 error, 0 heads, 0 ends"},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, to(rawBackend(t, func(p *peer) {
				if p.head() != "" {
					p.send(test.response)
				}
			})))
			_, _ = h.exchange(get)
			h.result(0)
			wantEqual(t, "counted", h.counted(), test.want)
		})
	}
}

func TestRefusedIsCounted(t *testing.T) {
	h := start(t, to(refused(t)))
	_, _ = h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	h.result(0)
	wantEqual(t, "counted", h.counted(), "1 error, 0 heads, 0 ends")
}

// A response that was broken off has been counted when it began, and how long it
// took is known.
func TestBrokenOffIsCountedOnce(t *testing.T) {
	h := start(t, to(rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"))))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_, _ = io.ReadAll(c.Conn)
	h.result(0)
	wantEqual(t, "counted", h.counted(), "1 2xx, 1 heads, 1 ends")
	wantEqual(t, "failures", h.pool.View().Backends[0].Failures, 1)
}

// How long a tunnel lasts says nothing of how fast a backend is.
func TestTunnelIsNotTimed(t *testing.T) {
	h := start(t, to(rawBackend(t, switching(t, "", echo))))
	c := h.dial()
	c.send(upgradeRequest)
	c.head()
	_ = c.Conn.Close()
	h.result(0)
	wantEqual(t, "counted", h.counted(), "1 1xx, 1 heads, 0 ends")
}

func TestClientThatLeavesIsCounted(t *testing.T) {
	arrived := make(chan string, 1)
	h := start(t, to(rawBackend(t, func(p *peer) {
		arrived <- p.head()
		p.rest()
	})))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	receive(t, arrived, "request")
	_ = c.Conn.Close()
	h.result(0)
	wantEqual(t, "counted", h.counted(), "1 client_fault, 0 heads, 0 ends")
}

// A response that is thrown away for another attempt counts like all others.
func TestRetriedResponsesAreCounted(t *testing.T) {
	cfg := to(rawBackend(t, answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")))
	cfg.LoadBalancing = retries(2)
	cfg.LoadBalancing.TryInterval = 1
	cfg.LoadBalancing.MatchRaw = match(`{"expression": "{http.reverse_proxy.status_code} == 503"}`)
	h := start(t, cfg)
	_, _ = h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	h.result(0)
	wantEqual(t, "counted", h.counted(), "3 5xx, 3 heads, 3 ends")
	wantEqual(t, "retries", h.pool.Metrics().Retries, 2)
}

// The time to the end of a response has that to its head in it.
func TestTimesAreOfTheAttempt(t *testing.T) {
	seen := make(chan struct{})
	h := start(t, to(rawBackend(t, func(p *peer) {
		if p.head() != "" {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
			<-seen
			p.send("k")
		}
	})))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	c.head()
	headSeen := time.Now()
	wantEqual(t, "body", c.take(1), "o")
	close(seen)
	wantEqual(t, "body", c.take(1), "k")
	h.result(0)
	most := time.Since(headSeen)
	for b := range h.pool.Metrics().Each {
		head, end := b.Times.Head.Sum(), b.Times.Duration.Sum()
		if head <= 0 || end < head || end-head > most+time.Second {
			t.Errorf("head %s, end %s", head, end)
		}
	}
}

// Requests without a backend are counted by why.
func TestRefusalsAreCounted(t *testing.T) {
	cfg := to("127.0.0.1:1")
	cfg.Backends[0].MaxRequests = 1
	h := start(t, cfg)
	m := h.pool.Snapshot().Members[0]
	if _, err := h.pool.Acquire(new(pool.Request)); err != nil {
		t.Fatal(err)
	}
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 503)
	wantEqual(t, "refusals", h.pool.Metrics().Refusals[metrics.AllFull].Load(), 1)
	m.Release()
}
