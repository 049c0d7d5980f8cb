package config

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func TestSyncInterval(t *testing.T) {
	for cfg, want := range map[string]time.Duration{
		`{}`:                          2 * time.Second,
		`{"sync_interval": "100ms"}`:  100 * time.Millisecond,
		`{"sync_interval": "1h"}`:     time.Hour,
		`{"sync_interval": "99ms"}`:   0, // an error
		`{"sync_interval": "1h0.1s"}`: 0,
		`{"sync_interval": -1}`:       0,
	} {
		var app App
		if err := caddy.StrictUnmarshalJSON([]byte(cfg), &app); err != nil {
			t.Fatal(err)
		}
		err := app.Validate()
		if (err == nil) != (want > 0) || err != nil && !strings.Contains(err.Error(), "sync_interval") {
			t.Errorf("%s: error %v", cfg, err)
		}
		if err == nil && app.Interval() != want {
			t.Errorf("%s: the interval is %s, not %s", cfg, app.Interval(), want)
		}
	}
}

func TestPersists(t *testing.T) {
	for cfg, want := range map[string]bool{`{}`: true, `{"persist": true}`: true, `{"persist": false}`: false} {
		var h Handler
		if err := caddy.StrictUnmarshalJSON([]byte(cfg), &h); err != nil {
			t.Fatal(err)
		}
		if h.Persists() != want {
			t.Errorf("%s: %v", cfg, h.Persists())
		}
	}
}
