package proc

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	tests := []struct {
		name  string
		stat  string
		group int
		cpu   time.Duration
		fails bool
	}{
		{
			name:  "plain",
			stat:  "11 (caddy) S 1 7 7 0 -1 4194304 5 0 0 0 120 30 0 0 20 0 9 0 100\n",
			group: 7, cpu: 1500 * time.Millisecond,
		},
		{
			name:  "command with spaces and parentheses",
			stat:  "12 (a ) (b) S 1 8 8 0 -1 4194304 5 0 0 0 1 2 900 900 20 0 9 0 100\n",
			group: 8, cpu: 30 * time.Millisecond,
		},
		{name: "empty", stat: "", fails: true},
		{name: "short", stat: "12 (a) S 1 8", fails: true},
		{name: "no number", stat: "11 (caddy) S 1 7 7 0 -1 4194304 5 0 0 0 x 30 0 0 20 0 9 0 100", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			group, cpu, err := parseStat(test.stat)
			if (err != nil) != test.fails || group != test.group || cpu != test.cpu {
				t.Errorf("got group %d, %v, error %v; want group %d, %v, error: %t",
					group, cpu, err, test.group, test.cpu, test.fails)
			}
		})
	}
}

func TestStatusBytes(t *testing.T) {
	const status = "Name:\tcaddy\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\nVmData:\tmuch\n"
	for key, want := range map[string]int64{"VmHWM": 2 << 20, "VmRSS": 1 << 20, "VmSwap": 0, "VmData": 0} {
		if got := statusBytes(status, key); got != want {
			t.Errorf("%s: got %d, want %d", key, got, want)
		}
	}
}

func TestUsageAddsUpTheGroup(t *testing.T) {
	procfs := t.TempDir()
	write := func(pid, stat, status string) {
		dir := filepath.Join(procfs, pid)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{"stat": stat, "status": status} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("70", "70 (nginx) S 1 70 7 0 -1 0 5 0 0 0 1 1 0 0", "VmHWM: 10 kB\nVmRSS: 8 kB\n")
	write("71", "71 (nginx) S 70 70 7 0 -1 0 5 0 0 0 40 2 0 0", "VmHWM: 30 kB\nVmRSS: 20 kB\n")
	write("72", "72 (other) S 1 72 7 0 -1 0 5 0 0 0 500 500 0 0", "VmHWM: 900 kB\nVmRSS: 900 kB\n")

	got, err := usage(procfs, 70)
	if err != nil {
		t.Fatal(err)
	}
	want := Usage{CPU: 440 * time.Millisecond, Memory: 28 << 10, PeakMemory: 40 << 10}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := usage(procfs, 73); !errors.Is(err, errEnded) {
		t.Errorf("without processes: got %v, want %v", err, errEnded)
	}
}
