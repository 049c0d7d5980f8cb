package command

import (
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// TestOperate takes a load balancer through its life, from flags alone.
func TestOperate(t *testing.T) {
	a, b, c := backend(t, "a"), backend(t, "b"), backend(t, "c")
	s := serve(t, "--backend", a, "--backend", b, "--header-down", "X-Backend: {http.load_balance.backend.id}")
	contains(t, "status", s.must("status"), "pool web: 2 of 2 backends accepting, 0 in flight, revision 1\n", a+"  up ", b+"  up ")

	same(t, "add", s.must("add", c, "--id", "third", "--label", "zone=東京", "--wait", "10s"), "added third to pool web: up, accepting\n")
	contains(t, "status", s.must("status", "--pool", "web"), "3 of 3 backends accepting", "third ", c+"  up ")
	same(t, "weight", s.must("weight", c, "2"), "third of pool web has weight 2\n")

	tried := s.must("try", "http://"+s.front+"/", "-n", "40", "--concurrency", "2")
	contains(t, "try", tried, "40 requests to ", "status 200: 40\n", "backends by the response header X-Backend\n")
	for name, share := range map[string]string{a: " 10    25%", b: " 10    25%", "third": " 20    50%"} {
		found := false
		for line := range strings.Lines(tried) {
			found = found || strings.HasPrefix(line, name+" ") && strings.Contains(line, share+" ")
		}
		if !found {
			t.Errorf("%s has not%s:\n%s", name, share, tried)
		}
	}

	same(t, "maintenance", s.must("maintenance", a), a+" of pool web: not accepting: in maintenance, 0 in flight\n")
	contains(t, "status", s.must("status"), "2 of 3 backends accepting", a+"  maintenance ", "    in maintenance, for ")
	for range 6 {
		if body, err := s.get("/"); err != nil || body == "a" {
			t.Errorf("a request got %q, %v", body, err)
		}
	}
	same(t, "ready", s.must("ready", a, "--wait", "10s"), a+" of pool web: up, accepting, 0 in flight\n")

	same(t, "remove", s.must("remove", "third", b), "removed third from pool web\nremoved "+b+" from pool web\n")
	contains(t, "status", s.must("status"), "pool web: 1 of 1 backend accepting")
	refused := s.do("maintenance", a)
	same(t, "code of what leaves nobody", refused.code, 4)
	contains(t, "message of what leaves nobody", refused.errOut, "no backend of the pool would accept", "--force")
	s.must("maintenance", a, "--force")
	failed := s.do("try", "http://"+s.front+"/", "-n", "3")
	same(t, "code of a try with failures", failed.code, 8)
	contains(t, "try", failed.out, "status 503: 3\n")
}

func TestDryRun(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	s := serve(t, "--backend", a)
	contains(t, "add", s.must("add", b, "--weight", "5", "--dry-run"), "would add "+b+": ", "weight 5")
	same(t, "weight", s.must("weight", a, "7", "--dry-run"), "would change "+a+": weight 1 to 7\n")
	same(t, "ready", s.must("ready", a, "--dry-run"), "would change nothing\n")
	same(t, "remove", s.must("remove", a, "--dry-run", "--force"), "would remove "+a+"\n")
	same(t, "refused", s.do("remove", a, "--dry-run").code, 4)
	same(t, "documents", documents(t, s.must("remove", a, "--dry-run", "--force", "--json"))[0]["dry_run"] == true, true)
	contains(t, "status", s.must("status"), "pool web: 1 of 1 backend accepting, 0 in flight, revision 1\n")
}

func TestJSON(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	s := serve(t, "--backend", a)
	one := func(args ...string) map[string]any {
		t.Helper()
		list := documents(t, s.must(append(args, "--json")...))
		if len(list) != 1 {
			t.Fatalf("%v: %d documents", args, len(list))
		}
		return list[0]
	}
	same(t, "status", len(one("status")["pools"].([]any)), 1)
	same(t, "status of a pool", one("status", "-p", "web")["name"].(string), "web")
	same(t, "add", one("add", b, "--wait", "10s")["id"].(string), b)
	same(t, "weight", one("weight", b, "3")["weight"].(float64), 3)
	same(t, "maintenance", one("maintenance", b)["admin_state"].(string), "maintenance")
	same(t, "ready", one("ready", b, "--wait", "10s")["admin_state"].(string), "ready")
	tried := one("try", "http://"+s.front+"/", "-n", "8")
	same(t, "try", tried["requests"].(float64), 8)
	same(t, "try by", tried["by"].(string), "counters")
	both := documents(t, s.must("ready", a, b, "--json"))
	same(t, "documents of two", len(both), 2)
	removed := one("remove", b)
	same(t, "removed", removed["id"].(string)+" "+removed["pool"].(string), b+" web")
}

func TestEvents(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	s := serve(t, "--backend", a)
	out := newOutput(t)
	cmd := process.Command(t.Context(), s.home, suite.Caddy(t, false), "load-balance", "events", "--address", s.admin)
	cmd.Stdout = out.file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// it may not be connected yet: what is done is done until it is seen
	process.Eventually(t, func() error {
		s.must("weight", a, "2")
		s.must("weight", a, "3")
		return out.has("  changed  web  "+a+": ", "weight=2 to weight=3")
	})
	s.must("add", b, "--wait", "20s")
	s.must("remove", b)
	process.Eventually(t, func() error { return out.has("  added  web  "+b, "  up  web  "+b, "  removed  web  "+b) })
	interrupt(t, cmd)
}

func TestExplain(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	s := serve(t, "--backend", a, "--backend", b, "--policy", "client_ip_hash")
	s.must("maintenance", b)
	text := s.must("explain", "http://example.com/cart?x=1", "--client-ip", "192.0.2.7", "--header", "X-User: 7", "--cookie", "a=b")
	contains(t, "explain", text, "pool web: "+a+", policy client_ip_hash, revision ", "*  "+a+"  up ", b+"  maintenance ")
	doc := documents(t, s.must("explain", "--json"))[0]
	same(t, "backend", doc["backend"].(map[string]any)["id"].(string), a)
	same(t, "code", s.do("explain", "/", "--client-ip", "nobody").code, 4)
}
