package admin

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestAdd(t *testing.T) {
	s := newServer(t, two())
	rep := s.do("POST", allBackends, `{"id": "new@1", "address": "HTTP://LOCALHOST:080/", "weight": 5, "priority": 1,
		"max_requests": 10, "admin_state": "drain", "labels": {"zone": "a"}}`)
	s.want(rep, 201, "")
	if got := rep.header.Get("Location"); got != allBackends+"/new@1" {
		t.Errorf("Location is %q", got)
	}
	if got := rep.header.Get("ETag"); got != `"2"` {
		t.Errorf("ETag is %q", got)
	}
	var b backendJSON
	decode(t, rep.body, &b)
	if b.ID != "new@1" || b.Address != "localhost:80" || b.Weight != 5 || b.Priority != 1 || b.MaxRequests != 10 ||
		b.AdminState != pool.Drain || b.Labels["zone"] != "a" || b.Source != pool.FromRuntime || b.Accepting || b.Reason != "draining" {
		t.Errorf("got %s", rep.body)
	}
	again := s.do("GET", rep.header.Get("Location"), "")
	s.want(again, 200, "")
	if again.header.Get("ETag") != `"2"` {
		t.Errorf("ETag is %q afterwards", again.header.Get("ETag"))
	}
	f := s.want(s.do("POST", shortcut, `{"address": "localhost"}`), 409, pool.CodeDuplicateAddress)
	if f.Existing != "new@1" {
		t.Errorf("existing is %q", f.Existing)
	}
	f = s.want(s.do("POST", shortcut, `{"address": "other", "id": "127.0.0.1:9001"}`), 409, pool.CodeDuplicateID)
	if f.Existing != "127.0.0.1:9001" {
		t.Errorf("existing is %q", f.Existing)
	}
	decode(t, s.do("POST", shortcut, `{"address": "[0::1]:81"}`).body, &b)
	if b.ID != "::1-:81" || b.Address != "[::1]:81" || b.Weight != 1 || b.Labels == nil {
		t.Errorf("got %+v", b)
	}
}

func TestPatch(t *testing.T) {
	s := newServer(t, map[string][]config.Backend{"web": {
		{Address: "127.0.0.1:9001", Weight: 2, Priority: 3, Labels: map[string]string{"a": "1", "b": "2"}},
		{Address: "127.0.0.1:9002"},
	}})
	var was, is backendJSON
	patch := func(body string, revision string) {
		t.Helper()
		decode(t, s.do("GET", oneBackend, "").body, &was)
		rep := s.do("PATCH", oneBackend, body)
		s.want(rep, 200, "")
		if got := rep.header.Get("ETag"); got != `"`+revision+`"` {
			t.Errorf("%s: ETag is %s, want %s", body, got, revision)
		}
		is = backendJSON{}
		decode(t, rep.body, &is)
	}
	same := func(a, b backendJSON) bool {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return string(x) == string(y)
	}
	patch(`{}`, "1")
	if !same(was, is) {
		t.Errorf("an empty patch made %+v of %+v", is, was)
	}
	patch(`{"weight": 2, "labels": {"a": "1", "b": "2"}}`, "1") // as it is
	patch(`{"weight": 7}`, "2")
	was.Weight = 7
	if !same(was, is) {
		t.Errorf("a patch of the weight made %+v of %+v", is, was)
	}
	patch(`{"labels": {"c": "3"}}`, "3")
	if len(is.Labels) != 1 || is.Labels["c"] != "3" || is.Weight != 7 || is.Priority != 3 {
		t.Errorf("labels were not replaced as a whole: %+v", is)
	}
	patch(`{"labels": {}, "priority": 0}`, "4")
	if len(is.Labels) != 0 || is.Priority != 0 {
		t.Errorf("got %+v", is)
	}
	patch(`{"admin_state": "maintenance"}`, "5")
	if is.Accepting || is.Reason != "in maintenance" || is.AdminState != pool.Maintenance {
		t.Errorf("got %+v", is)
	}
	patch(`{"admin_state": "ready"}`, "6")
	patch(`{"address": "127.0.0.1:9009"}`, "7")
	if is.ID != "127.0.0.1:9001" || is.Address != "127.0.0.1:9009" || !is.Accepting {
		t.Errorf("a new address has not been waited for: %+v", is)
	}
}

// TestPutBack reads the backends, edits the list and puts it back, as people
// do with jq.
func TestPutBack(t *testing.T) {
	s := newServer(t, two())
	rep := s.do("GET", allBackends, "")
	s.want(s.do("PUT", allBackends, string(rep.body), "If-Match", rep.header.Get("ETag")), 200, "")
	if s.revision("web") != 1 {
		t.Error("the same backends are a change")
	}
	edited := strings.Replace(string(rep.body), `"weight":1`, `"weight":9`, 1)
	edited = strings.Replace(edited, `127.0.0.1:9002`, `127.0.0.1:9003`, 2)
	after := s.do("PUT", allBackends, edited)
	s.want(after, 200, "")
	if got := s.ids("web"); got != "127.0.0.1:9001 127.0.0.1:9003" {
		t.Errorf("backends are %s", got)
	}
	if s.revision("web") != 2 || after.header.Get("ETag") != `"2"` {
		t.Errorf("revision is %d, ETag %s", s.revision("web"), after.header.Get("ETag"))
	}
	list := replaced(t, after).Backends
	if list[0].Weight != 9 || !list[1].Accepting || list[1].Source != pool.FromRuntime {
		t.Errorf("got %s", after.body)
	}
	// what is left out has its default again
	after = s.do("PUT", allBackends, `[{"address": "127.0.0.1:9001"}]`)
	list = replaced(t, after).Backends
	if len(list) != 1 || list[0].Weight != 1 || list[0].Source != pool.FromConfig {
		t.Errorf("got %s", after.body)
	}
}

// replaced is the answer to PUT.
func replaced(t *testing.T, rep reply) (done reportJSON) {
	t.Helper()
	decode(t, rep.body, &done)
	return done
}

// TestPutRearranges replaces backends by ones that take over each other's
// address, or id: only what comes of it must be free of duplicates.
func TestPutRearranges(t *testing.T) {
	s := newServer(t, two())
	var list []backendJSON
	put := func(body string) string {
		t.Helper()
		rep := s.do("PUT", allBackends+"?force=true", body)
		s.want(rep, 200, "")
		list = replaced(t, rep).Backends
		var got []string
		for _, b := range list {
			got = append(got, b.ID+"="+b.Address)
		}
		return strings.Join(got, " ")
	}
	const swapped = "127.0.0.1:9001=127.0.0.1:9002 127.0.0.1:9002=127.0.0.1:9001"
	if got := put(`[{"id": "127.0.0.1:9001", "address": "127.0.0.1:9002"}, {"id": "127.0.0.1:9002", "address": "127.0.0.1:9001"}]`); got != swapped {
		t.Errorf("swapped: %s", got)
	}
	const renamed = "127.0.0.1:9001=127.0.0.1:9001 other=127.0.0.1:9002"
	if got := put(`[{"id": "127.0.0.1:9001", "address": "127.0.0.1:9001"}, {"id": "other", "address": "127.0.0.1:9002"}]`); got != renamed {
		t.Errorf("renamed: %s", got)
	}
	// without ids, backends are known by their address
	if got := put(`[{"address": "127.0.0.1:9002"}, {"address": "HTTP://127.0.0.1:09001/"}]`); got != renamed || s.revision("web") != 3 {
		t.Errorf("put back without ids: %s at revision %d", got, s.revision("web"))
	}
	// but for ids that are another's in the same body
	const moved = "127.0.0.1:9002=127.0.0.1:9002 other=127.0.0.1:9001"
	if got := put(`[{"id": "other", "address": "127.0.0.1:9001"}, {"address": "127.0.0.1:9002"}]`); got != moved {
		t.Errorf("moved: %s", got)
	}
	const restored = "127.0.0.1:9001=127.0.0.1:9001 127.0.0.1:9002=127.0.0.1:9002"
	if got := put(`[{"id": "127.0.0.1:9002", "address": "127.0.0.1:9002"}, {"id": "127.0.0.1:9001", "address": "127.0.0.1:9001"}]`); got != restored {
		t.Errorf("restored: %s", got)
	}
	if list[0].Source != pool.FromConfig || list[1].Source != pool.FromConfig || s.revision("web") != 5 {
		t.Errorf("restored: %+v at revision %d", list, s.revision("web"))
	}
}

func TestForce(t *testing.T) {
	s := newServer(t, single())
	f := s.want(s.do("DELETE", oneBackend, ""), 422, pool.CodeNoneAccepting)
	if f.Message == "" || s.ids("web") != "127.0.0.1:9001" {
		t.Errorf("got %+v, backends %s", f, s.ids("web"))
	}
	rep := s.do("DELETE", oneBackend+"?force=true", "")
	s.want(rep, 204, "")
	if rep.header.Get("ETag") != `"2"` || s.ids("web") != "" {
		t.Errorf("ETag %s, backends %s", rep.header.Get("ETag"), s.ids("web"))
	}
	s.want(s.do("GET", allBackends, ""), 200, "")
	s.want(s.do("DELETE", oneBackend, ""), 404, pool.CodeUnknownBackend)
}

func TestShortcut(t *testing.T) {
	s := newServer(t, several())
	f := s.want(s.do("GET", shortcut, ""), 409, codeAmbiguousPool)
	if strings.Join(f.Pools, " ") != "api web" || !strings.Contains(f.Message, "api, web") {
		t.Errorf("got %+v", f)
	}
	one := newServer(t, two())
	rep := one.do("POST", shortcut, newBackend)
	one.want(rep, 201, "")
	if got := rep.header.Get("Location"); got != allBackends+"/127.0.0.1:9009" {
		t.Errorf("Location is %q", got)
	}
	one.want(one.do("DELETE", shortcut+"?address=HTTP://127.0.0.1:09009", "", "If-Match", `"2"`), 204, "")
	one.want(one.do("DELETE", shortcut, `{"id": "127.0.0.1:9001"}`), 204, "")
	if got := one.ids("web"); got != "127.0.0.1:9002" {
		t.Errorf("backends are %s", got)
	}
}

func TestMethods(t *testing.T) {
	s := newServer(t, two())
	for path, allowed := range map[string]string{
		"/load_balance/status":    "GET, HEAD, OPTIONS",
		"/load_balance/pools":     "GET, HEAD, OPTIONS",
		"/load_balance/pools/web": "GET, HEAD, OPTIONS",
		allBackends:               "GET, HEAD, OPTIONS, POST, PUT",
		oneBackend:                "DELETE, GET, HEAD, OPTIONS, PATCH",
		shortcut:                  "DELETE, GET, HEAD, OPTIONS, POST",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"} {
			if strings.Contains(", "+allowed+",", ", "+method+",") && method != "OPTIONS" {
				continue
			}
			rep := s.do(method, path, "")
			if method == "OPTIONS" {
				s.want(rep, 204, "")
			} else {
				s.want(rep, 405, codeMethodNotAllowed)
			}
			if got := rep.header.Get("Allow"); got != allowed {
				t.Errorf("%s %s: Allow is %q", method, path, got)
			}
		}
	}
}

// TestNothingInService makes sure that a pool which no config claims is not
// there.
func TestNothingInService(t *testing.T) {
	s := newServer(t, nil)
	p, err := s.registry.Acquire("web")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.registry.Release("web") }()
	p.Seed(&pool.Definition{Policy: firstPolicy{}, Backends: specs(t, two()["web"])})
	s.want(s.do(http.MethodGet, oneBackend, ""), 404, pool.CodeUnknownPool)
	s.want(s.do(http.MethodPost, shortcut, newBackend), 404, pool.CodeUnknownPool)
}
