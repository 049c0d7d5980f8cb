package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func example() *Report {
	small := &Work{Name: "small", Title: "small GET", Connections: 64}
	open := &Work{Name: "open", Title: "small GET, open loop", Connections: 64, Rate: 9000}
	idle := &Work{Name: "idle1k", Title: "1,000 idle clients", Connections: 1000, Idle: true}
	for round := range 3 {
		drift := 1 + float64(round)/10
		for i, proxy := range []string{"load_balance", "reverse_proxy", "haproxy"} {
			cost := []float64{40, 100, 20}[i] * drift
			sample := Sample{
				CPU: cost, Throughput: 1e6 / cost, P50: cost / 100, P99: cost / 10, P999: cost / 5, PeakMemory: cost, Errors: 0,
			}
			small.Add(proxy, sample)
			open.Add(proxy, sample)
		}
	}
	small.Add("respond", Sample{CPU: 30, Throughput: 33333, P50: 0.3, P99: 3, P999: 6, PeakMemory: 50, Errors: 2})
	idle.Add("load_balance", Sample{
		MemoryBefore: 50, MemoryIdle: 70, MemoryPerConnection: 20.48, PeakMemory: 71, BackendConnections: 1000,
	})
	idle.Add("reverse_proxy", Sample{
		MemoryBefore: 50, MemoryIdle: 90, MemoryPerConnection: 40.96, PeakMemory: 91, BackendConnections: 1000,
	})
	r := &Report{
		Subject: "load_balance",
		Environment: Environment{
			Date: "2026-05-04", Processor: "Some Processor", Cores: 2, MemoryMiB: 4096, Kernel: "6.1", Load: "0.50",
			Rounds: 3, Seconds: 5, Versions: make(map[string]string),
		},
		Works:    []*Work{small, open, idle, {Name: "h2", Title: "nobody could"}},
		Problems: []string{"small GET, round 1, respond: 2 errors"},
	}
	r.Environment.Add("haproxy", "HAProxy version 2")
	r.Environment.Add("caddy", "v2")
	r.Finish()
	return r
}

func TestMarkdown(t *testing.T) {
	var got bytes.Buffer
	if err := example().WriteMarkdown(&got); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/report.md"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("not as in %s, which go test -update would make:\n%s", file, got.Bytes())
	}
}

func TestJSON(t *testing.T) {
	var text bytes.Buffer
	if err := example().WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Works []struct {
			Results []struct {
				Proxy  string
				Rounds []map[string]float64
				Ratios map[string]float64
			}
		}
	}
	if err := json.Unmarshal(text.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	second := got.Works[0].Results[1]
	if second.Proxy != "reverse_proxy" || len(second.Rounds) != 3 || second.Ratios["cpu_us_per_request"] != 0.4 {
		t.Errorf("got %+v, want three rounds of reverse_proxy and a CPU ratio of 0.4", second)
	}
}

func TestSampleString(t *testing.T) {
	for want, sample := range map[string]Sample{
		"41.0 CPU µs/request, 20000 requests/s, 1.50 p50 ms, 2.00 p99 ms, 3.00 p99.9 ms, 60 peak MiB": {
			CPU: 41, Throughput: 20000, P50: 1.5, P99: 2, P999: 3, PeakMemory: 60,
		},
		"50.0 MiB before, 60.0 MiB with them, 1.00 KiB each, 61.0 peak MiB, 1000 of them to backends": {
			MemoryBefore: 50, MemoryIdle: 60, MemoryPerConnection: 1, PeakMemory: 61, BackendConnections: 1000,
		},
	} {
		if got := sample.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
