package report

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Environment is where and with what a run was made.
type Environment struct {
	Date      string            `json:"date"`
	Processor string            `json:"processor"`
	Cores     int               `json:"cores"`
	MemoryMiB int64             `json:"memory_mib"`
	Kernel    string            `json:"kernel"`
	Load      string            `json:"load"`     // average of a minute, before the run
	Versions  map[string]string `json:"versions"` // of programs
	Order     []string          `json:"-"`        // of Versions
	Rounds    int               `json:"rounds"`
	Seconds   int               `json:"seconds"` // of each round
}

// Describe fills in what can be read from the system.
func (e *Environment) Describe(now time.Time) {
	e.Date = now.UTC().Format(time.DateOnly)
	e.Processor = field("/proc/cpuinfo", "model name")
	e.Cores = runtime.NumCPU()
	kib, _ := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	e.MemoryMiB = kib >> 10
	e.Kernel = firstLine("/proc/sys/kernel/osrelease")
	e.Load, _, _ = strings.Cut(firstLine("/proc/loadavg"), " ")
	e.Versions = make(map[string]string)
}

// Add adds the version of a program.
func (e *Environment) Add(program, version string) {
	if _, ok := e.Versions[program]; !ok {
		e.Order = append(e.Order, program)
	}
	e.Versions[program] = version
}

func (e *Environment) markdown(text *strings.Builder) {
	fmt.Fprintf(text, "%s · %s, %d cores, %d MiB · Linux %s · load before the run %s · medians of %d rounds of %d s\n\n",
		e.Date, e.Processor, e.Cores, e.MemoryMiB, e.Kernel, e.Load, e.Rounds, e.Seconds)
	text.WriteString("| program | version |\n|---|---|\n")
	for _, program := range e.Order {
		fmt.Fprintf(text, "| %s | %s |\n", program, e.Versions[program])
	}
}

// field returns the first value of a "name: value" file, or "unknown".
func field(file, name string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(content)) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return line
}
