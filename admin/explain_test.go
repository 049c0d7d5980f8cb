package admin

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const explainPath = "/load_balance/pools/web/explain"

// spy is a policy that sees the requests that are asked about.
type spy struct {
	firstPolicy
	seen func(*http.Request)
}

// NewPicker implements pool.Policy.
func (s spy) NewPicker(members []*pool.Member, _ pool.Picker) pool.Picker {
	return spy{firstPolicy(members), s.seen}
}

// Pick implements pool.Picker.
func (s spy) Pick(q *pool.Request) *pool.Member {
	s.seen(q.HTTP)
	return s.firstPolicy.Pick(q)
}

// Rehearse implements pool.Rehearser.
func (s spy) Rehearse() pool.Rehearsal { return s }

// The request that a policy is asked about is the one that the query describes,
// with all that handlers find in a request of Caddy's server.
func TestExplainedRequest(t *testing.T) {
	s := newServer(t, nil)
	var r *http.Request
	def := &pool.Definition{Backends: specs(t, two()["web"])}
	s.addPool("web", def)
	p, _ := s.registry.Lookup("web")
	p.Commit(s, &pool.Definition{Backends: def.Backends, Policy: spy{seen: func(asked *http.Request) { r = asked }}})
	query := url.Values{
		"method": {"PUT"}, "host": {"example.com:8443"}, "path": {"/a%2Fb/c"}, "query": {"x=1&y=a+b"},
		"client_ip": {"2001:db8::7"}, "cookie": {"a=1", `lb="x"`}, "header": {"X-Tenant: acme ", "x-tenant: more", "Empty:"},
	}
	s.want(s.do("GET", explainPath+"?"+query.Encode(), ""), 200, "")
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	for _, test := range []struct{ what, got, want string }{
		{"method", r.Method, "PUT"},
		{"host", r.Host, "example.com:8443"},
		{"target", r.RequestURI, "/a%2Fb/c?x=1&y=a+b"},
		{"path", r.URL.Path, "/a/b/c"},
		{"escaped path", r.URL.EscapedPath(), "/a%2Fb/c"},
		{"query", r.URL.RawQuery, "x=1&y=a+b"},
		{"peer", r.RemoteAddr, "[2001:db8::7]:0"},
		{"client", caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string), "2001:db8::7"},
		{"cookies", r.Header.Get("Cookie"), `a=1; lb="x"`},
		{"header", strings.Join(r.Header["X-Tenant"], "|"), "acme|more"},
		{"empty header", strings.Join(r.Header["Empty"], "|"), ""},
		{"placeholders", repl.ReplaceAll("{http.request.host} {http.request.uri.query.x} {http.request.cookie.a}", ""), "example.com 1 1"},
	} {
		if test.got != test.want {
			t.Errorf("%s is %q, want %q", test.what, test.got, test.want)
		}
	}
	s.want(s.do("GET", explainPath, ""), 200, "")
	if got := r.Method + " " + r.Host + r.RequestURI + " " + r.RemoteAddr; got != "GET localhost/ 127.0.0.1:0" || len(r.Header) > 0 {
		t.Errorf("without a query, the request is %q with %v", got, r.Header)
	}
}

func TestExplainRefusesBadQueries(t *testing.T) {
	s := newServer(t, two())
	for _, query := range []string{
		"method=", "method=GET&method=PUT", "method=a+b", "method=" + strings.Repeat("A", 33),
		"host=", "host=a/b", "host=a%00", "host=" + strings.Repeat("a", 256),
		"path=", "path=a", "path=/a+b", "path=/a%3Fb", "path=/a%23b", "path=/%25zz", "path=/%0d", "path=/ü",
		"query=a%23b", "query=a%20b", "query=%0a",
		"client_ip=", "client_ip=localhost", "client_ip=1.2.3.4:5", "client_ip=fe80::1%25eth0", "client_ip=1.2.3.4&client_ip=1.2.3.5",
		"cookie=", "cookie=a", "cookie=a=1%3B+b=2", "cookie=a=%00", "cookie=a+b=1",
		"header=", "header=a", "header=a+b:c", "header=:a", "header=a:%0d%0ab:+c", "header=Host:+a", "header=cookie:+a=b",
		strings.TrimPrefix(strings.Repeat("&header=a:b", 60)+strings.Repeat("&cookie=a=b", 60), "&"),
		"query=" + strings.Repeat("a", maxAsked),
	} {
		s.want(s.do("GET", explainPath+"?"+query, ""), 400, codeBadQuery)
	}
	s.want(s.do("GET", explainPath+"?Path=/", ""), 400, codeUnknownParameter)
	s.want(s.do("POST", explainPath, "{}"), 405, codeMethodNotAllowed)
}

// The answer says of all backends what they are to the request.
func TestExplain(t *testing.T) {
	s := newServer(t, map[string][]config.Backend{"web": {
		{ID: "a", Address: "127.0.0.1:9001"}, {ID: "b", Address: "127.0.0.1:9002"}, {ID: "c", Address: "127.0.0.1:9003", Priority: 1},
	}})
	s.want(s.do("PATCH", allBackends+"/b", `{"admin_state": "maintenance"}`), 200, "")
	before := s.do("GET", "/load_balance/pools/web", "")
	rep := s.do("GET", explainPath, "")
	var got explanationJSON
	decode(t, rep.body, &got)
	if got.Pool != "web" || got.Backend == nil || got.Backend.ID != "a" || got.Reason != "first in line" || got.ByChance {
		t.Errorf("got %s", rep.body)
	}
	reasons := map[string]string{
		"a": "first in line", "b": "in maintenance", "c": "stands by with priority 1: backends of priority 0 take requests",
	}
	for _, b := range got.Backends {
		if b.Reason != reasons[b.ID] || b.Chosen != (b.ID == "a") || b.Eligible != (b.ID != "b") || b.Share == nil {
			t.Errorf("of %s is said %+v", b.ID, b)
		}
	}
	if rep.header.Get("ETag") != before.header.Get("ETag") || rep.header.Get("ETag") != s.do("GET", "/load_balance/pools/web", "").header.Get("ETag") {
		t.Errorf("the ETag is %s", rep.header.Get("ETag"))
	}
	s.want(s.do("PATCH", allBackends+"/a?force=true", `{"admin_state": "drain"}`), 200, "")
	s.want(s.do("DELETE", allBackends+"/c?force=true", ""), 204, "")
	rep = s.do("GET", explainPath, "")
	if !strings.Contains(string(rep.body), `"backend":null,"reason":"no backend accepts requests: it is answered with 503`) {
		t.Errorf("without a backend: %s", rep.body)
	}
}
