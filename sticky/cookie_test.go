package sticky

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func signed(secret, id string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil))
}

func TestCookieKeepsClient(t *testing.T) {
	p := newPool(t, 3, cookieBy(t, config.Sticky{Secret: "x"}))
	c := &client{jar: "lb=" + signed("x", "b2")}
	for range 3 {
		backend, header := c.get(t, p)
		if backend != "b2" || len(header) != 0 {
			t.Fatalf("sent to %s, header %v", backend, header)
		}
	}
	c = new(client)
	backend, header := c.get(t, p)
	if want := "lb=" + signed("x", "b0") + "; Path=/; HttpOnly; SameSite=Lax"; backend != "b0" || header.Get("Set-Cookie") != want {
		t.Errorf("a new client was sent to %s, header %v", backend, header)
	}
	if _, header := c.get(t, p); len(header) != 0 {
		t.Errorf("the cookie was set again: %v", header)
	}
}

func TestCookieThatCountsAsNone(t *testing.T) {
	p := newPool(t, 3, cookieBy(t, config.Sticky{Secret: "x"}))
	right := signed("x", "b1")
	for name, test := range map[string]struct {
		header string
		kept   bool
	}{
		"right":                 {"lb=" + right, true},
		"quoted":                {`lb="` + right + `"`, true},
		"among others":          {"a=b; lb=" + right + "; c=d", true},
		"behind a wrong one":    {"lb=old; lb=" + right, true},
		"before another one":    {"lb=" + right + "; lb=" + signed("x", "b2"), true},
		"behind too many":       {strings.Repeat("lb=old; ", maxNamesakes) + "lb=" + right, false},
		"empty":                 {"lb=", false},
		"no value":              {"lb", false},
		"no pair":               {";;=;", false},
		"made without secret":   {"lb=" + signed("", "b1"), false},
		"made with another one": {"lb=" + signed("y", "b1"), false},
		"of no backend":         {"lb=" + signed("x", "b9"), false},
		"of an address":         {"lb=" + signed("x", "10.0.0.1:80"), false},
		"the id itself":         {"lb=b1", false},
		"another name":          {"LB=" + right, false},
		"too short":             {"lb=" + right[:62], false},
		"too long":              {"lb=" + right + "00", false},
		"upper case":            {"lb=" + strings.ToUpper(right), false},
		"right beginning":       {"lb=" + right[:32] + strings.Repeat("0", 32), false},
		"not hexadecimal":       {"lb=" + strings.Repeat("zé", 22)[:64], false},
		"huge":                  {"lb=" + strings.Repeat("a", 1<<16), false},
	} {
		t.Run(name, func(t *testing.T) {
			backend, header := (&client{jar: test.header}).get(t, p)
			if kept := backend == "b1" && len(header) == 0; kept != test.kept {
				t.Errorf("sent to %s, header %v", backend, header)
			}
			if !test.kept && len(header["Set-Cookie"]) != 1 {
				t.Errorf("%d cookies were set", len(header["Set-Cookie"]))
			}
		})
	}
}

// Of the cookies that a client has, one counts whose backend still serves.
func TestCookieOfBackendThatIsGone(t *testing.T) {
	p := newPool(t, 4, cookieBy(t, config.Sticky{Secret: "x"}))
	specs := specsOf(t, 4)
	specs[1].AdminState, specs[2].AdminState = pool.Maintenance, pool.Drain
	seed(t, p, specs, cookieBy(t, config.Sticky{Secret: "x"}))
	c := &client{jar: "lb=" + signed("x", "b1") + "; lb=" + signed("x", "b2")}
	if backend, header := c.get(t, p); backend != "b2" || len(header) != 0 {
		t.Errorf("sent to %s, header %v", backend, header)
	}
	c.jar = "lb=" + signed("x", "b1")
	if backend, header := c.get(t, p); backend != "b0" || !strings.HasPrefix(header.Get("Set-Cookie"), "lb="+signed("x", "b0")) {
		t.Errorf("sent to %s, header %v", backend, header)
	}
}

func TestCookieAttributes(t *testing.T) {
	for name, test := range map[string]struct {
		cfg           config.Sticky
		plain, secure string // behind the value
	}{
		"default": {config.Sticky{}, "; Path=/; HttpOnly; SameSite=Lax", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		"strict":  {config.Sticky{SameSite: "strict"}, "; Path=/; HttpOnly; SameSite=Strict", "; Path=/; HttpOnly; Secure; SameSite=Strict"},
		"none":    {config.Sticky{SameSite: "none"}, "; Path=/; HttpOnly; SameSite=Lax", "; Path=/; HttpOnly; Secure; SameSite=None"},
		"all": {
			config.Sticky{Path: "/app", Domain: "example.com", MaxAge: caddy.Duration(90 * time.Second)},
			"; Path=/app; Domain=example.com; Max-Age=90; HttpOnly; SameSite=Lax",
			"; Path=/app; Domain=example.com; Max-Age=90; HttpOnly; Secure; SameSite=Lax",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.Name, test.cfg.Secret = "s", "x"
			c := cookieBy(t, test.cfg)
			for secure, want := range map[bool]string{false: test.plain, true: test.secure} {
				if got := c.line("v", secure); got != "s=v"+want {
					t.Errorf("got  %s\nwant s=v%s", got, want)
				}
			}
		})
	}
}

// TestCookieOverChanges changes backends, secret and attributes: what is taken
// over must stay right.
func TestCookieOverChanges(t *testing.T) {
	cfg := config.Sticky{Secret: "x"}
	all := specsOf(t, 300)
	p := newPool(t, 300, cookieBy(t, cfg))
	for _, change := range []struct {
		specs []pool.Spec
		cfg   config.Sticky
	}{
		{all[1:], cfg},
		{all, cfg},
		{all[200:], cfg},
		{all[:40], config.Sticky{Secret: "x", Path: "/p"}},
		{all, config.Sticky{Secret: "y", Path: "/p"}},
		{all, config.Sticky{Secret: "y", Name: "n"}},
	} {
		keeper := cookieBy(t, change.cfg)
		seed(t, p, change.specs, keeper)
		for _, m := range p.Snapshot().Members {
			value := signed(change.cfg.Secret, m.ID())
			c := &client{jar: keeper.Name() + "=" + value}
			if backend, header := c.get(t, p); backend != m.ID() || len(header) != 0 {
				t.Fatalf("%d backends: the cookie of %s leads to %s", len(change.specs), m.ID(), backend)
			}
		}
		c := new(client)
		backend, header := c.get(t, p)
		if want := keeper.line(signed(change.cfg.Secret, backend), false); header.Get("Set-Cookie") != want {
			t.Fatalf("got  %s\nwant %s", header, want)
		}
	}
}

func TestSecretChanges(t *testing.T) {
	secret := NewSecret([]byte("old"))
	p := newPool(t, 2, NewCookie(&config.Sticky{}, "", secret))
	c := &client{jar: "lb=" + signed("old", "b1")}
	secret.Set([]byte("new"))
	if backend, _ := c.get(t, p); backend != "b1" {
		t.Errorf("before the pool has heard of it: %s", backend)
	}
	p.Republish()
	if backend, header := c.get(t, p); backend != "b0" || c.jar != "lb="+signed("new", "b0") {
		t.Errorf("sent to %s, header %v", backend, header)
	}
}

// A cookie of that name which a backend sets is not passed on, as it would take
// the place of ours.
func TestCookieOfBackendWithThatName(t *testing.T) {
	p := newPool(t, 2, cookieBy(t, config.Sticky{Secret: "x"}))
	for jar, want := range map[string]int{"": 3, "lb=" + signed("x", "b1"): 2} {
		var q pool.Request
		q.Reset(nil, (&client{jar: jar}).request())
		m, err := p.Acquire(&q)
		if err != nil {
			t.Fatal(err)
		}
		shared := []string{"a=1", "lb=app", "lb=more; Path=/", "lbx=lb=2"}
		h := http.Header{"Set-Cookie": shared}
		q.Settle(m, h, true, false)
		m.Release()
		if got := h["Set-Cookie"]; len(got) != want || got[0] != "a=1" || got[1] != "lbx=lb=2" {
			t.Errorf("cookies %q: %q", jar, got)
		}
		if shared[1] != "lb=app" {
			t.Error("the list was changed in place")
		}
	}
}

func TestBadAnswerBeginsNoSession(t *testing.T) {
	p := newPool(t, 2, cookieBy(t, config.Sticky{Secret: "x"}))
	var q pool.Request
	q.Reset(nil, new(client).request())
	m, err := p.Acquire(&q)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Release()
	h := http.Header{"Set-Cookie": {"lb=app"}}
	q.Settle(m, h, false, false)
	if len(h) != 0 {
		t.Errorf("header %v", h)
	}
}

func TestCookieDoesNotAllocate(t *testing.T) {
	for _, n := range []int{3, 10_000} {
		p := newPool(t, n, cookieBy(t, config.Sticky{Secret: "x"}))
		for name, jar := range map[string]string{
			"none": "", "others": "a=b; c=d", "right": "a=b; lb=" + signed("x", "b2"), "wrong": "lb=" + signed("y", "b2"),
		} {
			r := (&client{jar: jar}).request()
			var q pool.Request
			if allocs := testing.AllocsPerRun(100, func() {
				q.Reset(nil, r)
				m, err := p.Acquire(&q)
				if err != nil {
					t.Fatal(err)
				}
				m.Release()
			}); allocs > 0 {
				t.Errorf("%d backends, cookie %s: %v allocations", n, name, allocs)
			}
		}
	}
}

func BenchmarkCookie(b *testing.B) {
	for _, n := range []int{3, 10_000} {
		p := newPool(b, n, cookieBy(b, config.Sticky{Secret: "x"}))
		for name, jar := range map[string]string{"new": "", "kept": "lb=" + signed("x", "b2")} {
			r := (&client{jar: jar}).request()
			b.Run(fmt.Sprint(n, "/", name), func(b *testing.B) {
				b.ReportAllocs()
				var q pool.Request
				for b.Loop() {
					q.Reset(nil, r)
					m, _ := p.Acquire(&q)
					m.Release()
				}
			})
		}
		b.Run(fmt.Sprint(n, "/republish"), func(b *testing.B) {
			for b.Loop() {
				p.Republish()
			}
		})
	}
}

// FuzzCookie gives a pool the Cookie fields of clients: a request is kept by one
// of the pool's values only, and no field costs more than a look.
func FuzzCookie(f *testing.F) {
	right := signed("x", "b1")
	for _, seed := range []string{
		"", "lb", "lb=", "lb=" + right, "lb=\"" + right + "\"", "a=b; lb=" + right, "lb=x; lb=" + right, "lb=\"\"", "lb=\"",
		"lb=" + right + "0", strings.Repeat("lb=;", 100), ";", "=", "lb==" + right, "lb = " + right, "lb=" + right + "\x00", "lb\t=" + right,
	} {
		f.Add(seed, "")
		f.Add("a=b", seed)
	}
	p := newPool(f, 3, cookieBy(f, config.Sticky{Secret: "x"}))
	values := map[string]string{right: "b1", signed("x", "b0"): "b0", signed("x", "b2"): "b2"}
	f.Fuzz(func(t *testing.T, one, two string) {
		c := new(client)
		r := c.request()
		r.Header["Cookie"] = []string{one, two}
		var q pool.Request
		q.Reset(nil, r)
		m, err := p.Acquire(&q)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Release()
		h := make(http.Header)
		q.Settle(m, h, true, false)
		kept := false
		for value, id := range values {
			kept = kept || id == m.ID() && (strings.Contains(one, "lb="+value) || strings.Contains(two, "lb="+value) ||
				strings.Contains(one, `lb="`+value) || strings.Contains(two, `lb="`+value))
		}
		switch {
		case len(h) == 0 && !kept:
			t.Fatalf("%q, %q: kept with %s", one, two, m.ID())
		case len(h) > 0 && m.ID() != "b0":
			t.Fatalf("%q, %q: a new client was sent to %s", one, two, m.ID())
		}
	})
}
