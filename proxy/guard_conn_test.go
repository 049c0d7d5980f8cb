package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestMalformedResponsesAre502(t *testing.T) {
	var bad []string
	for _, head := range badHeads {
		if head != "" && !strings.HasSuffix(head, "\r\n\r\nX") {
			bad = append(bad, head+"hello")
		}
	}
	bad = append(bad,
		"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
		"SSH-2.0-OpenSSH",
		"HTTP/1.1 200 OK\r\nX: "+strings.Repeat("a", config.DefaultMaxResponseHeaderSize)+"\r\n\r\n",
		strings.Repeat("HTTP/1.1 103 Early\r\n\r\n", maxInterim+1)+"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	)
	for _, raw := range bad {
		t.Run(fmt.Sprintf("%.40q", raw), func(t *testing.T) {
			closed := make(chan string, 10)
			h := start(t, to(rawBackend(t, func(p *peer) {
				if p.head() != "" {
					p.send(raw)
					closed <- p.rest()
				}
			})))
			c := h.dial()
			c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			res, _ := c.response("GET")
			for res.StatusCode < 200 {
				res, _ = c.response("GET")
			}
			wantStatus(t, res, http.StatusBadGateway)
			receive(t, closed, "backend connection to be closed")
			if got := h.verdicts(); !slices.Equal(got, []pool.Verdict{pool.Failed}) {
				t.Errorf("verdicts %v", got)
			}
		})
	}
}

func TestMalformedResponseOnReusedConnectionIsNotRepeated(t *testing.T) {
	requests := make(chan int, 10)
	h := start(t, to(rawBackend(t, func(p *peer) {
		for i := 0; p.head() != ""; i++ {
			requests <- p.n
			if i == 0 {
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			} else {
				p.send("HTTP/1.1 200 OK\nContent-Length: 0\n\n")
			}
		}
	})))
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 200)
	res, _ = h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 502)
	wantEqual(t, "requests", len(requests), 2)
}

func TestResponsesInManyPieces(t *testing.T) {
	full := "HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n4\r\ndefg\r\n0\r\nX-T: v\r\n\r\n"
	h := start(t, to(rawBackend(t, func(p *peer) {
		for p.head() != "" {
			for i := range len(full) {
				p.send(full[i : i+1])
			}
		}
	})))
	for range 3 {
		c := h.dial()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if early := c.head(); !strings.HasPrefix(early, "HTTP/1.1 103") {
			t.Errorf("interim response %q", early)
		}
		res, body := c.response("GET")
		wantStatus(t, res, 200)
		wantEqual(t, "body", body, "abcdefg")
		wantEqual(t, "trailer", res.Trailer.Get("X-T"), "v")
	}
}

// A byte that comes before a request was sent spoils the connection.
func TestGreetingSpoilsConnection(t *testing.T) {
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
		p.head()
		p.head() // the second one gets no answer
	})))
	// the greeting races with the first request; it must never be mistaken
	// for the answer to a second one
	for range 5 {
		c := h.dial()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		res, body := c.response("GET")
		if res.StatusCode == 200 && body != "first" || res.StatusCode != 200 && res.StatusCode != 502 {
			t.Errorf("status %d, body %q", res.StatusCode, body)
		}
	}
}

func TestUnsolicitedBytesNeverReachAnotherClient(t *testing.T) {
	for name, extra := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"empty":   "HTTP/1.1 204 No Content\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, to(rawBackend(t, func(p *peer) {
				for p.head() != "" {
					p.send(extra + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")
				}
			})))
			for range 50 {
				if _, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); body != "ok" && name != "empty" || body == "stolen" {
					t.Fatalf("body %q", body)
				}
			}
		})
	}
}

func TestStaleConnectionIsReplacedForPost(t *testing.T) {
	closed := make(chan struct{}, 1)
	bodies := make(chan string, 2)
	h := start(t, to(rawBackend(t, func(p *peer) {
		if p.head() == "" {
			return
		}
		bodies <- p.take(4)
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if p.n == 0 {
			_ = p.Close()
			closed <- struct{}{}
		}
	})))
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
	res, _ := h.exchange(post)
	wantStatus(t, res, 200)
	receive(t, closed, "backend to close")
	res, _ = h.exchange(post)
	wantStatus(t, res, 200)
	for range 2 {
		wantEqual(t, "body", receive(t, bodies, "body"), "body")
	}
}
