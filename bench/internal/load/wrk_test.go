package load

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestParseWrk(t *testing.T) {
	const head = `Running 4s test @ http://127.0.0.1:39421/small
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.94ms    1.21ms  20.11ms   92.33%
    Req/Sec    67.45k     8.82k   79.81k    72.50%
  269112 requests in 4.00s, 42.35MB read
Requests/sec:  67233.38
Transfer/sec:     10.58MB
`
	tests := []struct {
		name, out string
		want      Result
		fails     string
	}{
		{
			name: "without errors",
			out: head + `{"requests":269112,"elapsed_us":4002700,"connect":0,"read":0,"write":0,"status":0,"timeout":0,` +
				`"p50_us":751,"p99_us":3530,"p999_us":5580}` + "\n",
			want: Result{
				Requests: 269112,
				Elapsed:  4002700 * time.Microsecond,
				Latency: Latency{
					P50: 751 * time.Microsecond, P99: 3530 * time.Microsecond, P999: 5580 * time.Microsecond,
				},
			},
		},
		{
			name: "with every kind of error",
			out: head + `{"requests":10,"elapsed_us":1000000,"connect":1,"read":20,"write":300,"status":4000,` +
				`"timeout":50000,"p50_us":1,"p99_us":2,"p999_us":3}` + "\n",
			want: Result{
				Requests: 10,
				Errors:   54321,
				Elapsed:  time.Second,
				Latency:  Latency{P50: time.Microsecond, P99: 2 * time.Microsecond, P999: 3 * time.Microsecond},
			},
		},
		{name: "nothing", out: head, fails: "reports nothing"},
		{name: "cut off", out: head + `{"requests":26`, fails: "unexpected end"},
		{name: "no requests", out: head + `{"requests":0,"elapsed_us":4002700}`, fails: "0 requests"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseWrk([]byte(test.out))
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("got error %v, want %q in it", err, test.fails)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestWrkScript(t *testing.T) {
	if got := wrkScript(Job{}); got != wrkReport {
		t.Errorf("for a GET: got %q, want the report alone", got)
	}
	got := wrkScript(Job{Method: http.MethodPost, BodySize: 65536})
	want := "wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", 65536)\n" + wrkReport
	if got != want {
		t.Errorf("for a POST: got %q, want %q", got, want)
	}
}

func TestWholeSeconds(t *testing.T) {
	for d, want := range map[time.Duration]int{time.Second: 1, time.Millisecond: 1, 1500 * time.Millisecond: 2} {
		if got := wholeSeconds(d); got != want {
			t.Errorf("%v: got %d, want %d", d, got, want)
		}
	}
}
