package proxy

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// shortly is how long clients of these tests are waited for.
const shortly = 100 * time.Millisecond

// hurried is a config that waits for clients only shortly, and that wants
// them to move at the given rate beyond that.
func hurried(backend string, rate int64) *config.Handler {
	cfg := to(backend)
	cfg.ClientBodyTimeout, cfg.ClientBodyMinRate = new(caddy.Duration(shortly)), &rate
	cfg.SendTimeout, cfg.SendMinRate = new(caddy.Duration(shortly)), &rate
	return cfg
}

// idle waits until no backend has anything to do.
func (h *harness) idle() {
	h.t.Helper()
	eventually(h.t, "slots to be free", func() bool {
		return !slices.ContainsFunc(h.pool.Snapshot().Members, func(m *pool.Member) bool { return m.InFlight() != 0 })
	})
}

// swallowing is a script that reads what it gets, and says when that has ended.
func swallowing(ended chan<- struct{}) func(*peer) {
	return func(p *peer) {
		p.rest()
		ended <- struct{}{}
	}
}

// A client that does not go on with its body is answered 408, and the backend
// is free at once, and not to blame.
func TestClientStopsSending(t *testing.T) {
	for name, framing := range map[string]string{
		"length":  "Content-Length: 10\r\n\r\nhel",
		"chunked": "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{}, 1)
			h := start(t, hurried(rawBackend(t, swallowing(ended)), 0))
			c := h.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing)
			res, _ := c.response("POST")
			wantStatus(t, res, http.StatusRequestTimeout)
			wantEqual(t, "closes the client connection", res.Close, true)
			receive(t, ended, "the backend's connection to end")
			h.idle()
			if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.ClientFault}) {
				t.Errorf("verdicts %v", got)
			}
		})
	}
}

// One that goes on, but at a snail's pace, is not better.
func TestClientTricklesBody(t *testing.T) {
	ended := make(chan struct{}, 1)
	h := start(t, hurried(rawBackend(t, swallowing(ended)), 1<<20))
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
	answered := make(chan struct{})
	go func() {
		tick := time.NewTicker(shortly / 10)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.send("x")
			case <-answered:
				return
			}
		}
	}()
	res, _ := c.response("POST")
	close(answered)
	wantStatus(t, res, http.StatusRequestTimeout)
	receive(t, ended, "the backend's connection to end")
	h.idle()
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.ClientFault}) {
		t.Errorf("verdicts %v", got)
	}
}

// A slow backend does not make a slow client: what the client wants to send is
// not waited for.
func TestBackendIsSlowToTakeBody(t *testing.T) {
	const size = 8 << 20
	const limit = 5 * shortly // TCP, too, may need a moment to go on after a pause
	backend := rawBackend(t, func(p *peer) {
		p.head()
		<-time.After(2 * limit) // nothing is read
		p.take(size)
		p.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
	})
	cfg := hurried(backend, 0)
	cfg.ClientBodyTimeout = new(caddy.Duration(limit))
	h := provision(t, cfg)
	h.serve(serverTLS(t))
	for _, client := range []*http.Transport{
		{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true},
	} {
		req, err := http.NewRequest("POST", "https://"+h.addr, bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, res, http.StatusOK)
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != "ok" {
			t.Errorf("body %q, %v", body, err)
		}
		client.CloseIdleConnections()
	}
}

// endless is a script that answers with a body that does not end.
func endless(p *peer) {
	p.head()
	endlessBody(p)
}

func endlessBody(p *peer) {
	p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	piece := "8000\r\n" + string(make([]byte, 0x8000)) + "\r\n"
	for {
		if _, err := io.WriteString(p.Conn, piece); err != nil {
			return
		}
	}
}

// A client that takes nothing of its response loses its connection.
func TestClientStopsReading(t *testing.T) {
	h := start(t, hurried(rawBackend(t, endless), 0))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if res := h.result(0); !res.panicked {
		t.Error("the connection was not aborted")
	}
	slowReader(t, h)
}

// Nor is it of use to take a little now and then.
func TestClientTricklesResponse(t *testing.T) {
	h := start(t, hurried(rawBackend(t, endless), 1<<40))
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	go func() {
		tick := time.NewTicker(shortly / 20)
		defer tick.Stop()
		buf := make([]byte, 64<<10)
		for range tick.C {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}()
	h.result(0)
	slowReader(t, h)
}

// slowReader expects that the client of the only request was too slow to read.
func slowReader(t *testing.T, h *harness) {
	t.Helper()
	h.idle()
	if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Answered}) {
		t.Errorf("verdicts %v", got)
	}
	logs := h.logs.FilterMessage("response was cut short").All()
	if len(logs) != 1 || logs[0].Level != zapcore.InfoLevel {
		t.Errorf("logs %v", logs)
	}
}

// A backend that has nothing to say keeps its client for as long as it likes.
func TestSilentBackendIsNoSlowClient(t *testing.T) {
	h := start(t, hurried(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
		<-time.After(4 * shortly)
		p.send("data: 2\n\n")
	}), 1<<20))
	res, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, http.StatusOK)
	wantEqual(t, "body", body, "data: 1\n\ndata: 2\n\n")
}
