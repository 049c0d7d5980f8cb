package config

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// seconds returns that many, as JSON has durations.
func seconds(n int) caddy.Duration { return caddy.Duration(time.Duration(n) * time.Second) }

func TestHealthDefaults(t *testing.T) {
	want := ActiveHealth{
		Method: "GET", Interval: seconds(10), Timeout: seconds(5), Passes: 1, Fails: 1,
		MaxSize: 64 << 10, ExpectStatus: []int{2},
	}
	if got := (*ActiveHealth)(nil).WithDefaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("of nothing: %+v", got)
	}
	quick := &ActiveHealth{Interval: seconds(2)}
	if got := quick.WithDefaults(); got.Timeout != seconds(2) {
		t.Errorf("timeout %s is longer than the interval", time.Duration(got.Timeout))
	}
	if quick.Timeout != 0 {
		t.Error("the original was changed")
	}
	full := filled(1)
	if got := full.WithDefaults(); !reflect.DeepEqual(got, *full) {
		t.Errorf("defaults replaced what was set: %+v", got)
	}
}

func TestOverlay(t *testing.T) {
	pool, backend := filled(1), filled(2)
	if got := pool.Overlay(nil); got != pool {
		t.Error("an overlay of nothing is not the same")
	}
	backend.Upstream = "" // the two ways to probe elsewhere exclude each other
	want := *backend
	if got := pool.Overlay(backend); !reflect.DeepEqual(*got, want) {
		t.Errorf("\n got %+v\nwant %+v", *got, want)
	}
	if !reflect.DeepEqual(pool, filled(1)) {
		t.Error("the pool's settings were changed")
	}
	if got := pool.Overlay(&ActiveHealth{}); !reflect.DeepEqual(got, pool) || got == pool {
		t.Errorf("an empty overlay made %+v", got)
	}
	if got := (*ActiveHealth)(nil).Overlay(backend); !reflect.DeepEqual(got, backend) {
		t.Errorf("over nothing: %+v", got)
	}
	if got := (*ActiveHealth)(nil).Overlay(nil); got != nil {
		t.Errorf("nothing over nothing: %+v", got)
	}
	if got := (&ActiveHealth{Upstream: "x:1"}).Overlay(&ActiveHealth{Port: 2}); got.Upstream != "" || got.Port != 2 {
		t.Errorf("upstream %q and port %d", got.Upstream, got.Port)
	}
}

// filled returns settings of which every field is set, to values that differ
// with n.
func filled(n int) *ActiveHealth {
	yes := true
	digit := string(rune('0' + n))
	return &ActiveHealth{
		Disabled: true, URI: "/" + digit, Upstream: "x:" + digit, Port: n, Scheme: "s" + digit, Host: "h" + digit,
		ServerName: "n" + digit, Method: "M" + digit, Headers: http.Header{"X": {digit}}, Body: "b" + digit,
		FollowRedirects: &yes, Interval: seconds(n), Timeout: seconds(n), Passes: n + 1, Fails: n + 2, MaxSize: int64(n),
		ExpectStatus: []int{n}, ExpectBody: "e" + digit,
	}
}

// A field that is new must not be forgotten in the tests above.
func TestFilledIsFull(t *testing.T) {
	v := reflect.ValueOf(*filled(1))
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not set", v.Type().Field(i).Name)
		}
	}
}
