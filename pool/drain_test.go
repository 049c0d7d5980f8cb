package pool

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDrainOfIdleBackendEndsAtOnce(t *testing.T) {
	for _, then := range []Then{StayDrained, ThenRemove, ThenMaintenance} {
		t.Run(fmt.Sprintf("then %q", then), func(t *testing.T) {
			inDrainTest(t, false, func(d *drainTest) {
				d.drain(time.Hour, then)
				d.wantDone("nothing is left", then, 0)
				switch v := d.view(); then {
				case StayDrained:
					if v.AdminState != Drain || v.Draining == nil || !v.Draining.Done || v.Draining.WaitingFor != "" || v.Reason != "drained" {
						t.Errorf("view %+v, %+v", v, v.Draining)
					}
				case ThenRemove:
					wantSame(t, "backends", ids(d.Pool), "[b:1]")
					wantSame(t, "by", d.events(EventRemoved)[0].By, ByDrain)
				case ThenMaintenance:
					if v.AdminState != Maintenance || v.Draining != nil || v.Drain != (DrainPlan{}) {
						t.Errorf("view %+v", v)
					}
				}
				d.wait(2 * time.Hour)
				wantSame(t, "events at the deadline", len(d.finished()), 1)
			})
		})
	}
}

func TestDrainEndsWithTheLastRequestOrTunnel(t *testing.T) {
	inDrainTest(t, false, func(d *drainTest) {
		first, second := d.take(), d.take()
		tunnel := second.OpenTunnel()
		d.drain(0, ThenRemove)
		d.wantWaiting("1 request, 1 tunnel")
		d.wait(time.Minute)
		first.Release()
		d.wait(time.Hour)
		d.wantWaiting("1 tunnel")
		if isClosed(tunnel.BackendGone()) {
			t.Error("the tunnel has to end without a deadline")
		}
		tunnel.Close()
		second.Release()
		synctest.Wait()
		d.wantDone("nothing is left", ThenRemove, time.Hour+time.Minute)
		wantSame(t, "backends", ids(d.Pool), "[b:1]")
	})
}

func TestDeadlineEndsTunnelsAndLetsRequestsFinish(t *testing.T) {
	inDrainTest(t, false, func(d *drainTest) {
		m, other := d.take(), d.take()
		tunnel := m.OpenTunnel()
		d.drain(30*time.Second, ThenRemove)
		d.wait(30*time.Second - time.Millisecond)
		d.wantWaiting("1 request, 1 tunnel")
		if isClosed(tunnel.BackendGone()) {
			t.Fatal("the tunnel has to end before the deadline")
		}
		d.wait(time.Millisecond)
		d.wantWaiting("1 tunnel to close")
		if !isClosed(tunnel.BackendGone()) || tunnel.GoneDelay(time.Hour) != 0 {
			t.Fatalf("the tunnel may go on for %v", tunnel.GoneDelay(time.Hour))
		}
		late := m.OpenTunnel()
		if !isClosed(late.BackendGone()) {
			t.Error("a tunnel that is opened late is not ended")
		}
		late.Close()
		d.wait(time.Second)
		m.Release()
		tunnel.Close()
		synctest.Wait()
		d.wantDone("its deadline has passed; 1 request is still in flight, and may finish", ThenRemove, 31*time.Second)
		wantSame(t, "backends", ids(d.Pool), "[b:1]")
		other.Release()
	})
}

func TestTunnelThatDoesNotEndHoldsUpNothing(t *testing.T) {
	inDrainTest(t, false, func(d *drainTest) {
		m := d.take()
		tunnel := m.OpenTunnel()
		d.drain(time.Second, ThenMaintenance)
		d.wait(time.Second + closingTime)
		d.wantDone("its deadline has passed; 1 request is still in flight, and may finish", ThenMaintenance, time.Second+closingTime)
		wantSame(t, "admin state", d.view().AdminState, Maintenance)
		tunnel.Close()
		m.Release()
		d.ready()
		again := d.member().OpenTunnel()
		if isClosed(again.BackendGone()) {
			t.Error("a tunnel to the backend that is back again has to end")
		}
		again.Close()
	})
}

func TestReadyCancelsADrain(t *testing.T) {
	inDrainTest(t, false, func(d *drainTest) {
		m := d.take()
		tunnel := m.OpenTunnel()
		d.drain(time.Minute, ThenRemove)
		d.wait(time.Second)
		d.ready()
		if v := d.view(); v.Draining != nil || v.State != "up" {
			t.Errorf("view %+v", v)
		}
		d.wait(time.Hour)
		if isClosed(tunnel.BackendGone()) || len(d.finished()) > 0 {
			t.Error("the drain went on")
		}
		tunnel.Close()
		m.Release()
		d.wait(time.Hour)
		wantSame(t, "backends", ids(d.Pool), "[a:1 b:1]")
	})
}

func TestSessionsGoOnUntilTheDrainIsOver(t *testing.T) {
	inDrainTest(t, true, func(d *drainTest) {
		home := func() string {
			m, err := d.Acquire(&Request{})
			must(t, err)
			defer m.Release()
			return m.ID()
		}
		d.wait(time.Hour)
		d.drain(time.Hour, StayDrained)
		d.wantDone("nothing is left", StayDrained, 0)
		wantSame(t, "backend of a session behind the end", home(), "b:1")

		d.rec.events = nil
		d.ready()
		wantSame(t, "backend of a session", home(), "a:1")
		d.drain(time.Hour, StayDrained)
		d.wait(4 * time.Minute)
		d.wantWaiting("sessions, which count as ended if no client comes for 1m0s")
		wantSame(t, "backend of a session during the drain", home(), "a:1")
		d.wait(4 * time.Minute)
		wantSame(t, "backend of a session during the drain", home(), "a:1")
		d.wait(sessionQuiet)
		d.wantDone("nothing is left", StayDrained, 8*time.Minute+sessionQuiet)
	})
}

// The sessions of a backend that is down have moved; there is nothing to wait
// for.
func TestDrainOfADeadBackend(t *testing.T) {
	inDrainTest(t, true, func(d *drainTest) {
		b := d.member().Backend
		d.drain(time.Hour, ThenRemove)
		d.wait(time.Second)
		d.wantWaiting("sessions, which count as ended if no client comes for 4m59s")
		d.SetHealth(b, Down, "refused")
		d.wait(time.Second)
		d.wantDone("nothing is left", ThenRemove, time.Second)
	})
}

func TestDeadlineEndsSessions(t *testing.T) {
	inDrainTest(t, true, func(d *drainTest) {
		d.drain(time.Minute, StayDrained)
		d.wait(59 * time.Second)
		if !d.member().KeepsSessions() {
			t.Error("sessions have ended before the deadline")
		}
		d.wait(time.Second)
		d.wantDone("its deadline has passed", StayDrained, time.Minute)
		if d.member().KeepsSessions() {
			t.Error("sessions go on behind the deadline")
		}
	})
}

// One that is to drain until told otherwise goes on serving sessions, however
// long none has come.
func TestDrainWithoutAnEnd(t *testing.T) {
	inDrainTest(t, true, func(d *drainTest) {
		d.patch(Patch{AdminState: ptr(Drain)})
		d.wait(time.Hour)
		d.wantDone("nothing is left", StayDrained, sessionQuiet)
		if v := d.view(); !v.Draining.Done || v.Reason != "draining" {
			t.Errorf("view %+v, %+v", v, v.Draining)
		}
		m := d.take()
		if v := d.view().Draining; v.Done || !strings.HasPrefix(v.WaitingFor, "1 request, sessions") {
			t.Errorf("view %+v while a request is in flight", v)
		}
		m.Release()
		d.wait(time.Hour)
		if v := d.view().Draining; !v.Done || len(d.finished()) != 1 {
			t.Errorf("view %+v, %d events", v, len(d.finished()))
		}
	})
}

func TestDrainOutlivesReload(t *testing.T) {
	inDrainTest(t, false, func(d *drainTest) {
		m := d.take()
		tunnel := m.OpenTunnel()
		d.drain(time.Minute, ThenRemove)
		next := define(t, "a:1", "b:1", "c:1")
		next.Sink = d.rec.sink
		d.Commit("config 2", next)
		d.Withdraw("config 1")
		d.wait(time.Minute - time.Millisecond)
		d.wantWaiting("1 tunnel")
		d.wait(time.Millisecond)
		if !isClosed(tunnel.BackendGone()) {
			t.Error("the deadline has done nothing")
		}
		tunnel.Close()
		m.Release()
		synctest.Wait()
		wantSame(t, "backends", ids(d.Pool), "[b:1 c:1]")
	})
}

func TestDrainsOfAPoolThatIsGiven(t *testing.T) {
	inDrainTest(t, false, func(d *drainTest) {
		m := d.take()
		d.drain(time.Minute, ThenRemove)
		d.Withdraw("config 1")
		d.wait(time.Hour)
		m.Release()
		synctest.Wait()
		wantSame(t, "backends without a config", ids(d.Pool), "[a:1 b:1]")
		d.Commit("config 2", d.def)
		synctest.Wait()
		wantSame(t, "backends of the next config", ids(d.Pool), "[b:1]")
	})
}
