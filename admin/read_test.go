package admin

import (
	"net/http"
	"testing"
)

func TestReads(t *testing.T) {
	s := newServer(t, several())
	for path, tagged := range map[string]bool{
		"/load_balance/status":                            false,
		"/load_balance/pools":                             false,
		"/load_balance/pools/web":                         true,
		"/load_balance/pools/web/backends":                true,
		"/load_balance/pools/web/backends/127.0.0.1:9001": true,
	} {
		get := s.do(http.MethodGet, path, "")
		s.want(get, 200, "")
		if got := get.header.Get("ETag"); (got == `"1"`) != tagged {
			t.Errorf("%s: ETag is %q", path, got)
		}
		head := s.do(http.MethodHead, path, "")
		s.want(head, 200, "")
		if head.header.Get("Content-Length") == "" || len(head.body) > 0 {
			t.Errorf("HEAD %s: Content-Length %q, body %q", path, head.header.Get("Content-Length"), head.body)
		}
		// nothing of a body counts, and a GET with one changes nothing
		s.want(s.do(http.MethodGet, path, `{"weight": 5}`), 200, "")
	}
	if s.revision("web") != 1 || s.revision("api") != 1 {
		t.Error("a read has changed something")
	}
	var status statusJSON
	decode(t, s.do(http.MethodGet, "/load_balance/status", "").body, &status)
	if len(status.Pools) != 2 || status.Pools[0].Name != "api" || len(status.Pools[1].Backends) != 2 {
		t.Errorf("got %+v", status)
	}
}
