package metrics

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// pools is a source.
type pools []*Pool

func (s pools) PoolMetrics() iter.Seq[*Pool] { return slices.Values(s) }

func newBackend(id string, times bool) *Backend {
	b := &Backend{
		ID: id, State: "up", AdminState: "ready", Up: true, Accepting: true, Weight: 1, EffectiveWeight: 1,
		Classes: new(Classes), Probes: new(Probes),
	}
	if times {
		b.Times = new(Times)
	}
	return b
}

func newPool(name string, backends ...*Backend) *Pool {
	return &Pool{
		Name: name, Backends: len(backends), Accepting: len(backends), Refusals: new(Refusals),
		Queue: Queue{Wait: new(Histogram)}, Each: slices.Values(backends),
		Storage: &Storage{Up: true, LastSync: time.UnixMilli(1500), Instances: 3, Current: 2},
	}
}

// registryOf returns a registry as Caddy's are, with what a source has.
func registryOf(t testing.TB, src Source) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := Register(r, src); err != nil {
		t.Fatal(err)
	}
	return r
}

func compare(t *testing.T, r *prometheus.Registry, name, want string) {
	t.Helper()
	if err := testutil.GatherAndCompare(r, strings.NewReader(want), namespace+"_"+name); err != nil {
		t.Error(err)
	}
}

func TestSeries(t *testing.T) {
	a, b := newBackend("a:1", true), newBackend("b:1", true)
	a.Classes.Count(Success)
	a.Classes.Count(Success)
	a.Classes.Count(Failed)
	a.Times.Head.Observe(2 * time.Millisecond)
	b.State, b.Accepting, b.Up, b.MaxRequests = "down", false, false, 5
	b.Probes.Count(NotPassed)
	p := newPool("web", a, b)
	p.Queue.Served, p.Queue.Refused, p.Queue.Length = 3, 4, 5
	p.Refusals.Count(QueueFull)
	r := registryOf(t, pools{p, newPool("api")})
	compare(t, r, "requests_total", `
# HELP caddy_load_balance_requests_total Attempts that ended, by the class of the response's status, or error, client_fault or local_fault if there was none.
# TYPE caddy_load_balance_requests_total counter
caddy_load_balance_requests_total{backend="a:1",code="1xx",pool="web"} 0
caddy_load_balance_requests_total{backend="a:1",code="2xx",pool="web"} 2
caddy_load_balance_requests_total{backend="a:1",code="3xx",pool="web"} 0
caddy_load_balance_requests_total{backend="a:1",code="4xx",pool="web"} 0
caddy_load_balance_requests_total{backend="a:1",code="5xx",pool="web"} 0
caddy_load_balance_requests_total{backend="a:1",code="client_fault",pool="web"} 0
caddy_load_balance_requests_total{backend="a:1",code="error",pool="web"} 1
caddy_load_balance_requests_total{backend="a:1",code="local_fault",pool="web"} 0
caddy_load_balance_requests_total{backend="b:1",code="1xx",pool="web"} 0
caddy_load_balance_requests_total{backend="b:1",code="2xx",pool="web"} 0
caddy_load_balance_requests_total{backend="b:1",code="3xx",pool="web"} 0
caddy_load_balance_requests_total{backend="b:1",code="4xx",pool="web"} 0
caddy_load_balance_requests_total{backend="b:1",code="5xx",pool="web"} 0
caddy_load_balance_requests_total{backend="b:1",code="client_fault",pool="web"} 0
caddy_load_balance_requests_total{backend="b:1",code="error",pool="web"} 0
caddy_load_balance_requests_total{backend="b:1",code="local_fault",pool="web"} 0
`)
	compare(t, r, "backend_state", `
# HELP caddy_load_balance_backend_state 1 for the state that the backend is in: up, probing, down, ejected, draining, maintenance or waiting.
# TYPE caddy_load_balance_backend_state gauge
caddy_load_balance_backend_state{backend="a:1",pool="web",state="up"} 1
caddy_load_balance_backend_state{backend="b:1",pool="web",state="down"} 1
`)
	compare(t, r, "backend_max_requests", `
# HELP caddy_load_balance_backend_max_requests How many requests the backend may have now. There is no series without a limit.
# TYPE caddy_load_balance_backend_max_requests gauge
caddy_load_balance_backend_max_requests{backend="b:1",pool="web"} 5
`)
	compare(t, r, "queue_requests_total", `
# HELP caddy_load_balance_queue_requests_total Requests that have waited, by what became of them: served, timed_out or left; or refused, as the queue was full.
# TYPE caddy_load_balance_queue_requests_total counter
caddy_load_balance_queue_requests_total{pool="api",result="left"} 0
caddy_load_balance_queue_requests_total{pool="api",result="refused"} 0
caddy_load_balance_queue_requests_total{pool="api",result="served"} 0
caddy_load_balance_queue_requests_total{pool="api",result="timed_out"} 0
caddy_load_balance_queue_requests_total{pool="web",result="left"} 0
caddy_load_balance_queue_requests_total{pool="web",result="refused"} 4
caddy_load_balance_queue_requests_total{pool="web",result="served"} 3
caddy_load_balance_queue_requests_total{pool="web",result="timed_out"} 0
`)
}

func TestStorage(t *testing.T) {
	p, none, fails := newPool("web"), newPool("none"), newPool("fails")
	none.Storage, fails.Storage = nil, &Storage{Instances: 1, Current: 1}
	r := registryOf(t, pools{p, none, fails})
	compare(t, r, "pool_storage_up", `
# HELP caddy_load_balance_pool_storage_up Whether the storage of the pool's runtime changes works. There is no series if nothing is stored.
# TYPE caddy_load_balance_pool_storage_up gauge
caddy_load_balance_pool_storage_up{pool="fails"} 0
caddy_load_balance_pool_storage_up{pool="web"} 1
`)
	compare(t, r, "pool_storage_last_sync_timestamp_seconds", `
# HELP caddy_load_balance_pool_storage_last_sync_timestamp_seconds When the storage was last read, which it is again and again.
# TYPE caddy_load_balance_pool_storage_last_sync_timestamp_seconds gauge
caddy_load_balance_pool_storage_last_sync_timestamp_seconds{pool="web"} 1.5
`)
	compare(t, r, "pool_instances_current", `
# HELP caddy_load_balance_pool_instances_current Those which have put in force what this one has.
# TYPE caddy_load_balance_pool_instances_current gauge
caddy_load_balance_pool_instances_current{pool="fails"} 1
caddy_load_balance_pool_instances_current{pool="web"} 2
`)
}

// Prometheus's own linter has nothing to say against names, units and help.
func TestLint(t *testing.T) {
	shared := newPool("large", newBackend("a:1", false))
	shared.Times = new(SharedTimes)
	b := newBackend("b:1", true)
	b.MaxRequests = 1
	problems, err := testutil.GatherAndLint(registryOf(t, pools{newPool("web", b), shared}))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Every family is there as soon as there is a pool, so that a test which looks
// at a scrape sees all of them.
func TestAllFamilies(t *testing.T) {
	b := newBackend("b:1", true)
	b.MaxRequests = 1
	found, err := registryOf(t, pools{newPool("web", b)}).Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(families) {
		t.Errorf("%d families of %d", len(found), len(families))
	}
	for _, f := range families {
		if !slices.IsSorted(f.labels) {
			t.Errorf("%s: labels %v are not sorted", f.name, f.labels)
		}
	}
	for _, f := range found {
		i := slices.IndexFunc(families, func(known *family) bool { return known.name == f.GetName() })
		if i < 0 || families[i].kind != f.GetType() {
			t.Errorf("%s is a %s", f.GetName(), f.GetType())
			continue
		}
		for _, m := range f.GetMetric() {
			var names []string
			for _, l := range m.GetLabel() {
				names = append(names, l.GetName())
			}
			if !slices.Equal(names, families[i].labels) {
				t.Errorf("%s has the labels %v", f.GetName(), names)
			}
		}
	}
}

// A registry takes it once, and so do many.
func TestRegisterAgain(t *testing.T) {
	src := pools{newPool("web", newBackend("a:1", true))}
	for range 3 {
		r := registryOf(t, src)
		for range 3 {
			if err := Register(r, src); err != nil {
				t.Error(err)
			}
		}
		if n, err := testutil.GatherAndCount(r, namespace+"_pool_backends"); err != nil || n != 1 {
			t.Errorf("%d series, %v", n, err)
		}
	}
	other := prometheus.NewPedanticRegistry()
	other.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: namespace + "_tunnels", Help: "Another."}))
	if err := Register(other, src); err == nil {
		t.Error("registered beside another metric of the same name")
	}
}

// Large pools have one histogram for all backends, and no series of what was
// never seen.
func TestLargePool(t *testing.T) {
	list := make([]*Backend, MaxDetailed+1)
	for i := range list {
		list[i] = newBackend(fmt.Sprintf("b%d", i), false)
	}
	list[7].Classes.Count(ServerError)
	p := newPool("large", list...)
	p.Times = new(SharedTimes)
	for i := range 100 {
		p.Times.Of(i).Head.Observe(time.Second)
	}
	r := registryOf(t, pools{p})
	compare(t, r, "requests_total", `
# HELP caddy_load_balance_requests_total Attempts that ended, by the class of the response's status, or error, client_fault or local_fault if there was none.
# TYPE caddy_load_balance_requests_total counter
caddy_load_balance_requests_total{backend="b7",code="5xx",pool="large"} 1
`)
	compare(t, r, "time_to_first_byte_seconds", `
# HELP caddy_load_balance_time_to_first_byte_seconds Time from the beginning of an attempt to the head of the response, without waiting for the client's body.
# TYPE caddy_load_balance_time_to_first_byte_seconds histogram
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="0.001"} 0
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="0.003"} 0
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="0.01"} 0
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="0.03"} 0
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="0.1"} 0
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="0.3"} 0
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="1"} 100
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="3"} 100
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="10"} 100
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="30"} 100
caddy_load_balance_time_to_first_byte_seconds_bucket{backend="",pool="large",le="+Inf"} 100
caddy_load_balance_time_to_first_byte_seconds_sum{backend="",pool="large"} 100
caddy_load_balance_time_to_first_byte_seconds_count{backend="",pool="large"} 100
`)
}

// Ten thousand backends are no more than a scrape can take.
func TestSeriesAreBounded(t *testing.T) {
	const n = 10_000
	list := make([]*Backend, n)
	for i := range list {
		list[i] = newBackend(fmt.Sprintf("b%d", i), false)
		list[i].Classes.Count(Success)
		list[i].Probes.Count(Passed)
	}
	p := newPool("large", list...)
	p.Times = new(SharedTimes)
	found, err := registryOf(t, pools{p}).Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := 0
	for _, f := range found {
		for _, m := range f.GetMetric() {
			series++
			if h := m.GetHistogram(); h != nil {
				series += len(h.GetBucket()) + 2
			}
		}
	}
	if most := 14*n + 100; series > most {
		t.Errorf("%d series, want no more than %d", series, most)
	}
}
