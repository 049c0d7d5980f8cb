package proxy

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

const (
	timeoutOfTest = 300 * time.Millisecond
	// fractionOfIt is waited several times, which is longer altogether.
	fractionOfIt = timeoutOfTest / 5
)

// A backend has the time of read_timeout from the last piece of the request on.
func TestReadTimeoutAllowsSlowUploads(t *testing.T) {
	for _, framing := range []string{"Content-Length: 10\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"} {
		cfg := to(rawBackend(t, func(p *peer) {
			body := 10
			if head := p.head(); len(fields(head, "Content-Length")) == 0 {
				body = len("1\r\nx\r\n")*10 + len("0\r\n\r\n")
			}
			p.take(body)
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}))
		cfg.Transport = &config.Transport{ReadTimeout: caddy.Duration(timeoutOfTest)}
		c := start(t, cfg).dial()
		c.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing)
		tick := time.NewTicker(fractionOfIt)
		defer tick.Stop()
		for range 10 {
			<-tick.C
			if framing[0] == 'C' {
				c.send("x")
			} else {
				c.send("1\r\nx\r\n")
			}
		}
		if framing[0] == 'T' {
			c.send("0\r\n\r\n")
		}
		res, body := c.response("POST")
		wantStatus(t, res, 200)
		wantEqual(t, "body", body, "ok")
	}
}

// The same where the response has begun, and the backend answers every piece.
func TestReadTimeoutAllowsSlowTalk(t *testing.T) {
	cfg := to(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
		p.take(len("1\r\nx\r\n")*10 + len("0\r\n\r\n"))
		p.send("y")
	}))
	cfg.Transport = &config.Transport{ReadTimeout: caddy.Duration(timeoutOfTest)}
	c := start(t, cfg).dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	tick := time.NewTicker(fractionOfIt)
	defer tick.Stop()
	for range 10 {
		<-tick.C
		c.send("1\r\nx\r\n")
	}
	c.send("0\r\n\r\n")
	_, body := c.response("POST")
	wantEqual(t, "body", body, "y")
}

// read_timeout is for each read, and ends a body that does not come.
func TestReadTimeoutInTheBody(t *testing.T) {
	cfg := to(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
		tick := time.NewTicker(fractionOfIt)
		defer tick.Stop()
		for range 10 {
			<-tick.C
			p.send("x")
		}
		p.rest()
	}))
	cfg.Transport = &config.Transport{ReadTimeout: caddy.Duration(timeoutOfTest)}
	_, body := start(t, cfg).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantEqual(t, "body", body, "xxxxxxxxxx<unexpected EOF>")
}

// write_timeout ends an upload that the backend does not take.
func TestWriteTimeout(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	cfg := to(rawBackend(t, func(p *peer) {
		p.head()
		<-release
	}))
	short := caddy.Duration(100 * time.Millisecond)
	cfg.Transport = &config.Transport{WriteTimeout: &short}
	c := start(t, cfg).dial()
	go func() {
		c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 64<<20))
		piece := make([]byte, 1<<20)
		for range 64 {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	}()
	res, _ := c.response("POST")
	wantStatus(t, res, 504)
}

// response_header_timeout is counted from the end of the request, however long
// that takes, to the end of the head; what comes behind has all the time.
func TestResponseHeaderTimeout(t *testing.T) {
	limit := caddy.Duration(timeoutOfTest)
	for _, c := range []struct {
		name    string
		request []string // sent with pauses that are longer in all
		backend func(p *peer, pause func())
		status  int
		body    string
	}{
		{"slow upload", []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "a", "b", "c"}, func(p *peer, pause func()) {
			p.head()
			p.take(3)
			pause()
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}, 200, ""},
		{"after the upload", []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"}, func(p *peer, _ func()) {
			p.head()
			p.rest()
		}, 504, ""},
		{"slow body", []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, func(p *peer, pause func()) {
			p.head()
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
			for range 3 {
				pause()
				p.send("x")
			}
		}, 200, "xxx"},
		{"slow body after an upload", []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"}, func(p *peer, pause func()) {
			p.head()
			p.take(1)
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
			for range 3 {
				pause()
				p.send("x")
			}
		}, 200, "xxx"},
		{"hints are no head", []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, func(p *peer, pause func()) {
			p.head()
			for range 3 {
				pause()
				p.send("HTTP/1.1 103 Early Hints\r\n\r\n")
			}
			p.rest()
		}, 504, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pause := func() { <-time.After(timeoutOfTest * 2 / 3) }
			cfg := to(rawBackend(t, func(p *peer) { c.backend(p, pause) }))
			cfg.Transport = &config.Transport{ResponseHeaderTimeout: &limit}
			client := start(t, cfg).dial()
			client.send(c.request[0])
			for _, piece := range c.request[1:] {
				pause()
				client.send(piece)
			}
			method := c.request[0][:4]
			res, body := client.response(method)
			for res.StatusCode < 200 {
				res, body = client.response(method)
			}
			wantStatus(t, res, c.status)
			if c.status == 200 {
				wantEqual(t, "body", body, c.body)
			}
		})
	}
}
