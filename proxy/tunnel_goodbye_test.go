package proxy

import (
	"io"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http2"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const goingAway = "\x88\x02\x03\xe9" // Close, 1001

// wantGoingAway wants a masked Close frame with status 1001.
func wantGoingAway(t *testing.T, got string) {
	t.Helper()
	if len(got) != 8 || got[:2] != "\x88\x82" || got[6]^got[2] != 3 || got[7]^got[3] != 0xe9 {
		t.Errorf("backend got %q", got)
	}
}

// remove removes the only backend.
func (h *harness) remove() {
	h.t.Helper()
	id := h.pool.Snapshot().Members[0].ID()
	if err := h.pool.Remove(id, pool.Options{Force: true}); err != nil {
		h.t.Fatal(err)
	}
}

func TestTunnelEndsWithItsBackend(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*harness)
	}{
		{"removed", (*harness).remove},
		{"drained", func(h *harness) {
			h.pool.Commit(h, h.def)
			state, plan := pool.Drain, pool.DrainPlan{Since: time.Now(), Deadline: time.Now()}
			id := h.pool.Snapshot().Members[0].ID()
			if err := h.pool.Patch(id, pool.Patch{AdminState: &state, Drain: &plan}, pool.Options{Force: true}); err != nil {
				h.t.Fatal(err)
			}
		}},
		{"process", func(h *harness) { h.registry.Exit(0, 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			atBackend := make(chan string, 1)
			h := start(t, to(rawBackend(t, switching(t, "", func(p *peer) {
				got := p.take(8)
				p.send("\x88\x02\x03\xe9") // takes leave, and waits for the end
				atBackend <- got + p.rest()
			}))))
			client := h.dial()
			client.send(upgradeRequest)
			client.head()
			c.end(h)
			wantEqual(t, "client got", client.take(4), goingAway)
			began := time.Now()
			client.send("\x88\x82\x01\x02\x03\x04\x02\xeb")
			wantEqual(t, "rest", client.rest(), "")
			if took := time.Since(began); took >= goodbyeTime {
				t.Errorf("the end took %v although both had taken leave", took)
			}
			wantGoingAway(t, receive(t, atBackend, "end of the backend connection"))
		})
	}
}

// The Close frame waits for the end of the frame that has begun.
func TestGoodbyeInTheMiddleOfAFrame(t *testing.T) {
	proceed := make(chan struct{})
	h := start(t, to(rawBackend(t, switching(t, "", func(p *peer) {
		p.send("\x81\x05he")
		<-proceed
		p.take(8) // the Close frame in the other direction
		p.send("llo" + "\x81\x03abc")
		p.rest()
	}))))
	c := h.dial()
	c.send(upgradeRequest)
	c.head()
	wantEqual(t, "first half", c.take(4), "\x81\x05he")
	h.remove()
	close(proceed)
	wantEqual(t, "second half, and what follows it", c.rest(), "llo"+goingAway)
}

// Nothing follows a Close frame that a peer has sent, and it is not sent twice.
func TestGoodbyeAfterClose(t *testing.T) {
	got := make(chan string, 1)
	h := start(t, to(rawBackend(t, switching(t, "", func(p *peer) {
		p.take(6)
		p.send("\x81\x01x") // shows that the Close frame has come
		got <- p.rest()
	}))))
	c := h.dial()
	c.send(upgradeRequest)
	c.head()
	c.send("\x88\x80\x01\x02\x03\x04")
	wantEqual(t, "client got", c.take(3), "\x81\x01x")
	h.remove()
	wantEqual(t, "client got", c.rest(), goingAway)
	wantEqual(t, "backend got after the client's Close frame", receive(t, got, "end"), "")
}

// A client that goes on sending loses neither the Close frame nor the time.
func TestGoodbyeToABusyClient(t *testing.T) {
	h := start(t, to(rawBackend(t, switching(t, "", func(p *peer) { p.rest() }))))
	c := h.dial()
	c.send(upgradeRequest)
	c.head()
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := io.WriteString(c.Conn, "\x82\x84\x00\x00\x00\x00data"); err != nil {
					return
				}
			}
		}
	}()
	h.remove()
	wantEqual(t, "client got", c.take(4), goingAway)
	close(stop)
	<-ended
	h.result(0)
}

// Other protocols are told by the end of the stream, and may finish.
func TestGoodbyeWithoutWebSocket(t *testing.T) {
	cfg := to(rawBackend(t, func(p *peer) {
		if p.head() != "" {
			p.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
			p.rest()
		}
	}))
	cfg.Upgrades = []string{"foo"}
	h := start(t, cfg)
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
	c.head()
	h.remove()
	wantEqual(t, "rest", c.rest(), "")
	h.result(0)
}

func TestGoodbyeOverHTTP2(t *testing.T) {
	h := provision(t, to(rawBackend(t, switching(t, "", func(p *peer) { p.rest() }))))
	h.serve(serverTLS(t))
	c := dialConnect(t, h, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "a")
	c.next()
	h.remove()
	data, ok := c.next().(*http2.DataFrame)
	if !ok || string(data.Data()) != goingAway {
		t.Fatalf("client got %v", data)
	}
	h.result(0)
}

// A tunnel outlives its backend for as long as stream_close_delay says.
func TestStreamCloseDelayOfABackend(t *testing.T) {
	cfg := to(rawBackend(t, switching(t, "", echo)))
	cfg.StreamCloseDelay = caddy.Duration(time.Hour)
	h := start(t, cfg)
	c := h.dial()
	c.send(upgradeRequest)
	c.head()
	h.remove()
	c.send("\x81\x05world")
	wantEqual(t, "echo", c.take(7), "\x81\x05world")
	h.registry.Exit(0, 0)
	wantEqual(t, "rest", c.rest(), goingAway)
}
