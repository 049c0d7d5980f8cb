package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest sends any request: none is answered with a failure of the server,
// or as is not described, and only those which are said to have changed
// something have.
func FuzzRequest(f *testing.F) {
	for _, op := range append(reads, writes...) {
		f.Add(op.method, op.path, op.body, "application/json", `"1"`)
		f.Add(op.method, op.path+"?force=true", op.body, "application/json", "*")
		f.Add(op.method, op.path+"/", op.body, "text/plain", "")
	}
	f.Add("DELETE", shortcut+"?id=127.0.0.1:9001", "", "", "")
	f.Add("PUT", allBackends, `[{"address": "a", "labels": {"x": "\u00e9"}}, {"id": "b", "address": "unix//b", "admin_state": "drain"}]`, "application/json", "")
	f.Add("PATCH", oneBackend, `{"address": "h2c://[::1]:80", "weight": 1e3, "last_check": {}}`, "application/json; charset=utf-8", `W/"1"`)
	f.Fuzz(func(t *testing.T, method, target, body, contentType, match string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || !validMethod(method) {
			return
		}
		s := newAPI(t, two())
		r := httptest.NewRequest(http.MethodGet, "http://localhost/", strings.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, u, target
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		if match != "" {
			r.Header.Set("If-Match", match)
		}
		before := s.revision("web")
		w := httptest.NewRecorder()
		if err := s.api.serve(w, r); err != nil {
			t.Fatalf("%s %s: %v", method, target, err)
		}
		if changed := s.revision("web") != before; changed && (w.Code >= 300 || method == http.MethodGet || method == http.MethodHead) {
			t.Errorf("%s %s: answered %d, and something has changed", method, target, w.Code)
		}
		if w.Code >= 500 {
			t.Fatalf("%s %s %q: %d %s", method, target, body, w.Code, w.Body)
		}
		rep := reply{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
		s.check(r, &rep)
		var bad failure
		if w.Code >= 400 && method != http.MethodHead && (json.Unmarshal(rep.body, &bad) != nil || bad.Code == "" || bad.Message == "") {
			t.Errorf("%s %s: answered %d %s", method, target, w.Code, rep.body)
		}
	})
}

// validMethod reports whether a server would have let the method through.
func validMethod(method string) bool {
	return method != "" && !strings.ContainsFunc(method, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
