package integration

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const metricPrefix = "caddy_load_balance_"

// scraped is what a scrape has found, by name.
type scraped map[string]*dto.MetricFamily

// parseMetrics returns what Prometheus makes of the text.
func parseMetrics(t *testing.T, text string) scraped {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// metrics scrapes the admin endpoint.
func (p *proc) metrics(t *testing.T) scraped {
	t.Helper()
	return parseMetrics(t, p.api(t, http.MethodGet, "/metrics", "", http.StatusOK))
}

// all returns the values of a metric's series, as "label=value label=value": of
// histograms, the number of observations. Series whose labels do not have all of
// those in with are left out, and so are values that are 0.
func (s scraped) all(name string, with ...string) map[string]float64 {
	list := make(map[string]float64)
	for _, m := range s[metricPrefix+name].GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
		matches := true
		for _, l := range with {
			i := slices.Index(labels, l)
			if matches = matches && i >= 0; matches {
				labels = slices.Delete(labels, i, i+1)
			}
		}
		v := m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		if matches && v != 0 {
			list[strings.Join(labels, " ")] = v
		}
	}
	return list
}

// want compares the series that all returns with those that are listed, as
// "labels: value, labels: value".
func (s scraped) want(t *testing.T, name, want string, with ...string) {
	t.Helper()
	if got := s.list(name, with...); got != want {
		t.Errorf("%s %v: got %s, want %s", name, with, got, want)
	}
}

func (s scraped) list(name string, with ...string) string {
	var list []string
	for labels, v := range s.all(name, with...) {
		list = append(list, strings.TrimSpace(labels+" "+strconv.FormatFloat(v, 'g', -1, 64)))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// oddID has all kinds of characters that ids can have.
const oddID = "Odd~id_1.x:y@z-"

// startMetered starts a Caddy with two pools: `web` at /web/, whose backend has
// an odd id and answers with the status that the path ends with, and `api` at
// /api/, with a backend that refuses connections.
func startMetered(t *testing.T) (p *proc, url, config string) {
	t.Helper()
	front, port, gone := freeAddr(t), freePort(t), freeAddr(t)
	startBackend(t, port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/web/"))
		if err != nil {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
	}))
	config = fmt.Sprintf(`
http://%s {
	load_balance /web/* {
		pool web
		backend 127.0.0.1:%d {
			id %s
			weight 3
			max_requests 10
		}
		health_interval off
	}
	load_balance /api/* {
		pool api
		backend %s {
			id gone
		}
		health_interval off
		lb_retries 2
		lb_try_interval 1ms
	}
}
`, front, port, oddID, gone)
	return startCaddy(t, config, "caddyfile"), "http://" + front, config
}

// ask makes requests that are to be answered with these statuses.
func ask(t *testing.T, url string, statuses ...int) {
	t.Helper()
	client := newClient(t, nil)
	for _, status := range statuses {
		if a := get(t, client, fmt.Sprintf("%s/web/%d", url, status)); a.StatusCode != status {
			t.Errorf("status %d, want %d", a.StatusCode, status)
		}
	}
}

// TestMetrics compares what Prometheus is told with what has happened.
func TestMetrics(t *testing.T) {
	p, url, _ := startMetered(t)
	ask(t, url, 200, 204, 206, 302, 404, 410, 500)
	client := newClient(t, nil)
	for range 2 {
		if a := get(t, client, url+"/api/x"); a.StatusCode != http.StatusBadGateway {
			t.Errorf("status %d", a.StatusCode)
		}
	}
	p.api(t, http.MethodPatch, "/load_balance/pools/api/backends/gone?force=true", `{"admin_state": "drain"}`, http.StatusOK)
	if a := get(t, client, url+"/api/x"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", a.StatusCode)
	}

	odd, gone := []string{"pool=web", "backend=" + oddID}, []string{"pool=api", "backend=gone"}
	var m scraped
	eventually(t, func() error { // the last response has come, but may still be in flight for the server
		if m = p.metrics(t); m.list("request_duration_seconds", odd...) != "7" {
			return fmt.Errorf("the requests have not ended: %s", m.list("request_duration_seconds"))
		}
		return nil
	})
	m.want(t, "requests_total", "code=2xx 3, code=3xx 1, code=4xx 2, code=5xx 1", odd...)
	m.want(t, "requests_total", "code=error 6", gone...)
	m.want(t, "time_to_first_byte_seconds", "7", odd...)
	m.want(t, "time_to_first_byte_seconds", "", gone...)
	m.want(t, "failures_total", "6", gone...)
	m.want(t, "failures_total", "", odd...)
	m.want(t, "requests_in_flight", "")
	m.want(t, "retries_total", "pool=api 4")
	m.want(t, "selection_failures_total", "pool=api reason=none_accepting 1")
	m.want(t, "backend_state", "state=up 1", odd...)
	m.want(t, "backend_state", "state=draining 1", gone...)
	m.want(t, "backend_admin_state", "state=drain 1", gone...)
	m.want(t, "state_changes_total", "1", gone...)
	m.want(t, "backend_weight", "3", odd...)
	m.want(t, "backend_effective_weight", "3", odd...)
	m.want(t, "backend_max_requests", "backend="+oddID+" pool=web 10")
	m.want(t, "pool_backends", "pool=api 1, pool=web 1")
	m.want(t, "pool_backends_accepting", "pool=web 1")
	m.want(t, "pool_revision", "pool=api 2, pool=web 1")
	m.want(t, "pool_storage_up", "pool=api 1, pool=web 1")
	m.want(t, "pool_instances", "pool=api 1, pool=web 1")
	m.want(t, "pool_instances_current", "pool=api 1, pool=web 1")
}

// TestMetricsOfRemoved adds a backend and removes it: its series come and go.
func TestMetricsOfRemoved(t *testing.T) {
	p, url, _ := startMetered(t)
	const backends = "/load_balance/pools/web/backends"
	p.api(t, http.MethodPost, backends, fmt.Sprintf(`{"id": "new", "address": %q}`, freeAddr(t)), http.StatusCreated)
	ask(t, url, 200)
	of := func(backend string) (n int) {
		for _, family := range p.metrics(t) {
			for _, m := range family.GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetName() == "backend" && l.GetValue() == backend {
						n++
					}
				}
			}
		}
		return n
	}
	if n := of("new"); n == 0 {
		t.Error("there are no series of a new backend")
	}
	p.api(t, http.MethodDelete, backends+"/new", "", http.StatusNoContent)
	if n := of("new"); n != 0 {
		t.Errorf("%d series of a backend that was removed", n)
	}
	if n := of(oddID); n == 0 {
		t.Error("there are none of the one that has stayed")
	}
}

// TestMetricsOverReloads makes sure that counters go on over reloads, and that a
// reload which fails, however far it has come, leaves them where they are: Caddy
// serves what the config that failed has registered.
func TestMetricsOverReloads(t *testing.T) {
	p, url, config := startMetered(t)
	ask(t, url, 200, 500)
	taken, err := net.Listen("tcp", freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	want := "code=2xx 1, code=5xx 1"
	check := func(after string) {
		t.Helper()
		m := p.metrics(t)
		t.Log(after)
		m.want(t, "requests_total", want, "pool=web", "backend="+oddID)
		m.want(t, "pool_backends", "pool=api 1, pool=web 1")
	}
	check("at first")
	for name, bad := range map[string]string{
		"a port in use":            config + "http://" + taken.Addr().String() + " {\n\trespond hi\n}\n",
		"a backend that is not ok": strings.Replace(config, "weight 3", "weight 3\n\t\t\thealth_port 1\n\t\t}\n\t\tbackend ftp://x {\n", 1),
	} {
		if status, body := p.load(t, bad); status == http.StatusOK {
			t.Errorf("%s: status %d: %s", name, status, body)
		}
		check("after " + name)
	}
	a, err := send(newClient(t, nil), http.MethodPost, "http://"+p.Admin+"/load",
		`{"apps": {"tls": {"certificates": {"load_files": [{"certificate": "/nonexistent", "key": "/nonexistent"}]}}}}`)
	if err != nil || a.StatusCode == http.StatusOK {
		t.Errorf("a config without a load balancer: status %d, %v", a.StatusCode, err)
	}
	check("after a config that has not come to the load balancer")
	if status, body := p.load(t, strings.Replace(config, "weight 3", "weight 4", 1)); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	check("after a reload")
	p.metrics(t).want(t, "backend_weight", "backend="+oddID+" pool=web 4, backend=gone pool=api 1")
	ask(t, url, 200)
	want = "code=2xx 2, code=5xx 1"
	check("after another request")
	if status, body := p.load(t, "http://"+freeAddr(t)+" {\n\trespond hi\n}\n"); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	eventually(t, func() error { // the old config is stopped after the answer
		if m := p.metrics(t); m.list("pool_backends") != "" {
			return fmt.Errorf("pools that no config has: %s", m.list("pool_backends"))
		}
		return nil
	})
}

// TestMetricsOfSite scrapes a site that shows metrics, of a Caddy without an
// admin endpoint.
func TestMetricsOfSite(t *testing.T) {
	front, site := freeAddr(t), freeAddr(t)
	startCaddy(t, fmt.Sprintf("{\n\tadmin off\n}\nhttp://%s {\n\tload_balance %s {\n\t\tpool web\n\t}\n}\nhttp://%s {\n\tmetrics\n}\n", front, freeAddr(t), site), "caddyfile")
	parseMetrics(t, get(t, newClient(t, nil), "http://"+site).body).want(t, "pool_backends", "pool=web 1")
}

// TestMetricsLint has Prometheus's linter look at a scrape.
func TestMetricsLint(t *testing.T) {
	p, url, _ := startMetered(t)
	ask(t, url, 200)
	text := strings.NewReader(p.api(t, http.MethodGet, "/metrics", "", http.StatusOK))
	problems, err := promlint.New(text).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, metricPrefix) {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
}

// TestMetricsDocs compares the tables of docs/metrics.md with what there is.
func TestMetricsDocs(t *testing.T) {
	p, _, _ := startMetered(t)
	documented := make(map[string]string)
	for line := range strings.Lines(readFile(t, "docs/metrics.md")) {
		cells := strings.Split(line, "|")
		if len(cells) == 6 && strings.HasPrefix(cells[1], " `") {
			documented[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[2]) + " " + strings.ReplaceAll(strings.TrimSpace(cells[3]), "`", "")
		}
	}
	var found scraped
	eventually(t, func() error { // the storage is read soon after the start
		if found = p.metrics(t); found[metricPrefix+"pool_storage_last_sync_timestamp_seconds"] == nil {
			return errors.New("the storage was not read yet")
		}
		return nil
	})
	there := make(map[string]string)
	for name, family := range found {
		short, ours := strings.CutPrefix(name, metricPrefix)
		if !ours {
			continue
		}
		words := []string{strings.ToLower(family.GetType().String()), "pool"}
		for _, l := range family.GetMetric()[0].GetLabel() {
			switch l.GetName() {
			case "pool":
			case "backend":
				words = slices.Insert(words, 2, "backend")
			default:
				words = append(words, l.GetName())
			}
		}
		there[short] = strings.Join(words, " ")
	}
	for name, is := range there {
		if documented[name] != is {
			t.Errorf("%s is %s; docs/metrics.md says %q", name, is, documented[name])
		}
	}
	for name := range documented {
		if there[name] == "" {
			t.Errorf("docs/metrics.md has %s, which does not exist", name)
		}
	}
	if len(there) == 0 {
		t.Error("there are no metrics")
	}
}
