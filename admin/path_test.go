package admin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// TestPathSpellings sends paths in every spelling to a backend that exists, and
// which only its own spelling must reach.
func TestPathSpellings(t *testing.T) {
	s := newServer(t, map[string][]config.Backend{
		"a,b+c": {{Address: "127.0.0.1:80"}, {Address: "localhost:80"}, {Address: "[::1]:80"}, {ID: "LOCALHOST:90", Address: "127.0.0.1:90"}, {ID: "a~b@c", Address: "127.0.0.1:91"}},
	})
	const dir = "/load_balance/pools/a,b+c/backends"
	for _, c := range []struct {
		path   string
		status int
		code   string
	}{
		{dir + "/127.0.0.1:80", 200, ""},
		{dir + "/127.0.0.1%3A80", 200, ""},
		{dir + "/a~b@c", 200, ""},
		{dir + "/a~b%40c", 200, ""},
		{dir + "/LOCALHOST:90", 200, ""}, // an id that was given
		{"/load_balance/pools/a%2Cb+c/backends/a~b@c", 200, ""},
		{"/load_balance/pools/a%2Cb%2Bc/backends/a~b%40c", 200, ""},

		{dir + "/127.0.0.1%3a80", 400, codeNotCanonical},
		{dir + "/%3127.0.0.1:80", 400, codeNotCanonical},
		{dir + "/a%7Eb@c", 400, codeNotCanonical},
		{"/load_balance/pools/a,b%2Bc", 400, codeNotCanonical},
		{dir + "/LOCALHOST:80", 400, codeNotCanonical},
		{dir + "/127.0.0.1:080", 400, codeNotCanonical},
		{dir + "/%5B::1%5D:80", 400, codeNotCanonical},
		{"/load_balance/Status", 400, codeNotCanonical},
		{"/load_balance/pools/a,b+c/Backends", 400, codeNotCanonical},
		{"/load_balance/%73tatus", 400, codeNotCanonical},

		{"/%6Coad_balance/status", 400, codeBadPath},
		{"/load_balance/status/", 400, codeBadPath},
		{dir + "/", 400, codeBadPath},
		{dir + "/127.0.0.1:80/", 400, codeBadPath},
		{dir + "/%2e", 400, codeBadPath},
		{dir + "/%2E%2E", 400, codeBadPath},
		{dir + "/%2e%2e/backends", 400, codeBadPath},
		{dir + "%2f127.0.0.1:80", 400, codeBadPath},
		{dir + "/a%2Fb", 400, codeBadPath},
		{dir + "/a%00b", 400, codeBadPath},
		{dir + "/a%20b", 400, codeBadPath},
		{dir + "/a%25b", 400, codeBadPath},
		{dir + "/%C3%BC", 400, codeBadPath},
		{"/load_balance/pools/" + strings.Repeat("a", 257), 400, codeBadPath},

		{dir + "/localhost", 404, "unknown_backend"}, // no port: a name like any other
		{dir + "/127.0.0.1:81", 404, "unknown_backend"},
		{dir + "/A~b@c", 404, "unknown_backend"},
		{"/load_balance/pools/A,b+c", 404, "unknown_pool"},
		{"/load_balance", 404, codeUnknownPath},
		{"/load_balance/", 404, codeUnknownPath},
		{"/load_balance/other", 404, codeUnknownPath},
		{"/load_balance/events/", 400, codeBadPath},
		{dir + "/127.0.0.1:80/undrain", 404, codeUnknownPath},
		{dir + "/127.0.0.1:80/drain/", 400, codeBadPath},
		{dir + "/127.0.0.1:80/Drain", 400, codeNotCanonical},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPatch} {
			status, code, body := c.status, c.code, ""
			if method == http.MethodPatch {
				body = `{}`
				if !strings.Contains(c.path, "/backends/") && status != 404 && code != codeNotCanonical && code != codeBadPath {
					continue
				}
				if c.path == "/load_balance/pools/A,b+c" {
					status, code = 405, codeMethodNotAllowed
				}
			}
			rep := s.do(method, c.path, body)
			var f failure
			if rep.status >= 400 {
				decode(t, rep.body, &f)
			}
			if rep.status != status || f.Code != code {
				t.Errorf("%s %s: got %d %q (%s), want %d %q", method, c.path, rep.status, f.Code, f.Message, status, code)
			}
		}
	}
	if f := s.want(s.do(http.MethodGet, dir+"/LOCALHOST:80", ""), 400, codeNotCanonical); !strings.Contains(f.Message, `"localhost:80"`) {
		t.Errorf("no hint in %q", f.Message)
	}
	if s.revision("a,b+c") != 1 {
		t.Error("an empty patch has changed something")
	}
}

// TestUncleanPathsReachNoPool sends paths that Caddy's router cleans before
// anyone else sees them: it answers with a redirect, and nothing is done.
func TestUncleanPathsReachNoPool(t *testing.T) {
	s := newAPI(t, two())
	for _, target := range []string{
		"/load_balance//pools/web/backends",
		"/load_balance/pools/other/../web/backends",
		"/load_balance/./pools/web/backends",
		"//load_balance/pools/web/backends",
	} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost"+target, strings.NewReader(newBackend))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		// 307 keeps the method; what 301 does to a POST is not to be relied on
		if w.Code != http.StatusTemporaryRedirect {
			t.Errorf("%s: status %d", target, w.Code)
		}
		// and if it did not, the API would refuse them
		w = httptest.NewRecorder()
		if err := s.api.serve(w, r); err != nil || w.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d, %v", target, w.Code, err)
		}
	}
	if s.revision("web") != 1 {
		t.Error("something has changed")
	}
}

// FuzzPath makes sure that a path which is served is the one that Caddy's
// remote administration has checked: decoded, it is clean, and it names the
// same segments.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/load_balance/status", "/load_balance/pools/a%2Cb/backends/a%3A80", "/load_balance/pools/%2e%2e",
		"/load_balance/pools/a%2Fb", "/load_balance//", "/load_balance/%", "/load_balance/pools/%C3%BC/backends",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || u.Scheme != "" {
			return
		}
		segments, bad := parsePath(u.EscapedPath())
		if bad != nil || len(segments) == 0 {
			return
		}
		if want := root + "/" + strings.Join(segments, "/"); u.Path != want || path.Clean(u.Path) != u.Path {
			t.Errorf("%q is decoded to %q, and served as %q", raw, u.Path, want)
		}
		if route, poolName, id, bad := find(segments); bad == nil && len(segments) == 4 {
			again, bad := parsePath(backendPath(poolName, id))
			if bad != nil || strings.Join(again, "/") != strings.Join(segments, "/") {
				t.Errorf("%s: %q is written as %q", route.path, segments, again)
			}
		}
	})
}
