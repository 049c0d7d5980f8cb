package proxy

import (
	"net/http"
	"time"
)

// send sends the request and returns the response. If it needs nothing more
// from the client, then whoever goes by how long a backend takes is told that
// the backend is waited for.
func (a *attempt) send(t Transport) (*http.Response, error) {
	a.waited = a.body.clientTime()
	if a.body.complete() {
		a.m.BeginWait(a.began)
		defer a.m.EndWait()
	}
	return t.send(a)
}

// clientTime returns how much of the attempt's time went by waiting for the
// client.
func (a *attempt) clientTime() time.Duration { return a.body.clientTime() - a.waited }

// clientTime returns how long the body was waited for so far.
func (b *clientBody) clientTime() time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waited
}
