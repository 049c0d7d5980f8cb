package sticky

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

// newPool returns a pool of n backends, b0, b1, …, that keeps clients.
func newPool(t testing.TB, n int, keeper pool.Sticky) *pool.Pool {
	t.Helper()
	p := pooltest.New(t)
	seed(t, p, specsOf(t, n), keeper)
	return p
}

func seed(t testing.TB, p *pool.Pool, specs []pool.Spec, keeper pool.Sticky) {
	t.Helper()
	p.Seed(&pool.Definition{Backends: specs, Policy: first{}, Sticky: keeper})
}

func specsOf(t testing.TB, n int) []pool.Spec {
	t.Helper()
	specs := make([]pool.Spec, n)
	for i := range specs {
		specs[i] = pooltest.Spec(t, i, 1)
	}
	return specs
}

// first is the policy that picks the first backend.
type first struct{ members []*pool.Member }

func (first) NewPicker(members []*pool.Member, _ pool.Picker) pool.Picker { return &first{members} }

func (f *first) Pick(q *pool.Request) *pool.Member {
	for _, m := range f.members {
		if q.Take(m) {
			return m
		}
	}
	return nil
}

// client is one that keeps its cookies, and has an IP address.
type client struct {
	ip  string
	jar string // the Cookie field
}

func (c *client) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	if c.ip != "" {
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: c.ip}))
	}
	if c.jar != "" {
		r.Header.Set("Cookie", c.jar)
	}
	return r
}

// get has the client make a request, and returns the id of the backend that it
// was sent to and the header of the response.
func (c *client) get(t testing.TB, p *pool.Pool) (backend string, header http.Header) {
	t.Helper()
	var q pool.Request
	q.Reset(nil, c.request())
	m, err := p.Acquire(&q)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Release()
	header = make(http.Header)
	q.Settle(m, header, true, false)
	for _, set := range (&http.Response{Header: header}).Cookies() {
		c.jar = set.Name + "=" + set.Value
	}
	return m.ID(), header
}

func cookieBy(t testing.TB, cfg config.Sticky) *Cookie {
	t.Helper()
	cfg.By = config.StickyCookie
	secret, err := ConfiguredSecret(cfg.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return NewCookie(&cfg, "", secret)
}
