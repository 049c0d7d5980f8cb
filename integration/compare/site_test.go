package compare

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// patience bounds every wait.
const patience = 30 * time.Second

// site is a Caddy with one of the directives.
type site struct {
	t     *testing.T
	front string // host:port for clients
	admin string
	block string // the directive whole
	caddy *process.Process
}

// serve starts a Caddy with the directive, the backends, and subdirectives that
// both know.
func serve(t *testing.T, d directive, block string, backends ...string) *site {
	t.Helper()
	s := &site{t: t, front: process.Addr(t), admin: process.Addr(t)}
	s.block = fmt.Sprintf("%s %s {\n%s\n}", d, strings.Join(backends, " "), block)
	s.caddy = process.Run(t, process.Options{Binary: suite.Caddy(t, false), Home: t.TempDir(), Config: s.config("1")})
	return s
}

// config returns the Caddyfile. The mark makes it another one.
func (s *site) config(mark string) string {
	return fmt.Sprintf("{\nadmin %s\nlog {\nlevel ERROR\n}\ngrace_period 1s\n}\nhttp://%s {\nheader X-Mark %s\n%s\n}\n", s.admin, s.front, mark, s.block)
}

// reload loads the config with a change elsewhere.
func (s *site) reload(mark string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.admin+"/load", bytes.NewBufferString(s.config(mark)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("reload: status %d", res.StatusCode)
	}
}

// want fails the test if a promise of load_balance is not kept. The other one
// has promised nothing here.
func want(t *testing.T, d directive, kept bool, format string, args ...any) {
	t.Helper()
	if d == ours && !kept {
		t.Errorf(format, args...)
	}
}
