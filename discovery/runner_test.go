package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// fake is a source of one lookup that answers as told.
type fake struct {
	mu     sync.Mutex
	lookup Lookup
	found  []config.Backend
	err    error
	takes  time.Duration
	asked  []time.Duration // since it was made
	born   time.Time
}

func newFake(name string, addresses ...string) *fake {
	f := &fake{found: backends(addresses...), born: time.Now()}
	f.lookup = Lookup{Name: name, Find: f.find}
	return f
}

func (f *fake) Lookups() []Lookup { return []Lookup{f.lookup} }

func (f *fake) find(ctx context.Context) ([]config.Backend, error) {
	f.mu.Lock()
	f.asked = append(f.asked, time.Since(f.born))
	found, err, takes := f.found, f.err, f.takes
	f.mu.Unlock()
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return found, err
}

func (f *fake) answer(err error, addresses ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found, f.err = backends(addresses...), err
}

// askedAt returns when it was asked, in seconds, and forgets it.
func (f *fake) askedAt() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, d := range f.asked {
		list = append(list, fmt.Sprint(d.Seconds()))
	}
	f.asked = nil
	return strings.Join(list, " ")
}

// several is a source of the lookups of others.
type several []Source

func (s several) Lookups() (list []Lookup) {
	for _, src := range s {
		list = append(list, src.Lookups()...)
	}
	return list
}

var errLookup = errors.New("server misbehaving")

// evenRunner returns a runner whose intervals are exact.
func evenRunner() *Runner {
	r := NewRunner()
	r.random = func() float64 { return 0.5 }
	return r
}

func wait(d time.Duration) {
	time.Sleep(d) // of the bubble's clock
	synctest.Wait()
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "key", "10.0.0.1")
		log, logged := logs()
		src := newFake("x", "10.0.0.3", "10.0.0.2")
		stop := evenRunner().Start(p, "key", src, log)
		defer stop()
		synctest.Wait()
		if got := shown(p); got != "10.0.0.1:80, 10.0.0.2:80, 10.0.0.3:80" {
			t.Fatalf("pool has %s", got)
		}
		if got := logged(); got != "discovery found backends" {
			t.Errorf("logged %q", got)
		}
		revision := p.View().Revision
		src.answer(nil, "10.0.0.2", "10.0.0.3", "10.0.0.2") // the same, in another order
		wait(2 * time.Minute)
		if got := src.askedAt(); got != "0 60 120" {
			t.Errorf("asked at %s", got)
		}
		if got := p.View().Revision; got != revision {
			t.Errorf("the same answer made revision %d of %d", got, revision)
		}
		src.answer(nil, "10.0.0.4", "10.0.0.1")
		wait(time.Minute)
		if got := shown(p); got != "10.0.0.1:80, 10.0.0.4:80" {
			t.Errorf("pool has %s", got)
		}
		if b := p.View().Backends; b[0].Source != pool.FromConfig || b[1].Source != pool.FromDiscovery {
			t.Errorf("sources %s, %s", b[0].Source, b[1].Source)
		}
		if got := logged(); got != "" {
			t.Errorf("logged %q for what the pool's events tell", got)
		}
		stop()
		src.askedAt()
		wait(time.Hour)
		if got := src.askedAt(); got != "" {
			t.Errorf("asked at %s after the end", got)
		}
	})
}

func TestFailuresKeepTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "key")
		log, logged := logs()
		src := newFake("x", "10.0.0.2")
		defer evenRunner().Start(p, "key", src, log)()
		synctest.Wait()
		revision := p.View().Revision
		logged()
		src.answer(errLookup)
		wait(240 * time.Second)
		if got := src.askedAt(); got != "0 60 61 63 67 75 91 123 183" {
			t.Errorf("asked at %s", got)
		}
		if got := shown(p); got != "10.0.0.2:80" || p.View().Revision != revision {
			t.Errorf("pool has %s", got)
		}
		if got := logged(); got != "discovery fails; keeping the backends of the last answer" {
			t.Errorf("logged %q", got)
		}
		wait(24 * time.Hour)
		src.answer(nil, "10.0.0.2")
		wait(time.Minute)
		if got := shown(p); got != "10.0.0.2:80" || p.View().Revision != revision {
			t.Errorf("pool has %s", got)
		}
		if got := logged(); got != "discovery works again" {
			t.Errorf("logged %q", got)
		}
	})
}

func TestEmptyAnswersHaveToBeConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "key", "10.0.0.1")
		log, logged := logs()
		src := newFake("x", "10.0.0.2")
		defer evenRunner().Start(p, "key", src, log)()
		synctest.Wait()
		logged()
		step := func(wantPool, wantLog string) {
			t.Helper()
			wait(time.Minute)
			if got := shown(p); got != wantPool {
				t.Errorf("pool has %s, want %s", got, wantPool)
			}
			if got := logged(); got != wantLog {
				t.Errorf("logged %q, want %q", got, wantLog)
			}
		}
		const both = "10.0.0.1:80, 10.0.0.2:80"
		src.answer(nil)
		step(both, "discovery found no backends; keeping those of the last answer until that is confirmed")
		src.answer(errLookup)
		step(both, "discovery fails; keeping the backends of the last answer")
		src.answer(nil)
		step("10.0.0.1:80", "discovery found no backends again; giving up those of the last answer")
		step("10.0.0.1:80", "")
		src.answer(nil, "10.0.0.2")
		step(both, "discovery works again")
		src.answer(nil)
		step(both, "discovery found no backends; keeping those of the last answer until that is confirmed")
		src.answer(nil, "10.0.0.2")
		step(both, "discovery works again")
		src.answer(nil)
		step(both, "discovery found no backends; keeping those of the last answer until that is confirmed")
	})
}

func TestFailureAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "key", "10.0.0.1")
		log, logged := logs()
		src := newFake("x")
		src.answer(errLookup)
		defer evenRunner().Start(p, "key", src, log)()
		wait(3 * time.Second)
		if got := shown(p); got != "10.0.0.1:80" {
			t.Errorf("pool has %s", got)
		}
		src.answer(nil, "10.0.0.2")
		wait(4 * time.Second)
		if got := shown(p); got != "10.0.0.1:80, 10.0.0.2:80" {
			t.Errorf("pool has %s", got)
		}
		if got := logged(); got != "discovery fails\ndiscovery works again" {
			t.Errorf("logged %q", got)
		}
	})
}

func TestDelay(t *testing.T) {
	tests := []struct {
		lookup   Lookup
		failures int
		random   float64
		want     time.Duration
	}{
		{Lookup{}, 0, 0.5, time.Minute},
		{Lookup{Refresh: 10 * time.Second}, 0, 0, 9 * time.Second},
		{Lookup{Refresh: 10 * time.Second}, 0, 1, 11 * time.Second},
		{Lookup{Refresh: 10 * time.Second}, 1, 0.5, time.Second},
		{Lookup{Refresh: 10 * time.Second}, 4, 0.5, 8 * time.Second},
		{Lookup{Refresh: 10 * time.Second}, 5, 0.5, 10 * time.Second},
		{Lookup{Refresh: 10 * time.Second}, 1 << 40, 0.5, 10 * time.Second},
		{Lookup{Refresh: 200 * time.Millisecond}, 1, 0.5, 200 * time.Millisecond},
		{Lookup{Refresh: time.Minute, Retry: 5 * time.Minute}, 3, 0.5, 5 * time.Minute},
		{Lookup{Refresh: time.Minute, Retry: 5 * time.Second}, 0, 0.5, time.Minute},
	}
	for _, test := range tests {
		if got := test.lookup.delay(test.failures, test.random); got != test.want {
			t.Errorf("%+v after %d failures: %s, want %s", test.lookup, test.failures, got, test.want)
		}
	}
}

func TestIntervalsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "key")
		src := newFake("x", "10.0.0.2")
		defer NewRunner().Start(p, "key", src, zap.NewNop())()
		wait(time.Hour)
		var gaps []time.Duration
		for i := 1; i < len(src.asked); i++ {
			gaps = append(gaps, src.asked[i]-src.asked[i-1])
		}
		least, most := slices.Min(gaps), slices.Max(gaps)
		if least < 54*time.Second || most > 66*time.Second || most-least < time.Second {
			t.Errorf("intervals from %s to %s", least, most)
		}
	})
}

func TestSlowLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "key")
		slow, fast := newFake("slow", "10.0.0.1"), newFake("fast", "10.0.0.2", "10.0.0.1")
		slow.takes = time.Second
		runner := evenRunner()
		defer runner.Start(p, "key", several{slow, fast}, zap.NewNop())()
		wait(settleTime / 2)
		if got := shown(p); got != "" {
			t.Errorf("pool has %s before others had time to answer", got)
		}
		wait(settleTime)
		if got := shown(p); got != "10.0.0.1:80, 10.0.0.2:80" {
			t.Errorf("pool has %s while the slow one is asked", got)
		}
		began := time.Now()
		runner.Settle(t.Context())
		if took := time.Since(began); took != time.Second-settleTime*3/2 {
			t.Errorf("settled after %s", took)
		}
		slow.mu.Lock()
		slow.takes = time.Hour
		slow.mu.Unlock()
		wait(10 * time.Minute)
		slow.askedAt()
		wait(10 * 65 * time.Second) // given up after 5 s, and asked again a minute later
		if got := len(strings.Fields(slow.askedAt())); got != 10 {
			t.Errorf("the lookup that does not end was asked %d times", got)
		}
		if got := shown(p); got != "10.0.0.1:80, 10.0.0.2:80" {
			t.Errorf("pool has %s", got)
		}
	})
}

func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runner := evenRunner()
		runner.Settle(t.Context()) // nothing to wait for
		p := newPool(t, "key")
		defer runner.Start(p, "key", several{}, zap.NewNop())()
		runner.Settle(t.Context())
		src := newFake("x", "10.0.0.1")
		src.takes = time.Minute
		defer runner.Start(p, "other", src, zap.NewNop())()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		runner.Settle(ctx)
		if ctx.Err() == nil {
			t.Error("settled before the source was asked")
		}
		runner.Settle(t.Context()) // until the lookup is given up
	})
}
