package integration

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

// startFailing starts a named backend that answers all but health checks with
// the status, until it is told to work.
func startFailing(t *testing.T, port int, name string, status int) (failing *atomic.Bool) {
	t.Helper()
	failing = new(atomic.Bool)
	failing.Store(true)
	well := named(name)
	startBackend(t, port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !failing.Load() || r.URL.Path == "/health" {
			well.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Backend", name)
		w.WriteHeader(status)
	}))
	return failing
}

// pair is a Caddy with the pool `web` of two backends, `bad` and `good`.
type pair struct {
	*proc
	client  *http.Client
	url     string
	failing *atomic.Bool // what the bad one does
}

// startPair starts a pair whose bad backend answers with the status. The rest
// are subdirectives: of both backends, of the good one, and of the pool.
func startPair(t *testing.T, status int, ofBoth, ofGood, ofPool string) pair {
	t.Helper()
	front, bad, good := freeAddr(t), freePort(t), freePort(t)
	p := pair{client: newClient(t, nil), url: "http://" + front, failing: startFailing(t, bad, "bad", status)}
	startBackend(t, good, named("good"))
	p.proc = startCaddy(t, fmt.Sprintf(`
http://%s {
	load_balance {
		pool web
		backend 127.0.0.1:%d {
			id bad
			%[4]s
		}
		backend 127.0.0.1:%[3]d {
			id good
			%s
			%s
		}
		%s
	}
}
`, front, bad, good, ofBoth, ofGood, ofPool), "caddyfile")
	return p
}

// ask makes a request, and returns which backend has answered.
func (p pair) ask(t *testing.T) (backend string) {
	t.Helper()
	return get(t, p.client, p.url).Header.Get("Backend")
}
