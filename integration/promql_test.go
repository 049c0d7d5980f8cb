package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

var (
	queryMetric  = regexp.MustCompile(`\b(caddy_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?`)
	queryMatcher = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"`)
	queryGroup   = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
)

// ofTarget are the labels that Prometheus gives to all series of a target.
var ofTarget = []string{"instance", "job"}

// closed are the labels of which all values are in a scrape of any pool.
var closed = []string{"code", "reason", "result"}

// checkQuery returns what a PromQL query has that does not exist: metrics,
// labels, and values of labels. The grammar is for promtool to check.
func (s scraped) checkQuery(query string) (problems []string) {
	known := slices.Clone(ofTarget)
	metrics := queryMetric.FindAllStringSubmatch(query, -1)
	if len(metrics) == 0 {
		return []string{"it is about no metric of Caddy"}
	}
	for _, m := range metrics {
		labels, ok := s.labelsOf(m[1])
		if !ok {
			problems = append(problems, "there is no metric "+m[1])
			continue
		}
		for _, matcher := range queryMatcher.FindAllStringSubmatch(m[2], -1) {
			values, ok := labels[matcher[1]]
			if !ok && !slices.Contains(ofTarget, matcher[1]) {
				problems = append(problems, fmt.Sprintf("%s has no label %s", m[1], matcher[1]))
			}
			for v := range strings.SplitSeq(matcher[2], "|") {
				if slices.Contains(closed, matcher[1]) && !slices.Contains(values, v) {
					problems = append(problems, fmt.Sprintf("%s of %s is never %q", matcher[1], m[1], v))
				}
			}
		}
		for name := range labels {
			known = append(known, name)
		}
	}
	for _, group := range queryGroup.FindAllStringSubmatch(query, -1) {
		for name := range strings.SplitSeq(group[1], ",") {
			if name = strings.TrimSpace(name); !slices.Contains(known, name) {
				problems = append(problems, "no metric of it has the label "+name)
			}
		}
	}
	return problems
}

// labelsOf returns the labels of a metric, and their values. A histogram has the
// metrics that PromQL sees.
func (s scraped) labelsOf(name string) (labels map[string][]string, ok bool) {
	labels = make(map[string][]string)
	if name == "up" {
		return labels, true // Prometheus makes it
	}
	family := s[name]
	if base, suffix := cutSuffix(name, "_bucket", "_sum", "_count"); family == nil && suffix != "" {
		if family = s[base]; family.GetType() != dto.MetricType_HISTOGRAM {
			return nil, false
		}
		if suffix == "_bucket" {
			labels["le"] = nil
		}
	} else if family.GetType() == dto.MetricType_HISTOGRAM {
		return nil, false
	}
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
		}
	}
	return labels, family != nil
}

func cutSuffix(s string, suffixes ...string) (base, suffix string) {
	for _, suffix := range suffixes {
		if base, ok := strings.CutSuffix(s, suffix); ok {
			return base, suffix
		}
	}
	return s, ""
}

// TestQueriesAreJudged proves that what checks queries can find something.
func TestQueriesAreJudged(t *testing.T) {
	found := parseMetrics(t, `
# TYPE caddy_load_balance_requests_total counter
caddy_load_balance_requests_total{backend="a",code="2xx",pool="web"} 1
caddy_load_balance_requests_total{backend="a",code="error",pool="web"} 1
# TYPE caddy_load_balance_queue_wait_seconds histogram
caddy_load_balance_queue_wait_seconds_bucket{pool="web",le="+Inf"} 1
caddy_load_balance_queue_wait_seconds_sum{pool="web"} 1
caddy_load_balance_queue_wait_seconds_count{pool="web"} 1
`)
	for query, want := range map[string]string{
		`rate(caddy_load_balance_requests_total{code=~"2xx|error", pool=~"$pool"}[5m])`:       "",
		`sum by (instance, pool) (rate(caddy_load_balance_requests_total{instance="x"}[5m]))`: "",
		`sum by (pool, le) (rate(caddy_load_balance_queue_wait_seconds_bucket[5m]))`:          "",
		`up{job="caddy"} == 0`: "",
		`vector(1)`:            "it is about no metric of Caddy",
		`rate(caddy_load_balance_request_total[5m])`:                             "there is no metric caddy_load_balance_request_total",
		`caddy_load_balance_queue_wait_seconds`:                                  "there is no metric caddy_load_balance_queue_wait_seconds",
		`caddy_load_balance_requests_total_sum`:                                  "there is no metric caddy_load_balance_requests_total_sum",
		`caddy_load_balance_requests_total{status="2xx"}`:                        "caddy_load_balance_requests_total has no label status",
		`caddy_load_balance_requests_total{code=~"2xx|errors"}`:                  `code of caddy_load_balance_requests_total is never "errors"`,
		`sum by (le) (rate(caddy_load_balance_queue_wait_seconds_sum[5m]))`:      "no metric of it has the label le",
		`sum by (backend) (rate(caddy_load_balance_queue_wait_seconds_sum[1m]))`: "no metric of it has the label backend",
	} {
		if got := strings.Join(found.checkQuery(query), "; "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}
