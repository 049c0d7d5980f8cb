package health

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// server is what probes meet.
type server struct {
	err   atomic.Pointer[error]
	dials atomic.Int64
	takes atomic.Int64 // ns
}

func (s *server) answer(err error) { s.err.Store(&err) }

func (s *server) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	s.dials.Add(1)
	if err := sleep(ctx, time.Duration(s.takes.Load())); err != nil {
		return nil, err
	}
	if err := s.err.Load(); err != nil && *err != nil {
		return nil, *err
	}
	return stubConn{}, nil
}

var errRefused = &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// settled waits until all probes have ended, and what follows from them.
func settled() {
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
}

func expectHealth(t *testing.T, r *rig, id string, want pool.Health) {
	t.Helper()
	if got := r.view(t, id).Health; got != want {
		t.Errorf("%s is %s, want %s", id, got, want)
	}
}

func TestHealthIsReportedToThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(server)
		active := every(10*time.Second, 5*time.Second)
		r := newRig(t, 1, active, Options{}, s.dial)
		settled()
		v := r.view(t, "b0")
		if v.Health != pool.Up || !v.LastCheck.OK || !strings.HasPrefix(v.LastCheck.Text, "connected in ") {
			t.Errorf("after a pass: %s, check %+v", v.Health, v.LastCheck)
		}
		s.answer(errRefused)
		time.Sleep(11100 * time.Millisecond)
		v = r.view(t, "b0")
		if v.Accepting || v.Reason != "down: connection refused" || v.LastCheck.OK {
			t.Errorf("after a failure: accepting %t, reason %q, check %+v", v.Accepting, v.Reason, v.LastCheck)
		}
		s.takes.Store(int64(time.Minute))
		time.Sleep(18 * time.Second)
		if v = r.view(t, "b0"); v.Reason != "down: timeout after 5s" {
			t.Errorf("after another failure: reason %q", v.Reason)
		}
		s.takes.Store(0)
		s.answer(nil)
		time.Sleep(17 * time.Second)
		if v = r.view(t, "b0"); !v.Accepting || v.Reason != "" {
			t.Errorf("after a pass: accepting %t, reason %q", v.Accepting, v.Reason)
		}
		if got, want := r.events.take(), "[backend_down b0 down: connection refused backend_up b0]"; got != want {
			t.Errorf("events %s, want %s", got, want)
		}
	})
}

func TestAddedBackendWaitsForItsFirstPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(server)
		active := every(10*time.Second, 5*time.Second)
		active.Passes, active.Fails = 3, 3
		r := newRig(t, 1, active, Options{}, s.dial)
		settled()
		s.takes.Store(int64(time.Second))
		if _, err := r.Add(spec(t, 1), pool.Options{}); err != nil {
			t.Fatal(err)
		}
		settled()
		if v := r.view(t, "b1"); v.Accepting || v.Health != pool.Unknown {
			t.Errorf("before its first probe has ended: accepting %t, health %s", v.Accepting, v.Health)
		}
		time.Sleep(time.Second)
		if v := r.view(t, "b1"); !v.Accepting {
			t.Errorf("after its first pass: not accepting, %s", v.Reason)
		}
	})
}

func TestFlappingBackendIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var probes atomic.Int64
		active := every(10*time.Second, 5*time.Second)
		active.Passes, active.Fails = 2, 2
		r := newRig(t, 1, active, Options{}, func(context.Context, string, string) (net.Conn, error) {
			if probes.Add(1)%2 == 0 {
				return nil, errRefused
			}
			return stubConn{}, nil
		})
		time.Sleep(time.Hour)
		if probes.Load() < 300 {
			t.Fatalf("only %d probes in an hour", probes.Load())
		}
		expectHealth(t, r, "b0", pool.Up)
		if got := r.events.take(); got != "[]" {
			t.Errorf("events %s", got)
		}
	})
}

func TestLocalFaultSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(server)
		s.answer(&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)})
		r := newRig(t, 1, every(10*time.Second, 5*time.Second), Options{}, s.dial)
		time.Sleep(time.Minute)
		v := r.view(t, "b0")
		if v.Health != pool.Unknown || v.LastCheck.OK || v.LastCheck.Text != "not probed for want of file descriptors here" {
			t.Errorf("health %s, check %+v", v.Health, v.LastCheck)
		}
	})
}

func TestPanicIsContained(t *testing.T) {
	for _, uri := range []string{"", "/health"} {
		t.Run("uri "+uri, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logs, seen := observer.New(zap.InfoLevel)
				active := every(10*time.Second, 5*time.Second)
				active.URI = uri
				var dials atomic.Int64
				r := newRig(t, 1, active, Options{Logger: zap.New(logs)}, func(context.Context, string, string) (net.Conn, error) {
					dials.Add(1)
					panic("out of its mind")
				})
				time.Sleep(25 * time.Second)
				v := r.view(t, "b0")
				if v.Health != pool.Unknown || v.LastCheck.Text != "internal error" {
					t.Errorf("health %s, check %+v", v.Health, v.LastCheck)
				}
				if n := int(dials.Load()); n < 2 || (uri == "" && seen.Len() != n) {
					t.Errorf("%d probes, %d logged", n, seen.Len())
				}
			})
		})
	}
}

func TestProbesAreObservedAndLoggedAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []string
		opts := Options{OnProbe: func(poolName string, b *pool.Backend, c pool.Check) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, poolName+" "+b.ID()+" "+c.Text)
		}}
		core, logs := observer.New(zap.DebugLevel)
		s := new(server)
		s.answer(errRefused)
		r := newRig(t, 1, every(10*time.Second, 5*time.Second), opts, s.dial)
		settled()
		r.checker.SetLogger(zap.New(core))
		time.Sleep(12 * time.Second)
		r.checker.SetLogger(nil)
		time.Sleep(12 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(seen) < 3 || seen[0] != "test b0 connection refused" {
			t.Errorf("seen %q", seen)
		}
		if logs.Len() == 0 || logs.Len() >= len(seen)-1 {
			t.Errorf("%d log lines of %d probes, of which some were with this logger", logs.Len(), len(seen))
		}
		for _, entry := range logs.All() {
			if fields := entry.ContextMap(); entry.Level != zap.DebugLevel || fields["backend"] != "b0" || fields["seen"] != "connection refused" {
				t.Errorf("logged at %s: %v", entry.Level, fields)
			}
		}
	})
}
