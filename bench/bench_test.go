package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/backend"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/report"
)

func TestWorks(t *testing.T) {
	names := make(map[string]bool)
	titles := make(map[string]bool)
	for _, w := range works {
		if names[w.name] || titles[w.title] || w.name == "" || w.title == "" || w.path == "" {
			t.Errorf("%+v: name, title and path must be there, and name and title be its own", w)
		}
		names[w.name], titles[w.title] = true, true
		if w.slow && w.server != backend.Fast {
			t.Errorf("%s: only the fast server has a slow one beside it", w.name)
		}
		if w.backendTLS != (w.server == backend.FastTLS) {
			t.Errorf("%s: TLS goes to the server that has it", w.name)
		}
	}
}

func TestChosenWorks(t *testing.T) {
	chosen, err := chosenWorks("h2,small")
	if err != nil || len(chosen) != 2 || chosen[0].name != "h2" || chosen[1].name != "small" {
		t.Errorf("got %d works, %v, want h2 and small", len(chosen), err)
	}
	if all, err := chosenWorks(""); err != nil || len(all) != len(works) {
		t.Errorf("got %d works, %v, want all %d", len(all), err, len(works))
	}
	if _, err := chosenWorks("small,smal"); err == nil || !strings.Contains(err.Error(), `"smal"`) {
		t.Errorf("got %v, want an error that names the wrong one", err)
	}
}

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-rounds", "5", "-proxies", "load_balance,nginx"}, io.Discard)
	if err != nil || o.rounds != 5 || !slices.Equal(o.only, []string{"load_balance", "nginx"}) || len(o.works) != len(works) {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, args := range []string{"-rounds 0", "-seconds -1", "-connections 0", "-rate -1", "-works x", "more", "-unknown"} {
		if _, err := parseOptions(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
	var help bytes.Buffer
	if _, err := parseOptions([]string{"-h"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "idle10k") {
		t.Errorf("got %v, and help without the works: %s", err, help.String())
	}
}

func TestReplaceTable(t *testing.T) {
	got, err := replaceTable([]byte("before\n"+begin+"old\n"+end+"after\n"), []byte("new\n"))
	if want := "before\n" + begin + "\nnew\n\n" + end + "after\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, content := range []string{"", begin, end + begin, "no table"} {
		if _, err := replaceTable([]byte(content), nil); err == nil {
			t.Errorf("%q: no error", content)
		}
	}
}

func TestFiles(t *testing.T) {
	b := &bench{options: options{connections: 64}}
	for name, least := range map[string]int{"small": 128, "backends10k": 10_064, "idle1k": 2000, "idle10k": 11_000} {
		chosen, err := chosenWorks(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.files(chosen[0]); got < least || got > least+500 {
			t.Errorf("%s: got %d open files, want %d and some", name, got, least)
		}
	}
}

func TestWarmup(t *testing.T) {
	b := &bench{options: options{warmup: 2 * time.Second}}
	if got := b.warmupOf(work{}); got != 2*time.Second {
		t.Errorf("got %v, want what the options say", got)
	}
	if got := b.warmupOf(work{warmup: 4 * time.Second}); got != 4*time.Second {
		t.Errorf("got %v, want what the work needs", got)
	}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name     string
		sample   report.Sample
		rate     int
		problems int
	}{
		{"closed loop", report.Sample{report.Throughput: 10}, 0, 0},
		{"errors", report.Sample{report.Throughput: 10, report.Errors: 1}, 0, 1},
		{"open loop that keeps up", report.Sample{report.Throughput: 980}, 1000, 0},
		{"open loop that falls behind", report.Sample{report.Throughput: 900}, 1000, 1},
	}
	for _, test := range tests {
		b := &bench{report: new(report.Report)}
		b.judge(test.name, test.sample, test.rate)
		if got := len(b.report.Problems); got != test.problems {
			t.Errorf("%s: got %d problems, want %d", test.name, got, test.problems)
		}
	}
}
