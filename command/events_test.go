package command

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestEvents has a stream that ends twice, as it does when the config is
// replaced, and then no server any more.
func TestEvents(t *testing.T) {
	streams := []string{
		"retry: 1000\n\nid: 1\nevent: backend_down\n" + `data: {"number":1,"at":"2026-01-02T15:04:05Z","event":"backend_down","pool":"web","backend":"web1","reason":"down: connection refused"}` + "\n\n",
		`data: {"number":2,"at":"2026-01-02T15:04:06Z","event":"backend_changed","pool":"web","backend":"web1","old":"weight=1","new":"weight=2","by":"admin API, 127.0.0.1"}` + "\n\n" +
			`data: {"number":3,"at":"2026-01-02T15:04:07Z","event":"drain_finished","pool":"api","backend":"x"}` + "\n\n",
	}
	start := func() *httptest.Server {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked == len(streams) {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			fmt.Fprint(w, streams[asked])
			asked++
		}))
		t.Cleanup(server.Close)
		return server
	}
	at := func(second int) string {
		return time.Date(2026, 1, 2, 15, 4, second, 0, time.UTC).Local().Format(time.TimeOnly)
	}
	got := run(t, "events", "--address", start().Listener.Addr().String())
	same(t, "code", got.code, exitRefused)
	same(t, "output", got.out, at(5)+"  down  web  web1: down: connection refused\n"+
		at(6)+`  changed  web  web1: weight=1 to weight=2, by admin API, 127.0.0.1`+"\n"+
		at(7)+"  drain finished  api  x\n")
	got = run(t, "events", "--json", "--pool", "api", "--address", start().Listener.Addr().String())
	same(t, "JSON", got.out, strings.TrimPrefix(strings.TrimSpace(streams[1][strings.Index(streams[1], "\n\n"):]), "data: ")+"\n")
}
