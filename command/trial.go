package command

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// trial collects what came of the requests of `try`.
type trial struct {
	pool          string
	by            string          // the header that names the backend; "" if it is to be found
	before, after []backendAnswer // around the requests; nil if the header is known

	mu        sync.Mutex
	latencies map[string][]time.Duration // by what the header says
	unnamed   []time.Duration            // of answers without it
	failures  map[string]int             // statuses of 500 and more
	statuses  map[int]int
	errors    int
	first     error
}

func (t *trial) add(s shot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.err != nil {
		if t.errors++; t.first == nil {
			t.first = s.err
		}
		return
	}
	if t.latencies == nil {
		t.latencies, t.failures, t.statuses = make(map[string][]time.Duration), make(map[string]int), make(map[int]int)
	}
	t.statuses[s.status]++
	name := t.backendOf(s.header)
	if s.status >= http.StatusInternalServerError {
		t.failures[name]++
	}
	if name == "" {
		t.unnamed = append(t.unnamed, s.latency)
		return
	}
	t.latencies[name] = append(t.latencies[name], s.latency)
}

// backendOf returns the backend that a response names, "" if none. The first
// header that has the id or the address of a backend is the one to go by.
func (t *trial) backendOf(h http.Header) string {
	if t.by != "" {
		return h.Get(t.by)
	}
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for i := range t.before {
			if b := &t.before[i]; h.Get(name) == b.ID || h.Get(name) == b.Address {
				t.by = name
				return h.Get(name)
			}
		}
	}
	return ""
}

// How it is known which backend has answered.
const (
	byHeader   = "header"
	byCounters = "counters"
)

// report is the result of `try`. Latencies are in milliseconds.
type report struct {
	URL          string      `json:"url"`
	By           string      `json:"by"` // header or counters
	Header       string      `json:"header,omitempty"`
	Pool         string      `json:"pool,omitempty"`
	Requests     int         `json:"requests"`
	Errors       int         `json:"errors"`        // no answer
	ServerErrors int         `json:"server_errors"` // statuses of 500 and more
	FirstError   string      `json:"first_error,omitempty"`
	Statuses     map[int]int `json:"statuses"`
	P50          float64     `json:"p50"`
	P99          float64     `json:"p99"`
	Backends     []share     `json:"backends"`
	Unknown      int         `json:"unknown"` // answers that cannot be assigned
}

// share is a backend's part of the requests. Its latency is known only by a
// header.
type share struct {
	ID       string  `json:"id"`
	Requests int     `json:"requests"`
	Share    float64 `json:"share"` // from 0 to 1
	Failures int     `json:"failures"`
	P50      float64 `json:"p50,omitempty"`
	P99      float64 `json:"p99,omitempty"`
}

func (t *trial) report(where string) *report {
	r := &report{URL: where, Pool: t.pool, Errors: t.errors, Statuses: t.statuses, Backends: []share{}}
	if t.statuses == nil {
		r.Statuses = map[int]int{}
	}
	if t.first != nil {
		r.FirstError = t.first.Error()
	}
	all := slices.Clone(t.unnamed)
	for _, list := range t.latencies {
		all = append(all, list...)
	}
	r.Requests = len(all) + t.errors
	for _, n := range t.failures {
		r.ServerErrors += n
	}
	r.P50, r.P99 = percentiles(all)
	if r.By = byHeader; t.by != "" {
		r.Header = t.by
		t.shareByHeader(r)
	} else {
		r.By = byCounters
		t.shareByCounters(r)
	}
	return r
}

func (t *trial) shareByHeader(r *report) {
	answered := r.Requests - r.Errors
	for name, list := range t.latencies {
		s := share{ID: name, Requests: len(list), Share: float64(len(list)) / float64(answered), Failures: t.failures[name]}
		s.P50, s.P99 = percentiles(list)
		r.Backends = append(r.Backends, s)
	}
	// those that have answered nothing are of interest, too
	for i := range t.after {
		b := &t.after[i]
		if t.latencies[b.ID] == nil && t.latencies[b.Address] == nil {
			r.Backends = append(r.Backends, share{ID: b.ID})
		}
	}
	slices.SortFunc(r.Backends, func(a, b share) int { return compareNatural(a.ID, b.ID) })
	r.Unknown = len(t.unnamed)
}

// shareByCounters takes the differences of the backends' counters. A backend
// that came in between begins at zero; one that has gone is not known.
func (t *trial) shareByCounters(r *report) {
	total := 0
	for i := range t.after {
		b := &t.after[i]
		s := share{ID: b.ID, Requests: int(b.Requests), Failures: int(b.Failures)}
		if old := findBackend(t.before, b.ID); old != nil && old.Requests <= b.Requests {
			s.Requests -= int(old.Requests)
			s.Failures -= int(old.Failures)
		}
		total += s.Requests
		r.Backends = append(r.Backends, s)
	}
	for i := range r.Backends {
		if total > 0 {
			r.Backends[i].Share = float64(r.Backends[i].Requests) / float64(total)
		}
	}
	r.Unknown = max(0, r.Requests-total)
}

// percentiles returns the 50th and the 99th, in milliseconds, by nearest rank.
func percentiles(list []time.Duration) (p50, p99 float64) {
	if len(list) == 0 {
		return 0, 0
	}
	list = slices.Sorted(slices.Values(list))
	at := func(p int) float64 {
		rank := (p*len(list) + 99) / 100
		return float64(list[max(rank, 1)-1].Microseconds()) / 1000
	}
	return at(50), at(99)
}
