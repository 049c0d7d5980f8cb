package report

import (
	"encoding/json"
	"io"
	"slices"
)

// Report is all that a run found.
type Report struct {
	Environment Environment `json:"environment"`
	Subject     string      `json:"subject"` // whose ratios to the others are shown
	Works       []*Work     `json:"works"`
	Problems    []string    `json:"problems,omitempty"`
}

// Work is one kind of work, done by all proxies.
type Work struct {
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	Idle        bool      `json:"idle,omitempty"` // of connections, rather than of requests
	Rate        int       `json:"rate,omitempty"` // of an open loop, per second
	Connections int       `json:"connections"`
	Results     []*Result `json:"results"`
}

// Result is how one proxy did one work.
type Result struct {
	Proxy   string   `json:"proxy"`
	Rounds  []Sample `json:"rounds"`
	Medians Sample   `json:"medians"`
	Spreads Sample   `json:"spreads"`          // (largest - smallest) / median
	Ratios  Sample   `json:"ratios,omitempty"` // of the subject to this proxy
}

// Add adds what a round measured of a proxy.
func (w *Work) Add(proxy string, sample Sample) {
	result := w.result(proxy)
	if result == nil {
		result = &Result{Proxy: proxy}
		w.Results = append(w.Results, result)
	}
	result.Rounds = append(result.Rounds, sample)
}

// result returns how a proxy did, nil if it has not.
func (w *Work) result(proxy string) *Result {
	i := slices.IndexFunc(w.Results, func(r *Result) bool { return r.Proxy == proxy })
	if i < 0 {
		return nil
	}
	return w.Results[i]
}

// Finish computes what follows from the rounds.
func (r *Report) Finish() {
	for _, work := range r.Works {
		subject := work.result(r.Subject)
		for _, result := range work.Results {
			result.Medians = medians(result.Rounds)
			result.Spreads = spreads(result.Rounds)
			if subject != nil && result != subject {
				result.Ratios = ratios(subject.Rounds, result.Rounds)
			}
		}
	}
}

// WriteJSON writes all of it, for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
