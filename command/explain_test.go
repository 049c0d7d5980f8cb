package command

import (
	"net/url"
	"strings"
	"testing"
)

const explained = `200 {"pool":"web","revision":4,"policy":"ip_hash","backend":{"id":"web1","address":"10.0.0.1:80"},` +
	`"reason":"selected by ip_hash","backends":[` +
	`{"id":"web1","address":"10.0.0.1:80","state":"up","chosen":true,"eligible":true,"share":0.6666666,"reason":"selected"},` +
	`{"id":"web2","address":"10.0.0.2:80","state":"up","chosen":false,"eligible":true,"share":0.3333333,"reason":"the hash of the client's address is another's"},` +
	`{"id":"web3","address":"10.0.0.3:80","state":"down","chosen":false,"eligible":false,"reason":"down: connection refused"}]}`

func TestExplain(t *testing.T) {
	f := startFake(t, map[string]string{
		"GET /load_balance/pools":             onePool,
		"GET /load_balance/pools/web/explain": explained,
	})
	got := run(t, "explain", "https://example.com/a%2fb?x=1", "-X", "POST", "--client-ip", "192.0.2.1",
		"--cookie", "lb=cafe", "--cookie", "a=b", "-H", "X-User: 7", "-H", "Host: example.org", "-H", "Cookie: c=d; e=f", "--address", f.addr())
	same(t, "result", got, result{out: "pool web: web1, policy ip_hash, revision 4\n" +
		"    selected by ip_hash\n" +
		"   BACKEND  STATE  SHARE  REASON\n" +
		"*  web1     up     66.7%\n" +
		"   web2     up     33.3%  the hash of the client's address is another's\n" +
		"   web3     down       -  down: connection refused\n"})
	_, query, _ := strings.Cut(strings.Split(f.requests(), "\n")[1], "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"method": "POST", "host": "example.org", "path": "/a%2fb", "query": "x=1", "client_ip": "192.0.2.1",
		"cookie": "lb=cafe|a=b|c=d|e=f", "header": "X-User: 7",
	} {
		same(t, name, strings.Join(q[name], "|"), want)
	}
	same(t, "JSON", run(t, "explain", "--json", "--address", f.addr()).out, strings.TrimPrefix(explained, "200 ")+"\n")
	f.on("GET /load_balance/pools/web/explain", func() (int, string) {
		return 200, `{"pool":"web","revision":4,"policy":"first","backend":null,"reason":"no backend accepts","backends":[]}`
	})
	same(t, "none", run(t, "explain", "/", "--address", f.addr()).out, "pool web: no backend, policy first, revision 4\n    no backend accepts\n")
}

// TestLongReasons: none of them is cut off.
func TestLongReasons(t *testing.T) {
	reason := "no header field X-User, so the fallback picks: drawn by chance, as weights say; the next draw may differ"
	e := explanation{Pool: "web", Policy: "header", Reason: reason, Backend: &explainedChoice{ID: "web1"}, Backends: []explainedBackend{
		{ID: "web1", State: "up", Chosen: true, Reason: reason}, {ID: "web2", State: "down", Reason: "down: " + reason},
	}}
	text := e.text(screen{width: 100})
	checkWidth(t, text, 100)
	same(t, "text", text, "pool web: web1, policy header, revision 0\n"+
		"    no header field X-User, so the fallback picks: drawn by chance, as weights say; the next draw\n"+
		"    may differ\n"+
		"   BACKEND  STATE  SHARE\n"+
		"*  web1     up         -\n"+
		"   web2     down       -\n"+
		"    down: no header field X-User, so the fallback picks: drawn by chance, as weights say; the next\n"+
		"    draw may differ\n")
}
