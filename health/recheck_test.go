package health

import (
	"context"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestRecheck(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		interval, took time.Duration
		failed         int
		want           time.Duration
	}{
		{10 * s, 0, 1, s},
		{10 * s, 0, 2, 2 * s},
		{10 * s, 0, 4, 8 * s},
		{10 * s, 0, 5, 10 * s},
		{10 * s, 0, 1 << 40, 10 * s},
		{s / 2, 0, 1, s / 2},
		{10 * s, 2 * s, 1, 4 * s},
		{10 * s, 5 * s, 1, 10 * s},
		{10 * s, 5 * s, 9, 10 * s},
		{time.Hour, 5 * s, 9, 256 * s},
	} {
		if got := recheck(c.interval, c.failed, c.took); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

// refusing refuses connections for a while; each takes so long.
func refusing(d *diary, from, until time.Duration) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		now := time.Since(d.begin)
		conn, err := d.dial(ctx, network, address)
		if err == nil && now >= from && now < until {
			return nil, syscall.ECONNREFUSED
		}
		return conn, err
	}
}

// A backend that goes down is looked at again soon, so that a restart which a
// probe happens to meet does not take a whole interval; then less and less often.
func TestBackendThatIsDownIsProbedSoon(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		from, until   time.Duration // no connections
		takes         time.Duration // to make or refuse one
		passes, fails int
		want          []time.Duration // probes
		up            time.Duration   // in the end
	}{
		"restart":               {from: 5 * s, until: 6500 * time.Millisecond, want: []time.Duration{0, 6 * s, 7 * s, 17 * s, 27 * s}, up: 7 * s},
		"outage":                {from: 5 * s, until: 45 * s, want: []time.Duration{0, 6 * s, 7 * s, 9 * s, 13 * s, 21 * s, 31 * s, 41 * s, 51 * s}, up: 51 * s},
		"not down yet":          {from: 5 * s, until: 16500 * time.Millisecond, fails: 2, want: []time.Duration{0, 6 * s, 16 * s, 17 * s, 27 * s}, up: 17 * s},
		"not up yet":            {from: 5 * s, until: 6500 * time.Millisecond, passes: 2, want: []time.Duration{0, 6 * s, 7 * s, 17 * s, 27 * s}, up: 17 * s},
		"down from the start":   {until: 3500 * time.Millisecond, want: []time.Duration{0, s, 3 * s, 7 * s, 17 * s}, up: 7 * s},
		"probes that time out":  {takes: time.Hour, want: []time.Duration{0, 6 * s, 16 * s, 26 * s, 36 * s}},
		"refused after a while": {from: 5 * s, until: time.Hour, takes: 2 * s, want: []time.Duration{0, 6 * s, 10 * s, 14 * s, 18 * s, 26 * s, 36 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDiary(max(c.takes, time.Millisecond))
				active := every(10*s, 5*s)
				active.Passes, active.Fails = max(c.passes, 1), max(c.fails, 1)
				r := newRig(t, 1, active, Options{Rand: func() float64 { return 0.5 }}, refusing(d, c.from, c.until))
				last := c.want[len(c.want)-1]
				time.Sleep(last + s/2)
				d.mu.Lock()
				defer d.mu.Unlock()
				got := d.starts["127.0.0.0:80"]
				if len(got) != len(c.want) {
					t.Fatalf("probes at %v, want %v", got, c.want)
				}
				for i := range got {
					if off := got[i] - c.want[i]; off < 0 || off > 100*time.Millisecond {
						t.Errorf("probe %d at %s, want %s", i, got[i], c.want[i])
					}
				}
				v := r.view(t, "b0")
				if up := v.Health == pool.Up; up != (c.up > 0) {
					t.Errorf("health %s", v.Health)
				}
				if since := v.Since.Sub(d.begin); c.up > 0 && (since < c.up || since > c.up+100*time.Millisecond) {
					t.Errorf("up after %s, want %s", since, c.up)
				}
			})
		})
	}
}
