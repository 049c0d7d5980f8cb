package health

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestCancelledProbeCountsAsNothing(t *testing.T) {
	hang := func(s *server) { s.takes.Store(int64(time.Hour)) }
	tests := map[string]func(r *rig, s *server) error{
		"maintenance": func(r *rig, _ *server) error {
			state := pool.Maintenance
			return r.Patch("b0", pool.Patch{AdminState: &state}, pool.Options{Force: true})
		},
		"health checks turned off": func(r *rig, _ *server) error {
			r.reload(func(def *pool.Definition) { def.Active = &config.ActiveHealth{Disabled: true} })
			return nil
		},
		"other settings": func(r *rig, s *server) error {
			s.takes.Store(int64(time.Hour))
			r.reload(func(def *pool.Definition) {
				active := every(10*time.Hour, 5*time.Hour)
				def.Active = &active
			})
			return nil
		},
		"stop": func(r *rig, _ *server) error {
			r.checker.Stop()
			return nil
		},
	}
	for name, cancel := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := new(server)
				hang(s)
				r := newRig(t, 1, every(10*time.Second, 5*time.Second), Options{}, s.dial)
				settled()
				if err := cancel(r, s); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				v := r.view(t, "b0")
				if v.Health != pool.Unknown || !v.LastCheck.At.IsZero() {
					t.Errorf("health %s, check %+v", v.Health, v.LastCheck)
				}
			})
		})
	}
}

func TestReloadKeepsState(t *testing.T) {
	tests := map[string]struct {
		interval time.Duration // after the reload
		atOnce   int64         // probes
	}{
		"same settings":  {10 * time.Second, 0},
		"other settings": {20 * time.Second, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := new(server)
				active := every(10*time.Second, 5*time.Second)
				active.Fails = 3
				r := newRig(t, 1, active, Options{}, s.dial)
				settled()
				s.answer(errRefused)
				for s.dials.Load() < 3 { // two failures of three
					time.Sleep(100 * time.Millisecond)
				}
				settled()
				expectHealth(t, r, "b0", pool.Up)
				r.reload(func(def *pool.Definition) {
					active.Interval = caddy.Duration(test.interval)
					def.Active = &active
				})
				settled()
				if n := s.dials.Load() - 3; n != test.atOnce {
					t.Errorf("%d probes at once, want %d", n, test.atOnce)
				}
				for s.dials.Load() < 4 {
					time.Sleep(100 * time.Millisecond)
				}
				settled()
				expectHealth(t, r, "b0", pool.Down)
			})
		})
	}
}

func TestBackFromMaintenanceIsProbedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(server)
		r := newRig(t, 1, every(time.Hour, 5*time.Second), Options{}, s.dial)
		settled()
		set := func(state pool.AdminState) {
			t.Helper()
			if err := r.Patch("b0", pool.Patch{AdminState: &state}, pool.Options{Force: true}); err != nil {
				t.Fatal(err)
			}
		}
		set(pool.Maintenance)
		time.Sleep(3 * time.Hour)
		if n := s.dials.Load(); n != 1 {
			t.Errorf("%d probes, want none in maintenance", n-1)
		}
		s.answer(errRefused)
		set(pool.Ready)
		settled()
		if n := s.dials.Load(); n != 2 {
			t.Errorf("%d probes at once when it is back", n-1)
		}
		expectHealth(t, r, "b0", pool.Down)
	})
}

// TestBackBeforeTheProbeHasEnded unwatches a backend and watches it again
// while a probe of it is still on its way out.
func TestBackBeforeTheProbeHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open, most, dials atomic.Int64
		r := newRig(t, 1, every(time.Hour, 5*time.Second), Options{}, func(ctx context.Context, _, _ string) (net.Conn, error) {
			most.Store(max(most.Load(), open.Add(1)))
			defer open.Add(-1)
			if dials.Add(1) == 1 {
				<-ctx.Done()
				time.Sleep(time.Second) // deaf for a while
				return nil, errRefused
			}
			return stubConn{}, nil
		})
		settled()
		for _, state := range []pool.AdminState{pool.Maintenance, pool.Ready} {
			if err := r.Patch("b0", pool.Patch{AdminState: &state}, pool.Options{Force: true}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(1100 * time.Millisecond)
		expectHealth(t, r, "b0", pool.Up)
		if most.Load() != 1 || dials.Load() != 2 {
			t.Errorf("%d probes, %d at a time", dials.Load(), most.Load())
		}
	})
}

// TestBackIsJudgedAnew is about what was counted before a backend was gone.
func TestBackIsJudgedAnew(t *testing.T) {
	for _, during := range []bool{false, true} {
		t.Run(fmt.Sprintf("during a probe %t", during), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := new(server)
				s.answer(errRefused)
				active := every(10*time.Second, 5*time.Second)
				active.Fails = 2
				r := newRig(t, 1, active, Options{}, s.dial)
				settled() // one failure of two
				if during {
					s.takes.Store(int64(4 * time.Second))
					for s.dials.Load() < 2 {
						time.Sleep(100 * time.Millisecond)
					}
					s.takes.Store(0)
				}
				for _, state := range []pool.AdminState{pool.Maintenance, pool.Ready} {
					if err := r.Patch("b0", pool.Patch{AdminState: &state}, pool.Options{Force: true}); err != nil {
						t.Fatal(err)
					}
				}
				settled()
				expectHealth(t, r, "b0", pool.Unknown)
				time.Sleep(12 * time.Second)
				expectHealth(t, r, "b0", pool.Down)
			})
		})
	}
}

// TestReloadBringsAnotherConnector reloads while a probe with the one before is
// under way: that one counts still, but the next is made with the new one.
func TestReloadBringsAnotherConnector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := new(server), new(server)
		before.takes.Store(int64(time.Second))
		after.answer(errRefused)
		r := newRig(t, 1, every(10*time.Second, 5*time.Second), Options{}, before.dial)
		settled()
		r.reload(func(def *pool.Definition) { def.Transports = &transports{pool.Connector{Dial: after.dial}} })
		time.Sleep(time.Second)
		expectHealth(t, r, "b0", pool.Up)
		time.Sleep(11100 * time.Millisecond)
		expectHealth(t, r, "b0", pool.Down)
		if b, a := before.dials.Load(), after.dials.Load(); b != 1 || a == 0 {
			t.Errorf("%d probes with the old connector, %d with the new", b, a)
		}
	})
}

func TestStopIgnoresWhatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(server)
		r := newRig(t, 1, every(time.Second, time.Second), Options{}, s.dial)
		settled()
		r.checker.Stop()
		before := s.dials.Load()
		r.reload(func(*pool.Definition) {})
		time.Sleep(time.Minute)
		if n := s.dials.Load(); n != before {
			t.Errorf("%d probes after Stop", n-before)
		}
	})
}
