package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// labels are those of a series, in the order of its family.
type labels []*dto.LabelPair

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

// the same in all series
var (
	codePairs    = pairs("code", codes[:]...)
	probePairs   = pairs("result", probeResults[:]...)
	refusalPairs = pairs("reason", refusals[:]...)
	queuePairs   = pairs("result", "served", "timed_out", "left", "refused")
)

func pairs(name string, values ...string) labels {
	list := make(labels, len(values))
	for i, v := range values {
		list[i] = label(name, v)
	}
	return list
}

// output takes the series of one pool.
type output struct {
	ch   chan<- prometheus.Metric
	pool *dto.LabelPair
}

func (o *output) gauge(f *family, l labels, v float64) { o.ch <- &series{f, l, v, nil} }

func (o *output) counter(f *family, l labels, v uint64) { o.ch <- &series{f, l, float64(v), nil} }

func (o *output) histogram(f *family, l labels, h *Histogram) {
	var r reading
	r.add(h)
	o.send(f, l, &r)
}

func (o *output) send(f *family, l labels, r *reading) { o.ch <- &series{f, l, 0, r.histogram()} }

// series is one series of a family, with its value. It does what the metrics of
// Prometheus's package do, but does not check, sort and copy the labels of each:
// there may be many.
type series struct {
	family    *family
	labels    labels
	value     float64
	histogram *dto.Histogram
}

// Desc implements prometheus.Metric.
func (s *series) Desc() *prometheus.Desc { return s.family.desc }

// Write implements prometheus.Metric.
func (s *series) Write(out *dto.Metric) error {
	out.Label = s.labels
	switch s.family.kind {
	case dto.MetricType_COUNTER:
		out.Counter = &dto.Counter{Value: &s.value}
	case dto.MetricType_HISTOGRAM:
		out.Histogram = s.histogram
	default:
		out.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}

var _ prometheus.Metric = (*series)(nil)
