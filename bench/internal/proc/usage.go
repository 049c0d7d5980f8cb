package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every architecture
// that Go runs on.
const tick = time.Second / 100

// Usage is what a process and its children have used.
type Usage struct {
	CPU        time.Duration
	Memory     int64 // resident bytes; what children share counts for each of them
	PeakMemory int64 // the most that Memory of each of them was
}

// Usage reads what the process and its children have used until now.
func (p *Process) Usage() (Usage, error) {
	return usage("/proc", p.cmd.Process.Pid)
}

// usage adds up the processes of a group, found in a proc file system.
func usage(procfs string, group int) (Usage, error) {
	stats, err := filepath.Glob(filepath.Join(procfs, "[0-9]*", "stat"))
	if err != nil {
		return Usage{}, err
	}
	var sum Usage
	found := false
	for _, file := range stats {
		one, pgrp, err := processUsage(filepath.Dir(file))
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, errEnded):
			continue // it ended meanwhile
		case err != nil:
			return Usage{}, err
		case pgrp != group:
			continue
		}
		found = true
		sum.CPU += one.CPU
		sum.Memory += one.Memory
		sum.PeakMemory += one.PeakMemory
	}
	if !found {
		return Usage{}, fmt.Errorf("process group %d: %w", group, errEnded)
	}
	return sum, nil
}

// processUsage reads one process's directory in a proc file system.
func processUsage(dir string) (sum Usage, group int, err error) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Usage{}, 0, ended(err)
	}
	group, cpu, err := parseStat(string(stat))
	if err != nil {
		return Usage{}, 0, fmt.Errorf("%s/stat: %w", dir, err)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return Usage{}, 0, ended(err)
	}
	return Usage{
		CPU:        cpu,
		Memory:     statusBytes(string(status), "VmRSS"),
		PeakMemory: statusBytes(string(status), "VmHWM"),
	}, group, nil
}

// parseStat reads the process group and the CPU time of all threads from
// /proc/<pid>/stat. Fields are counted from the command's closing parenthesis,
// since the command itself may have spaces and parentheses.
func parseStat(stat string) (group int, cpu time.Duration, err error) {
	_, rest, ok := cutLast(stat, ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, 0, fmt.Errorf("not a line of process status: %q", stat)
	}
	group, err = strconv.Atoi(fields[2])
	if err != nil {
		return 0, 0, fmt.Errorf("process group: %w", err)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("user time: %w", err)
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("system time: %w", err)
	}
	return group, time.Duration(user+system) * tick, nil
}

// statusBytes reads a size from /proc/<pid>/status: 0 if it is not there, as
// for kernel threads and for processes about to end.
func statusBytes(status, key string) int64 {
	for line := range strings.Lines(status) {
		value, ok := strings.CutPrefix(line, key+":")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return 0
		}
		return kib << 10
	}
	return 0
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
