package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
)

// explained is what the admin API says of a request.
type explained struct {
	Policy   string
	Backend  *struct{ ID string }
	Reason   string
	Backends []struct{ ID, Reason string }
}

func (p *proc) explain(t *testing.T, pool string, query url.Values) (e explained, id string) {
	t.Helper()
	body := p.api(t, http.MethodGet, "/load_balance/pools/"+pool+"/explain?"+query.Encode(), "", http.StatusOK)
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	if e.Backend != nil {
		id = e.Backend.ID
	}
	return e, id
}

// What is explained is what requests get: new clients, by the policy, and those
// that have a session, by their cookie, also of a backend that drains.
func TestExplainAgreesWithRequests(t *testing.T) {
	p, r := startExample(t, "sticky/Caddyfile", 9001, 9002)
	p.waitHealthy(t, 2)
	client := newClient(t, nil)
	front := "http://" + r.addr(t, 8080)
	ids := map[string]string{"9001": "one", "9002": "two"}
	cookies := make(map[string]string)
	for range 6 {
		e, want := p.explain(t, "shop", url.Values{"path": {"/cart"}})
		if e.Policy != "least_conn" || len(e.Backends) != 2 {
			t.Fatalf("got %+v", e)
		}
		got := get(t, client, front+"/cart")
		if id := ids[got.Header.Get("Backend")]; id != want {
			t.Errorf("%q was explained, as %q, and the request went to %q", want, e.Reason, id)
		}
		set := got.Cookies()
		if len(set) != 1 {
			t.Fatalf("cookies %v", set)
		}
		cookies[want] = set[0].Name + "=" + set[0].Value
	}
	p.api(t, http.MethodPatch, "/load_balance/pools/shop/backends/one", `{"admin_state": "drain"}`, http.StatusOK)
	for id, reason := range map[string]string{
		"one": "the client's session belongs to it; it drains, and keeps the clients that it has",
		"two": "the client's session belongs to it",
	} {
		e, got := p.explain(t, "shop", url.Values{"cookie": {cookies[id]}})
		if got != id || e.Reason != reason {
			t.Errorf("with the cookie of %q, %q is explained: %s", id, got, e.Reason)
		}
	}
	if e, id := p.explain(t, "shop", nil); id != "two" || e.Backends[0].Reason != "draining: only serves the clients that it has" {
		t.Errorf("a new client is explained to get %q: %+v", id, e)
	}
}
