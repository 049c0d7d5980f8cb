package report

import (
	"fmt"
	"io"
	"strings"
)

// none stands where there is nothing to show.
const none = "–"

// WriteMarkdown writes the medians and the ratios, for people.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var text strings.Builder
	r.Environment.markdown(&text)
	r.ratioTable(&text, "CPU per request", CPU)
	r.ratioTable(&text, "p99 at the same rate", P99)
	r.ratioTable(&text, "memory per idle connection", MemoryPerConnection)
	for _, work := range r.Works {
		work.markdown(&text, r.Subject)
	}
	if len(r.Problems) > 0 {
		text.WriteString("\n**Problems in this run:**\n\n")
		for _, problem := range r.Problems {
			fmt.Fprintf(&text, "- %s\n", problem)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// ratioTable shows the subject's metric as a ratio to every other proxy's, a
// work a line, of the works that the metric is about.
func (r *Report) ratioTable(text *strings.Builder, title string, metric Metric) {
	var works []*Work
	for _, work := range r.Works {
		if work.result(r.Subject) != nil && work.shows(metric) {
			works = append(works, work)
		}
	}
	others := r.others(works)
	if len(works) == 0 || len(others) == 0 {
		return
	}
	fmt.Fprintf(text, "\n**%s: %s, as a ratio to others**\n\n| work |", r.Subject, title)
	for _, other := range others {
		fmt.Fprintf(text, " to %s |", other)
	}
	fmt.Fprintf(text, "\n|---|%s\n", strings.Repeat("--:|", len(others)))
	for _, work := range works {
		fmt.Fprintf(text, "| %s |", work.Title)
		for _, other := range others {
			cell := none
			if result := work.result(other); result != nil {
				if ratio, ok := result.Ratios[metric]; ok {
					cell = fmt.Sprintf("%.2f", ratio)
				}
			}
			fmt.Fprintf(text, " %s |", cell)
		}
		text.WriteString("\n")
	}
}

// shows reports whether a ratio of the metric means something for the work:
// latencies of closed loops do not, since each proxy sets its own rate.
func (w *Work) shows(metric Metric) bool {
	switch metric {
	case P99:
		return w.Rate > 0
	case MemoryPerConnection:
		return w.Idle
	}
	return !w.Idle
}

// others returns the proxies that did any of the works, but the subject.
func (r *Report) others(works []*Work) []string {
	var names []string
	seen := map[string]bool{r.Subject: true}
	for _, work := range works {
		for _, result := range work.Results {
			if !seen[result.Proxy] {
				seen[result.Proxy] = true
				names = append(names, result.Proxy)
			}
		}
	}
	return names
}

// markdown shows the medians of a work, a proxy a line.
func (w *Work) markdown(text *strings.Builder, subject string) {
	if len(w.Results) == 0 {
		return // the problems say why
	}
	columns := loadColumns
	if w.Idle {
		columns = idleColumns
	}
	fmt.Fprintf(text, "\n**%s**", w.Title)
	if w.Rate > 0 {
		fmt.Fprintf(text, ", %d requests/s", w.Rate)
	}
	text.WriteString("\n\n| proxy |")
	for _, column := range columns {
		fmt.Fprintf(text, " %s |", column.heading)
	}
	fmt.Fprintf(text, "\n|---|%s\n", strings.Repeat("--:|", len(columns)))
	for _, result := range w.Results {
		name := result.Proxy
		if name == subject {
			name = "**" + name + "**"
		}
		fmt.Fprintf(text, "| %s |", name)
		for _, column := range columns {
			value, ok := result.Medians[column.metric]
			if !ok {
				fmt.Fprintf(text, " %s |", none)
				continue
			}
			fmt.Fprintf(text, " "+column.format+" |", value)
		}
		text.WriteString("\n")
	}
}
