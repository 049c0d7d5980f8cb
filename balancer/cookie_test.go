package balancer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

func TestCookieAdaptation(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `cookie`, json: `{"policy": "cookie"}`},
		{input: `cookie session`, json: `{"policy": "cookie", "name": "session"}`},
		{input: `cookie session s3cret`, json: `{"policy": "cookie", "name": "session", "secret": "s3cret"}`},
		{
			input: "cookie lb s {\n max_age 1h\n fallback random_choose 3\n}",
			json:  `{"policy": "cookie", "name": "lb", "secret": "s", "max_age": 3600000000000, "fallback": {"policy": "random_choose", "choose": 3}}`,
		},
		{
			input: "cookie {\n fallback header X-A {\n fallback first\n }\n}",
			json:  `{"policy": "cookie", "fallback": {"policy": "header", "field": "X-A", "fallback": {"policy": "first"}}}`,
		},
		{input: `cookie a b c`, err: "wrong argument count"},
		{input: "cookie {\n max_age\n}", err: "wrong argument count"},
		{input: "cookie {\n max_age 1h 2h\n}", err: "wrong argument count"},
		{input: "cookie {\n max_age soon\n}", err: `max_age "soon"`},
		{input: "cookie {\n max_age 0s\n}", err: `max_age "0s": must be at least 1s`},
		{input: "cookie {\n max_age -1s\n}", err: `max_age "-1s": must be at least 1s`},
		{input: "cookie {\n max_age 1s\n max_age 1s\n}", err: "max_age is specified twice"},
		{input: "cookie {\n fallback first\n fallback first\n}", err: "fallback is specified twice"},
		{input: "cookie {\n fallback\n}", err: "wrong argument count"},
		{input: "cookie {\n fallback nonesuch\n}", err: "nonesuch"},
		{input: "cookie {\n path /\n}", err: `unrecognized option "path"`},
	})
}

func TestCookieValidation(t *testing.T) {
	for config, want := range map[string]string{
		`{"policy": "cookie", "name": "a b"}`:   `cookie name "a b"`,
		`{"policy": "cookie", "max_age": -5}`:   "must be at least 1s",
		`{"policy": "cookie", "max_age": 1000}`: "must be at least 1s",
	} {
		if _, err := tryPolicy(t, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", config, err, want)
		}
	}
}

// carryCookie makes the client of q send the cookies that were set, in a new
// request.
func carryCookie(q *pool.Request) {
	r := httptest.NewRequest(http.MethodGet, q.HTTP.RequestURI, http.NoBody)
	r.Header = q.HTTP.Header.Clone()
	for _, c := range set(q) {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	q.Reset(httptest.NewRecorder(), r)
}

// set returns the cookies that were set.
func set(q *pool.Request) []*http.Cookie {
	return (&http.Response{Header: q.Writer.Header()}).Cookies()
}

func signed(secret, address string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(address))
	return hex.EncodeToString(h.Sum(nil))
}

func TestCookieKeepsClientWithBackend(t *testing.T) {
	members := pooltest.Members(t, equalWeights(10)...)
	p := newPolicy(t, `{"policy": "cookie", "name": "s", "secret": "x", "max_age": 90000000000}`).NewPicker(members, nil)
	q := seeded(5)
	first := p.Pick(q)
	cookies := set(q)
	if len(cookies) != 1 {
		t.Fatalf("%d cookies were set", len(cookies))
	}
	want := "s=" + signed("x", first.AddressText()) + "; Path=/; Max-Age=90; HttpOnly; SameSite=Lax"
	if got := q.Writer.Header().Get("Set-Cookie"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	carryCookie(q)
	for range 20 {
		if m := p.Pick(q); m != first {
			t.Fatalf("picked %d, then %d", first.Index, index(m))
		}
	}
	if got := set(q); len(got) != 0 {
		t.Errorf("a valid cookie was set again: %v", got)
	}
}

// What a client without a cookie costs is the list of header values.
func TestCookieOfNewClientAllocatesOnce(t *testing.T) {
	for _, n := range sizes {
		p := newPolicy(t, `{"policy": "cookie", "fallback": {"policy": "first"}}`).NewPicker(pooltest.Members(t, equalWeights(n)...), nil)
		q := seeded(1)
		release(p, p.Pick(q)) // makes the member's line
		header := q.Writer.Header()
		if allocs := testing.AllocsPerRun(100, func() {
			clear(header)
			release(p, p.Pick(q))
		}); allocs > 1 {
			t.Errorf("%d members: %v allocations", n, allocs)
		}
	}
}

func TestCookieThatCountsAsNone(t *testing.T) {
	members := pooltest.Members(t, 1, 1, 1)
	p := newPolicy(t, `{"policy": "cookie", "secret": "x", "fallback": {"policy": "first"}}`).NewPicker(members, nil)
	second := members[1].AddressText()
	tests := map[string]struct {
		header string
		want   int
	}{
		"right":           {"lb=" + signed("x", second), 1},
		"quoted":          {`lb="` + signed("x", second) + `"`, 1},
		"among others":    {"a=b; lb=" + signed("x", second) + "; c=d", 1},
		"behind unknown":  {"lb=old; lb=" + signed("x", second), 1},
		"empty":           {"lb=", 0},
		"no value":        {"lb", 0},
		"other secret":    {"lb=" + signed("y", second), 0},
		"other backend":   {"lb=" + signed("x", "10.9.9.9:80"), 0},
		"other name":      {"LB=" + signed("x", second), 0},
		"too short":       {"lb=" + signed("x", second)[:62], 0},
		"too long":        {"lb=" + signed("x", second) + "00", 0},
		"upper case":      {"lb=" + strings.ToUpper(signed("x", second)), 0},
		"right beginning": {"lb=" + signed("x", second)[:32] + strings.Repeat("0", 32), 0},
		"not hexadecimal": {"lb=" + strings.Repeat("zé", 22)[:64], 0},
		"huge":            {"lb=" + strings.Repeat("a", 1<<16), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q := seeded(1)
			q.HTTP.Header.Set("Cookie", test.header)
			if got := index(p.Pick(q)); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
			if got := len(set(q)); got != 1-test.want {
				t.Errorf("%d cookies were set", got)
			}
		})
	}
}

func TestCookieOfRetriedRequest(t *testing.T) {
	members := pooltest.Members(t, 1, 1, 1)
	p := newPolicy(t, `{"policy": "cookie"}`).NewPicker(members, nil)
	q := seeded(1)
	q.Writer.Header().Add("Set-Cookie", "lbx=other")
	for range members {
		m := p.Pick(q)
		cookies := set(q)
		if len(cookies) != 2 || cookies[0].Name != "lbx" || cookies[1].Value != signed("", m.AddressText()) {
			t.Fatalf("picked %s, cookies %v", m.AddressText(), cookies)
		}
		q.MarkTried(m.Backend)
	}
	if m := p.Pick(q); m != nil || len(set(q)) != 1 {
		t.Errorf("got %d, cookies %v", index(m), set(q))
	}
}

// TestCookieOfFirstChoiceAgain: a client with a valid cookie whose backend was
// given up for another, and then serves after all, keeps its cookie.
func TestCookieOfFirstChoiceAgain(t *testing.T) {
	specs := []pool.Spec{pooltest.Spec(t, 0, 1), pooltest.Spec(t, 1, 1)}
	p := seededPool(t, newPolicy(t, `{"policy": "cookie"}`), specs...)
	q := seeded(1)
	acquire := func() *pool.Member {
		m, err := p.Acquire(q)
		if err != nil {
			t.Fatal(err)
		}
		q.MarkTried(m.Backend)
		return m
	}
	first := acquire()
	carryCookie(q)
	if m := acquire(); m != first || len(set(q)) != 0 {
		t.Errorf("%s: cookies %v", m.ID(), set(q))
	}
	if m := acquire(); m == first || len(set(q)) != 1 {
		t.Errorf("%s: cookies %v", m.ID(), set(q))
	}
	if m := acquire(); m != first || len(set(q)) != 0 {
		t.Errorf("%s: cookies %v", m.ID(), set(q))
	}
}

func TestCookieOverTLS(t *testing.T) {
	tests := map[string]struct {
		tls, trusted bool
		proto        []string
		secure       bool
	}{
		"plain":              {},
		"tls":                {tls: true, secure: true},
		"trusted proxy":      {trusted: true, proto: []string{"https"}, secure: true},
		"last value counts":  {trusted: true, proto: []string{"https", "http"}},
		"untrusted proxy":    {proto: []string{"https"}},
		"trusted, plain":     {trusted: true, proto: []string{"http"}},
		"trusted, says none": {trusted: true},
	}
	members := pooltest.Members(t, 1)
	p := newPolicy(t, `{"policy": "cookie"}`).NewPicker(members, nil)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q := seeded(1)
			q.HTTP = withVars(q.HTTP, map[string]any{caddyhttp.TrustedProxyVarKey: test.trusted})
			if test.tls {
				q.HTTP.TLS = new(tls.ConnectionState)
			}
			if test.proto != nil {
				q.HTTP.Header["X-Forwarded-Proto"] = test.proto
			}
			p.Pick(q)
			c := set(q)[0]
			want := http.SameSiteLaxMode
			if test.secure {
				want = http.SameSiteNoneMode
			}
			if c.Secure != test.secure || c.SameSite != want || !c.HttpOnly || c.MaxAge != 0 {
				t.Errorf("got %v", c)
			}
		})
	}
}

func TestCookieNamesAddressNotID(t *testing.T) {
	for address, want := range map[string]string{
		"example.com":          "example.com:80",
		"https://example.com":  "example.com:443",
		"[2001:db8::1]:8080":   "[2001:db8::1]:8080",
		"unix//run/app.sock":   "unix//run/app.sock",
		"h2c://10.0.0.1:9000":  "10.0.0.1:9000",
		"http://10.0.0.1:9000": "10.0.0.1:9000",
	} {
		spec, err := pool.NewSpec(config.Backend{ID: "a", Address: address}, pool.FromConfig)
		if err != nil {
			t.Fatal(err)
		}
		p := newPolicy(t, `{"policy": "cookie", "secret": "x"}`).NewPicker(pooltest.MembersOf(t, spec), nil)
		q := seeded(1)
		p.Pick(q)
		if got := set(q)[0].Value; got != signed("x", want) {
			t.Errorf("%s: not the cookie of %s", address, want)
		}
	}
}

// TestCookieOverRebuild takes members away and brings them back: cookies that
// are taken over must stay with their members.
func TestCookieOverRebuild(t *testing.T) {
	policy := newPolicy(t, `{"policy": "cookie"}`)
	specs := specsOf(t, equalWeights(300))
	p := seededPool(t, policy, specs...)
	use := func(policy pool.Policy, specs []pool.Spec) (*cookieChooser, []*pool.Member) {
		p.Seed(&pool.Definition{Backends: specs, Policy: policy})
		return p.Snapshot().Tiers[0].Picker.(*either).chooser.(*cookieChooser), p.Snapshot().Members
	}
	for _, change := range [][]pool.Spec{specs[1:], specs, specs[200:], specs[:40], specs} {
		chooser, members := use(policy, change)
		for i, m := range members {
			value := signed("", m.AddressText())
			if got := chooser.lookup(value); got != m {
				t.Fatalf("the cookie of member %d of %d leads to %v", i, len(change), got)
			}
			if got := chooser.line(m, false); !strings.HasPrefix(got, "lb="+value+";") {
				t.Fatalf("member %d of %d has the cookie %s", i, len(change), got)
			}
		}
		for _, spec := range specs {
			if m := chooser.lookup(signed("", spec.Address.String())); m != nil && m != p.Snapshot().Find(spec.ID) {
				t.Fatalf("the cookie of %s leads to a member that is not there", spec.ID)
			}
		}
	}
	for _, config := range []string{
		`{"policy": "cookie", "secret": "new"}`, `{"policy": "cookie", "secret": "new", "max_age": 1000000000}`,
		`{"policy": "cookie", "name": "other", "secret": "new"}`,
	} {
		policy := newPolicy(t, config).(*Cookie)
		chooser, members := use(policy, specs)
		want := policy.line(signed("new", members[7].AddressText()), true)
		if got := chooser.line(members[7], true); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", config, got, want)
		}
	}
}

// TestCookieOfOneAddressTwice: two backends that differ in their scheme only
// have one cookie, which leads to the first that is there.
func TestCookieOfOneAddressTwice(t *testing.T) {
	policy := newPolicy(t, `{"policy": "cookie"}`)
	specs := specsOf(t, equalWeights(3))
	specs[2].Address = specs[1].Address
	specs[2].Address.Scheme = "https"
	p := seededPool(t, policy, specs...)
	for _, present := range [][]pool.Spec{specs, {specs[0], specs[2]}} {
		p.Seed(&pool.Definition{Backends: present, Policy: policy})
		members := p.Snapshot().Members
		chooser := p.Snapshot().Tiers[0].Picker.(*either).chooser.(*cookieChooser)
		if got := chooser.lookup(signed("", members[1].Address().HostPort())); got != members[1] {
			t.Errorf("with %d members it leads to %v", len(present), got)
		}
	}
}

func BenchmarkCookie(b *testing.B) { benchmarkPolicy(b, `{"policy": "cookie"}`) }

func BenchmarkCookieSent(b *testing.B) {
	for _, n := range sizes {
		members := pooltest.Members(b, equalWeights(n)...)
		p := newPolicy(b, `{"policy": "cookie"}`).NewPicker(members, nil)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			q := seeded(1)
			p.Pick(q)
			carryCookie(q)
			b.ReportAllocs()
			for b.Loop() {
				release(p, p.Pick(q))
			}
		})
	}
}
