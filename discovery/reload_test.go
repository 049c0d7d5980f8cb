package discovery

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// The same source over a reload: nothing is forgotten, and nothing flaps.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runner := evenRunner()
		p := newPool(t, "key")
		before, after := newFake("x", "10.0.0.2"), newFake("x", "10.0.0.2")
		stopBefore := runner.Start(p, "key", before, zap.NewNop())
		synctest.Wait()
		live, revision := p.Snapshot().Find("10.0.0.2:80").Backend, p.View().Revision

		after.answer(errLookup) // even if just then nobody answers
		p.Commit("second", definition(t, "key"))
		stopAfter := runner.Start(p, "key", after, zap.NewNop())
		stopBefore()
		p.Withdraw("first")
		wait(10 * time.Minute)
		if m := p.Snapshot().Find("10.0.0.2:80"); m == nil || m.Backend != live || p.View().Revision != revision {
			t.Errorf("pool has %s in revision %d, was %d", shown(p), p.View().Revision, revision)
		}
		if before.askedAt() != "0" || after.askedAt() == "" {
			t.Error("the wrong source was asked")
		}
		stopAfter()
	})
}

// A config that does not come to start leaves the one before as it was.
func TestRejectedReload(t *testing.T) {
	for _, key := range []string{"key", "other key", ""} {
		t.Run(key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runner := evenRunner()
				p := newPool(t, "key")
				before, after := newFake("x", "10.0.0.2"), newFake("x", "10.0.0.3")
				defer runner.Start(p, "key", before, zap.NewNop())()
				synctest.Wait()
				live := p.Snapshot().Find("10.0.0.2:80").Backend

				p.Commit("second", definition(t, key, "10.0.0.9"))
				stopAfter := runner.Start(p, key, after, zap.NewNop())
				wait(time.Minute)
				before.askedAt()
				stopAfter()
				p.Withdraw("second")
				before.answer(nil, "10.0.0.2", "10.0.0.4")
				if key != "key" { // else it has taken over, and its answer counts
					if m := p.Snapshot().Find("10.0.0.2:80"); m == nil || m.Backend != live || shown(p) != "10.0.0.2:80" {
						t.Errorf("pool has %s", shown(p))
					}
				}
				wait(time.Minute)
				if got := shown(p); got != "10.0.0.2:80, 10.0.0.4:80" {
					t.Errorf("pool has %s", got)
				}
			})
		})
	}
}

// Another source: what the one before has found serves until the new one has
// been asked.
func TestChangedSource(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"answers": {nil, "10.0.0.3:80"},
		"fails":   {errLookup, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runner := evenRunner()
				p := newPool(t, "key")
				stopBefore := runner.Start(p, "key", newFake("x", "10.0.0.2"), zap.NewNop())
				synctest.Wait()
				src := newFake("y", "10.0.0.3")
				src.takes, src.err = time.Second, test.err
				if test.err != nil {
					src.found = nil
				}
				p.Commit("second", definition(t, "new key"))
				defer runner.Start(p, "new key", src, zap.NewNop())()
				stopBefore()
				p.Withdraw("first")
				wait(time.Second / 2)
				if got := shown(p); got != "10.0.0.2:80" {
					t.Errorf("pool has %s before the new source was asked", got)
				}
				wait(time.Second)
				if got := shown(p); got != test.want {
					t.Errorf("pool has %s, want %s", got, test.want)
				}
			})
		})
	}
}

func TestNoSourceAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runner := evenRunner()
		p := newPool(t, "key")
		stop := runner.Start(p, "key", newFake("x", "10.0.0.2"), zap.NewNop())
		synctest.Wait()
		p.Commit("second", definition(t, "", "10.0.0.9"))
		stop()
		p.Withdraw("first")
		if got := shown(p); got != "10.0.0.9:80" {
			t.Errorf("pool has %s", got)
		}
		if len(runner.entries) != 0 {
			t.Errorf("%d sources are remembered", len(runner.entries))
		}
		p.Commit("third", definition(t, "key"))
		p.Withdraw("second")
		if got := shown(p); got != "" {
			t.Errorf("pool has %s of a source that was not asked since", got)
		}
	})
}
