package pool

import (
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
