package proxy

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestPaceLimit(t *testing.T) {
	duration := func(d time.Duration) *caddy.Duration { return new(caddy.Duration(d)) }
	rate := func(n int64) *int64 { return &n }
	for _, test := range []struct {
		timeout *caddy.Duration
		rate    *int64
		want    paceLimit
	}{
		{nil, nil, paceLimit{config.DefaultClientTimeout, config.DefaultClientMinRate}},
		{duration(time.Second), nil, paceLimit{time.Second, config.DefaultClientMinRate}},
		{duration(0), nil, paceLimit{}},
		{duration(0), rate(5), paceLimit{0, 5}},
		{nil, rate(0), paceLimit{config.DefaultClientTimeout, 0}},
	} {
		if got := newPaceLimit(test.timeout, test.rate); got != test.want {
			t.Errorf("newPaceLimit(%v, %v): got %+v, want %+v", test.timeout, test.rate, got, test.want)
		}
	}
}

// Waiting makes a client slow, and bytes make up for it; nothing else counts.
func TestPace(t *testing.T) {
	limit := paceLimit{grace: time.Minute, rate: 240}
	for _, test := range []struct {
		name  string
		limit paceLimit
		waits []time.Duration
		bytes int
		slow  bool
	}{
		{"one byte a minute", limit, []time.Duration{59 * time.Second, 59 * time.Second}, 1, true},
		{"one byte a second, within the grace", limit, repeat(time.Second, 60), 1, false},
		{"one byte a second, for longer", limit, repeat(time.Second, 62), 1, true},
		{"just the rate", limit, repeat(time.Second, 3600), 240, false},
		{"less than the rate", limit, repeat(time.Second, 3600), 230, true},
		{"a long upload", limit, repeat(time.Second, 1000), 1 << 40, false},
		{"any rate", paceLimit{grace: time.Minute}, repeat(time.Minute, 100), 0, false},
		{"no grace", paceLimit{rate: 100}, repeat(time.Second, 1), 99, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p pace
				var err error
				for _, wait := range test.waits {
					began := time.Now()
					time.Sleep(wait)
					err = p.add(&test.limit, began, test.bytes)
					time.Sleep(time.Hour) // the client is not waited for
				}
				if slow := err != nil; slow != test.slow {
					t.Fatalf("got %v", err)
				}
				if _, ok := errors.AsType[*slowClientError](err); test.slow && (!ok || !isTimeout(err)) {
					t.Errorf("%v is no timeout", err)
				}
			})
		})
	}
}

func repeat(d time.Duration, n int) []time.Duration {
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = d
	}
	return list
}
