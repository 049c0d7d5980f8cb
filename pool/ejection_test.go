package pool

import (
	"testing"
	"time"
)

func TestEjectionTime(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		base, most time.Duration
		level      int
		r          float64
		want       time.Duration
	}{
		{10 * s, 300 * s, 1, 0, 10 * s},
		{10 * s, 300 * s, 2, 0, 20 * s},
		{10 * s, 300 * s, 3, 0, 40 * s},
		{10 * s, 300 * s, 5, 0, 160 * s},
		{10 * s, 300 * s, 6, 0, 300 * s},
		{10 * s, 300 * s, maxLevel, 0, 300 * s},
		{10 * s, 300 * s, 1 << 40, 0, 300 * s},
		{10 * s, 10 * s, 4, 0, 10 * s},
		{10 * s, 300 * s, 2, 0.5, 21 * s},
		{10 * s, 300 * s, 9, 0.5, 315 * s},
		{1, 1<<62 - 1, maxLevel, 0, 1 << (maxLevel - 1)},
		{time.Hour, 24 * 365 * 10 * time.Hour, maxLevel, 0, 24 * 365 * 10 * time.Hour},
	} {
		if got := ejectionTime(test.base, test.most, test.level, test.r); got != test.want {
			t.Errorf("%s, at most %s, number %d, random %g: %s, want %s", test.base, test.most, test.level, test.r, got, test.want)
		}
	}
}

func TestEjectionsInARow(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, test := range []struct {
		name string
		e    ejection
		want int
	}{
		{"never", ejection{}, 0},
		{"just back", ejection{level: 3, back: now}, 3},
		{"back for less than the base time", ejection{level: 3, back: now.Add(-9 * time.Second)}, 3},
		{"back for the base time", ejection{level: 3, back: now.Add(-10 * time.Second)}, 2},
		{"back for long", ejection{level: 3, back: now.Add(-time.Hour)}, 0},
		{"back for ages", ejection{level: 3}, 0},
		{"on its way back", ejection{level: 3, back: now.Add(-time.Hour), trial: new(trial)}, 3},
	} {
		if got := test.e.levelAt(now, 10*time.Second); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestNextLevel(t *testing.T) {
	for _, test := range []struct {
		level      int
		base, most time.Duration
		want       int
	}{
		{0, 10, 60, 1},
		{1, 10, 60, 2},
		{2, 10, 60, 3},
		{3, 10, 60, 4},
		{4, 10, 60, 4},
		{9, 10, 60, 9},
		{0, 10, 10, 1},
		{1, 10, 10, 2},
		{2, 10, 10, 2},
		{maxLevel, 1, 1 << 62, maxLevel},
	} {
		if got := nextLevel(test.level, test.base, test.most); got != test.want {
			t.Errorf("%d with %d to %d: %d, want %d", test.level, test.base, test.most, got, test.want)
		}
	}
}

func TestAllowedEjections(t *testing.T) {
	for _, test := range []struct{ percent, backends, want int }{
		{0, 7, 7}, {50, 1, 1}, {50, 2, 1}, {50, 3, 1}, {50, 4, 2}, {34, 3, 1}, {67, 3, 2}, {100, 3, 3}, {1, 1000, 10}, {1, 99, 1},
	} {
		rules := Ejections{MaxPercent: test.percent}
		if got := rules.allowed(test.backends); got != test.want {
			t.Errorf("%d %% of %d: %d, want %d", test.percent, test.backends, got, test.want)
		}
	}
}

func TestTrial(t *testing.T) {
	tr := new(trial)
	if !tr.open() || !tr.enter() || tr.open() || tr.enter() {
		t.Error("not exactly one was let in")
	}
	tr.leave()
	if !tr.enter() {
		t.Error("the next one was not let in")
	}
	tr.end()
	tr.leave()
	if tr.open() || tr.enter() {
		t.Error("somebody was let in after the end")
	}
}

// What a backend is, whatever comes together.
func TestStates(t *testing.T) {
	now := time.Unix(1e9, 0)
	out, back := now.Add(time.Second), now.Add(-time.Second)
	for _, test := range []struct {
		c       condition
		want    state
		accepts bool
	}{
		{condition{health: Up}, stateUp, true},
		{condition{health: Unknown}, stateUp, true},
		{condition{health: Unknown, startsDown: true}, stateWaiting, false},
		{condition{health: Down}, stateDown, false},
		{condition{health: Up, ejection: ejection{until: out}}, stateEjected, false},
		{condition{health: Up, ejection: ejection{until: out, trial: new(trial)}}, stateEjected, false},
		{condition{health: Down, ejection: ejection{until: out, trial: new(trial)}}, stateEjected, false},
		{condition{health: Up, ejection: ejection{until: now}}, stateUp, true},
		{condition{health: Up, ejection: ejection{until: back}}, stateUp, true},
		{condition{health: Up, ejection: ejection{until: back, trial: new(trial)}}, stateProbing, true},
		{condition{health: Down, ejection: ejection{until: back, trial: new(trial)}}, stateDown, false},
		{condition{health: Up, admin: Drain, ejection: ejection{until: out, trial: new(trial)}}, stateDraining, false},
		{condition{health: Up, admin: Maintenance, ejection: ejection{until: back, trial: new(trial)}}, stateMaintenance, false},
	} {
		got := test.c.state(now)
		if got != test.want || got.accepts() != test.accepts {
			t.Errorf("%+v: %s, accepts %t", test.c, got, got.accepts())
		}
		if (test.c.reason(got) == "") != (got == stateUp) {
			t.Errorf("%s: reason %q", got, test.c.reason(got))
		}
	}
}
