package command

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// balanced is a server that answers as two backends do in turn, every third
// request being that of the second one.
func balanced(t *testing.T, header string, status int) (server *httptest.Server, served *[2]atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	served = new([2]atomic.Int64)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := 0
		if n.Add(1)%3 == 0 {
			i = 1
		}
		served[i].Add(1)
		if header != "" {
			w.Header().Set(header, fmt.Sprintf("web%d", i+1))
		}
		w.Header().Set("X-Method", r.Method+" "+r.Host+" "+r.Header.Get("X-User"))
		if i == 1 {
			w.WriteHeader(status)
		}
	}))
	t.Cleanup(server.Close)
	return server, served
}

// countingAPI shows the counters of the two backends, and a third one that gets
// nothing.
func countingAPI(t *testing.T, served *[2]atomic.Int64) *fake {
	t.Helper()
	f := startFake(t, map[string]string{"GET /load_balance/pools": onePool})
	f.on("GET /load_balance/pools/web/backends", func() (int, string) {
		return 200, fmt.Sprintf(`[{"id":"web1","address":"10.0.0.1:80","requests":%d},{"id":"web2","address":"10.0.0.2:80","requests":%d,"failures":3},{"id":"web3","address":"10.0.0.3:80","requests":4}]`,
			100+served[0].Load(), 200+served[1].Load())
	})
	return f
}

func TestTryByHeader(t *testing.T) {
	server, served := balanced(t, "X-Backend", http.StatusOK)
	f := countingAPI(t, served)
	got := run(t, "try", server.URL+"/x", "-n", "30", "--concurrency", "3", "--address", f.addr())
	same(t, "code", got.code, 0)
	contains(t, "output", got.out, "30 requests to "+server.URL+"/x, p50 ", "status 200: 30\n", "backends by the response header X-Backend\n",
		"BACKEND  REQUESTS  SHARE  FAILED", "web1           20  66.7%       0", "web2           10  33.3%       0", "web3            0     0%       0")
	checkWidth(t, got.out, 100)
}

func TestTryByNamedHeader(t *testing.T) {
	server, _ := balanced(t, "X-Served-By", http.StatusServiceUnavailable)
	got := run(t, "try", server.URL, "-n", "9", "--by-header", "x-served-by", "--json")
	same(t, "code", got.code, exitFailures)
	same(t, "messages", got.errOut, "Error: 3 requests got a status of 500 or more\n")
	var r report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatal(err)
	}
	same(t, "requests", r.Requests, 9)
	same(t, "server errors", r.ServerErrors, 3)
	same(t, "header", r.Header, "X-Served-By")
	same(t, "backends", len(r.Backends), 2)
	same(t, "second", r.Backends[1].Requests*10+r.Backends[1].Failures, 33)
	if r.P50 <= 0 || r.P99 < r.P50 || r.Backends[0].P50 <= 0 {
		t.Errorf("latencies %+v", r)
	}
}

func TestTryByCounters(t *testing.T) {
	server, served := balanced(t, "", http.StatusOK)
	f := countingAPI(t, served)
	got := run(t, "try", server.URL, "-n", "30", "--address", f.addr())
	same(t, "code", got.code, 0)
	contains(t, "output", got.out, "backends by their request counters, before and after: requests of others count, too\n",
		"web1           20  66.7%       0\n", "web2           10  33.3%       0\n", "web3            0     0%       0\n")
	if strings.Contains(got.out, "note:") {
		t.Errorf("a note though the counters are right:\n%s", got.out)
	}
	f.on("GET /load_balance/pools/web/backends", func() (int, string) {
		return 200, fmt.Sprintf(`[{"id":"web1","requests":%d}]`, 2*served[0].Load())
	})
	got = run(t, "try", server.URL, "-n", "30", "--address", f.addr())
	contains(t, "output with others' requests", got.out, "note: the counters grew by 40, and 30 requests were answered\n")
}

func TestTrySendsWhatItIsTold(t *testing.T) {
	server, _ := balanced(t, "X-Backend", http.StatusOK)
	got := run(t, "try", server.URL, "-n", "2", "-X", "PUT", "-H", "Host: example.com", "-H", "X-User: 7", "--by-header", "X-Method")
	contains(t, "output", got.out, "PUT example.com 7")
}

func TestTryWithoutAnswers(t *testing.T) {
	server, _ := balanced(t, "", http.StatusOK)
	server.Close()
	got := run(t, "try", server.URL, "-n", "3", "--by-header", "X-Backend")
	same(t, "code", got.code, exitFailures)
	contains(t, "output", got.out, "3 requests to ", "status no answer: 3\n")
	contains(t, "messages", got.errOut, "3 requests got no answer; the first: ", "connection refused")
}

func TestPercentiles(t *testing.T) {
	var list []time.Duration
	for i := 200; i > 0; i-- {
		list = append(list, time.Duration(i)*time.Millisecond)
	}
	p50, p99 := percentiles(list)
	same(t, "p50", p50, 100)
	same(t, "p99", p99, 198)
	p50, p99 = percentiles(list[:1])
	same(t, "p50 of one", p50, 200)
	same(t, "p99 of one", p99, 200)
}
