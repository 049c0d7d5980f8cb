// Package metrics has what Prometheus is told of pools and backends: counters
// for the way of a request, which cost some nanoseconds, and a collector that
// reads them, and all else, when it is asked.
package metrics
