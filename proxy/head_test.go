package proxy

import "testing"

// A backend that sends a body on HEAD has its connection closed for that, but
// the response stands, also while the end of the request's body is looked for.
func TestHeadAnsweredWithABody(t *testing.T) {
	conns := make(chan int, 100)
	h := start(t, to(rawBackend(t, func(p *peer) {
		for p.head() != "" {
			p.take(5)
			conns <- p.n
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})))
	client := h.dial()
	for i := range 100 {
		client.send("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
		res, _ := client.response("HEAD")
		wantStatus(t, res, 200)
		wantEqual(t, "connection", receive(t, conns, "request"), i)
	}
}
