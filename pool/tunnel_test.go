package pool

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRemovalEndsTunnels(t *testing.T) {
	for _, c := range []struct {
		name   string
		remove func(d *drainTest)
		ends   bool
	}{
		{"at runtime", func(d *drainTest) { must(d, d.Remove("a:1", Options{})) }, true},
		{"by the config", func(d *drainTest) { d.Commit("config 1", define(d, "b:1")) }, true},
		{"of another backend", func(d *drainTest) { must(d, d.Remove("b:1", Options{})) }, false},
		{"by a drain", func(d *drainTest) { d.drain(time.Millisecond, ThenRemove); d.wait(time.Minute) }, true},
		{"maintenance is none", func(d *drainTest) { d.patch(Patch{AdminState: ptr(Maintenance)}) }, false},
		{"by a config that may be withdrawn", func(d *drainTest) {
			d.Commit("config 2", define(d, "b:1"))
			d.Withdraw("config 2")
		}, false},
		{"by a config that stays", func(d *drainTest) {
			d.Commit("config 2", define(d, "b:1"))
			d.Withdraw("config 1")
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inDrainTest(t, false, func(d *drainTest) {
				m := d.take()
				tunnel := m.OpenTunnel()
				c.remove(d)
				synctest.Wait()
				wantSame(t, "has to end", isClosed(tunnel.BackendGone()), c.ends)
				tunnel.Close()
				m.Release()
			})
		})
	}
}

func TestTunnelsOutliveDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := define(t)
		def.Discovery = "dns"
		p := newTestPool(t, nil, def)
		p.SetDiscovered("dns", specs(t, "a:1"))
		m, err := p.Acquire(&Request{})
		must(t, err)
		tunnel := m.OpenTunnel()
		p.SetDiscovered("dns", specs(t, "b:1"))
		if isClosed(tunnel.BackendGone()) {
			t.Error("the tunnel has to end because discovery has missed its backend")
		}
		tunnel.Close()
		m.Release()
	})
}

func TestGoneDelay(t *testing.T) {
	inDrainTest(t, false, func(d *drainTest) {
		m := d.take()
		tunnel := m.OpenTunnel()
		must(t, d.Remove("a:1", Options{}))
		wantSame(t, "delay after a removal", tunnel.GoneDelay(time.Minute), time.Minute)
		wantSame(t, "delay if there is none", tunnel.GoneDelay(0), 0)
		tunnel.Close()
		m.Release()
	})
}

// What follows a drain may be carried out by another instance, which had
// nothing left to wait for. Here, tunnels may last until the deadline.
func TestTunnelsOutliveADrainThatEndsElsewhere(t *testing.T) {
	for _, deadline := range []time.Duration{0, time.Hour} {
		inDrainTest(t, false, func(d *drainTest) {
			store := &memStore{}
			d.def.Store = store
			d.Commit("config 1", d.def)
			m := d.take()
			tunnel := m.OpenTunnel()
			d.drain(deadline, ThenRemove)

			other := newTestPool(d.T, nil, d.def)
			must(t, other.Adopt(store.stored("test")))
			synctest.Wait()
			wantSame(t, "backends at the other instance", ids(other), "[b:1]")
			must(t, d.Adopt(store.stored("test")))
			wantSame(t, "backends here", ids(d.Pool), "[b:1]")
			ended := isClosed(tunnel.BackendGone())
			wantSame(t, "tunnel is to end", ended, deadline > 0)
			if ended {
				wantSame(t, "in", tunnel.GoneDelay(0), deadline)
			}
			tunnel.Close()
			m.Release()
		})
	}
}

// If it cannot be stored, it is tried again until it can.
func TestWhatFollowsIsTriedAgain(t *testing.T) {
	inDrainTest(t, false, func(d *drainTest) {
		store := &memStore{}
		d.def.Store = store
		d.Commit("config 1", d.def)
		m := d.take()
		d.drain(time.Minute, ThenRemove)
		store.set(errors.New("disk full"), nil)
		m.Release()
		d.wait(time.Minute)
		if v := d.view().Draining; v == nil || v.Done || !strings.HasPrefix(v.WaitingFor, `"remove" to succeed: `) {
			t.Errorf("view %+v", v)
		}
		store.set(nil, nil)
		d.wait(followRetry)
		wantSame(t, "backends", ids(d.Pool), "[b:1]")
		wantSame(t, "events", len(d.finished()), 1)
	})
}
