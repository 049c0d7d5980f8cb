package fault

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// stage is a Caddy between clients and backends.
type stage struct {
	*process.Process
	t        *testing.T
	front    string // host:port for clients
	admin    string // host:port of the admin endpoint
	layout   layout
	backends []*backend
}

// layout says what a stage is like.
type layout struct {
	backends  int
	only      []string // addresses in place of those of the backends
	pool      string   // subdirectives
	transport string   // options of the transport
	global    string   // options
	site      string   // in place of the load balancer
	health    string   // in place of the health checks below
	race      bool     // with the race detector
	maxFiles  int
	access    string // file of the access log
}

// quickHealth are health checks that leave no doubt for long.
const quickHealth = "health_uri /health\nhealth_interval 200ms\nhealth_timeout 5s"

func newStage(t *testing.T, l layout) *stage {
	t.Helper()
	s := &stage{t: t, front: process.Addr(t), admin: process.Addr(t), layout: l}
	for range l.backends {
		s.backends = append(s.backends, startBackend(t, answer))
	}
	s.Process = process.Run(t, process.Options{
		Binary: suite.Caddy(t, process.Race || l.race), Home: t.TempDir(), Config: s.config(), MaxFiles: l.maxFiles,
	})
	return s
}

// config returns the Caddyfile. Idle connections to backends do not last, so
// that none has to be left when the clients are gone.
func (s *stage) config() string {
	l := s.layout
	addresses := l.only
	for _, b := range s.backends {
		if l.only == nil {
			addresses = append(addresses, b.addr)
		}
	}
	if l.health == "" {
		l.health = quickHealth
	}
	if l.site == "" {
		l.site = fmt.Sprintf("load_balance %s {\npool web\n%s\n%s\ntransport http {\nkeepalive 200ms\n%s\n}\n}\n",
			strings.Join(addresses, " "), l.health, l.pool, l.transport)
	}
	if l.access != "" {
		l.site = fmt.Sprintf("log {\noutput file %s {\nroll_disabled\n}\n}\n", l.access) + l.site
	}
	return fmt.Sprintf("{\nadmin %s\nlog {\nexclude admin.api\n}\ngrace_period 5s\n%s\n}\nhttp://%s {\n%s\n}\n", s.admin, l.global, s.front, l.site)
}

// run starts a scenario: what follows is judged until its check.
func (s *stage) run(name string) *scenario {
	s.t.Helper()
	warm := startLoad(s.t, s.front, newTally(), 4, times(16, newAsk))
	warm.running.Wait()
	if differ := warm.compare(nil); differ != "" {
		s.t.Fatalf("%s: before the fault: %s", name, differ)
	}
	return s.runCold(name)
}

// runCold is run for stages that do not serve yet.
func (s *stage) runCold(name string) *scenario {
	s.t.Helper()
	for _, b := range s.backends {
		b.forget()
	}
	return &scenario{stage: s, name: name, tally: newTally(), before: s.settled()}
}

// scenario is a fault, and the load that meets it.
type scenario struct {
	*stage
	name   string
	tally  *tally
	before footprint
}

// load starts clients that send what next returns.
func (c *scenario) load(clients int, next func() (ask, bool)) *load {
	c.t.Helper()
	return startLoad(c.t, c.front, c.tally, clients, next)
}

// send has clients send n requests, and returns when they are answered.
func (c *scenario) send(clients, n int, kind func() ask) {
	c.t.Helper()
	c.load(clients, times(n, kind)).running.Wait()
}

// check ends the scenario. The clients must have got what is wanted, by the ids
// of the requests, and good responses to all others; and nothing must be left.
func (c *scenario) check(want map[uint64]class) {
	c.t.Helper()
	differ := c.tally.compare(want)
	if differ != "" {
		c.t.Errorf("%s: not what the fault explains: %s", c.name, differ)
	}
	after, left := c.nothingLeft()
	report.add(row{
		name: c.name, requests: c.tally.requests, expected: len(want), seen: len(c.tally.bad), exact: differ == "",
		p50: c.tally.quantile(0.5), p99: c.tally.quantile(0.99), left: left, peak: after.peak,
	})
}

// checkCount is check for faults that happen before a backend knows which
// request it is: there must be n errors, all of the class.
func (c *scenario) checkCount(want class, n int) {
	c.t.Helper()
	bad := map[uint64]class{}
	for id := range c.tally.bad {
		if bad[id] = want; len(bad) == n {
			break
		}
	}
	if len(bad) < n {
		c.t.Errorf("%s: %d errors, want %d", c.name, len(bad), n)
	}
	c.check(bad)
}

// expected returns what the scripts of the backends say that clients got.
func (c *scenario) expected() map[uint64]class {
	want := map[uint64]class{}
	for _, b := range c.backends {
		maps.Copy(want, b.faulted())
	}
	return want
}
