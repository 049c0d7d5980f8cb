// Package report sums up what was measured, and shows it.
package report

import (
	"fmt"
	"strings"
)

// Metric is something that is measured, named with its unit as in the JSON.
type Metric string

// What is measured under load.
const (
	Throughput Metric = "requests_per_second"
	CPU        Metric = "cpu_us_per_request"
	P50        Metric = "p50_ms"
	P99        Metric = "p99_ms"
	P999       Metric = "p99_9_ms"
	PeakMemory Metric = "peak_memory_mib"
	Errors     Metric = "errors"
)

// What is measured of idle connections.
const (
	MemoryBefore        Metric = "memory_before_mib"
	MemoryIdle          Metric = "memory_idle_mib"
	MemoryPerConnection Metric = "memory_per_connection_kib"
	BackendConnections  Metric = "backend_connections"
)

// column is how a metric is shown.
type column struct {
	metric          Metric
	heading, format string
}

var loadColumns = []column{
	{CPU, "CPU µs/request", "%.1f"},
	{Throughput, "requests/s", "%.0f"},
	{P50, "p50 ms", "%.2f"},
	{P99, "p99 ms", "%.2f"},
	{P999, "p99.9 ms", "%.2f"},
	{PeakMemory, "peak MiB", "%.0f"},
}

var idleColumns = []column{
	{MemoryBefore, "MiB before", "%.1f"},
	{MemoryIdle, "MiB with them", "%.1f"},
	{MemoryPerConnection, "KiB each", "%.2f"},
	{PeakMemory, "peak MiB", "%.1f"},
	{BackendConnections, "of them to backends", "%.0f"},
}

// Sample is what one round measured.
type Sample map[Metric]float64

// String shows it on a line.
func (s Sample) String() string {
	columns := loadColumns
	if _, idle := s[MemoryIdle]; idle {
		columns = idleColumns
	}
	parts := make([]string, len(columns))
	for i, column := range columns {
		parts[i] = fmt.Sprintf(column.format+" "+column.heading, s[column.metric])
	}
	return strings.Join(parts, ", ")
}
