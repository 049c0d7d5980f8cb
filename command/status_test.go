package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var statusTime = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// TestStatusTables holds for each answer of the API in testdata: the table is
// that of the golden file, fits 100 columns, and has the same text in colour.
func TestStatusTables(t *testing.T) {
	files, err := filepath.Glob("testdata/status_*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no answers", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var status statusAnswer
			if err := json.Unmarshal(raw, &status); err != nil {
				t.Fatal(err)
			}
			var plainText, coloured strings.Builder
			writeStatus(&plainText, status.Pools, screen{width: 100}, statusTime)
			writeStatus(&coloured, status.Pools, screen{width: 100, colours: true}, statusTime)
			golden(t, name+".txt", plainText.String())
			checkWidth(t, plainText.String(), 100)
			if strings.Contains(plainText.String(), "\x1b") {
				t.Error("there are escape sequences without colours")
			}
			same(t, "text without colours", withoutColours(coloured.String()), plainText.String())
		})
	}
}

func checkWidth(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := textWidth(line); n > width {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("spaces at the end of %q", line)
		}
	}
}

func withoutColours(s string) string {
	return regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(s, "")
}

func TestStatusCommand(t *testing.T) {
	pool := `{"name":"web","revision":3,"total":1,"accepting":1,"in_flight":2,"backends":[` +
		`{"id":"127.0.0.1:9001","address":"127.0.0.1:9001","weight":1,"state":"up","accepting":true,"requests":1200}]}`
	f := startFake(t, map[string]string{
		"GET /load_balance/status":    `200 {"pools":[` + pool + `]}` + "\n",
		"GET /load_balance/pools/web": "200 " + pool,
		"GET /load_balance/pools/x":   `404 {"error":"there is no pool \"x\"","code":"unknown_pool"}`,
	})
	want := "pool web: 1 of 1 backend accepting, 2 in flight, revision 3\n" +
		"BACKEND         STATE  WEIGHT  ACTIVE  REQUESTS  FAILED  LATENCY  CHECKED\n" +
		"127.0.0.1:9001  up          1       0     1,200       0        -        -\n"
	same(t, "all pools", run(t, "status", "--address", f.addr()), result{out: want})
	same(t, "one pool", run(t, "status", "--address", f.addr(), "--pool", "web"), result{out: want})
	same(t, "JSON", run(t, "status", "--address", f.addr(), "-p", "web", "--json"), result{out: pool + "\n"})
	same(t, "JSON of all", run(t, "status", "--address", f.addr(), "--json"), result{out: `{"pools":[` + pool + "]}\n"})
	same(t, "unknown pool", run(t, "status", "--address", f.addr(), "-p", "x"),
		result{exitRefused, "", "Error: there is no pool \"x\"\n"})
	same(t, "interval", run(t, "status", "--address", f.addr(), "-w", "-i", "1ms"),
		result{exitUsage, "", "Error: --interval must be at least 100ms\n"})
}

func TestFrame(t *testing.T) {
	text := "one\ntwo\nthree\nfour\nfive\n"
	got := frame(text, screen{width: 100, height: 24}, 2*time.Second, statusTime)
	same(t, "frame", got, "\x1b[Hone\x1b[K\r\ntwo\x1b[K\r\nthree\x1b[K\r\nfour\x1b[K\r\nfive\x1b[K\r\n\x1b[K\r\n15:04:05, every 2s; Ctrl-C ends it\x1b[K\x1b[J")
	got = frame(text, screen{width: 100, height: 6}, 2*time.Second, statusTime)
	contains(t, "cut frame", got, "three", "… 2 more lines")
	same(t, "lines of the cut frame", strings.Count(got, "\r\n")+1, 6)
}
