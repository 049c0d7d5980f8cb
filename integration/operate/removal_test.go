package operate

import (
	"net/http"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/websocket"
)

// A WebSocket ends in good order when its backend is removed. Those of others
// go on, whatever is added, changed and removed.
func TestRemovalEndsTunnels(t *testing.T) {
	servers := []*server{startServer(t, "a"), startServer(t, "b"), startServer(t, "c")}
	s := serve(t, t.TempDir(), "health_uri /health", servers...)
	for _, b := range servers {
		s.stands(b.id, serves)
	}
	at := make(map[string]*websocket.Conn)
	for len(at) < len(servers) {
		ws, err := websocket.Open(s.front)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ws.Close() })
		at[ws.Backend] = ws
	}
	for _, step := range []struct{ method, path, body, ends string }{
		{http.MethodPatch, backendPath("b"), `{"weight": 7}`, ""},
		{http.MethodPatch, backendPath("b"), `{"admin_state": "drain"}`, ""},
		{http.MethodPatch, backendPath("b"), `{"admin_state": "maintenance"}`, ""},
		{http.MethodPatch, backendPath("b"), `{"admin_state": "ready"}`, ""},
		{http.MethodDelete, backendPath("b"), "", "b"},
		{http.MethodPut, "/backends", `[{"id": "a", "address": "` + servers[0].addr + `"}]`, "c"},
	} {
		if status, answer, err := s.call(step.method, step.path, step.body); err != nil || status >= http.StatusBadRequest {
			t.Fatalf("%s %s %s: status %d: %v: %s", step.method, step.path, step.body, status, err, answer)
		}
		if ws := at[step.ends]; ws != nil {
			if status, err := ws.Ended(); err != nil || status != comeAgain {
				t.Errorf("the WebSocket to %s, which was removed, has ended with the status %d: %v", step.ends, status, err)
			}
			delete(at, step.ends)
		}
		for id, ws := range at {
			if err := ws.Echo(step.method); err != nil {
				t.Errorf("after %s %s %s, the WebSocket to %s: %v", step.method, step.path, step.body, id, err)
			}
		}
	}
}
