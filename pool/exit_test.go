package pool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestExitEndsAllTunnels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		must(t, r.AwaitTunnels(t.Context())) // there are none
		var tunnels []*Tunnel
		for _, name := range []string{"one", "two"} {
			p, err := r.Acquire(name)
			must(t, err)
			p.Commit("config", define(t, "a:1"))
			m, err := p.Acquire(&Request{})
			must(t, err)
			tunnels = append(tunnels, m.OpenTunnel())
		}
		began := time.Now()
		r.Exit(2*time.Second, 5*time.Second)
		r.Exit(0, 0) // once is enough
		if isClosed(tunnels[0].Exiting()) {
			t.Error("tunnels have to end before the servers do")
		}
		<-tunnels[0].Exiting()
		wantSame(t, "delay", time.Since(began), 2*time.Second)
		wantSame(t, "delay of what may take a minute", tunnels[1].ExitDelay(time.Minute), 5*time.Second)
		wantSame(t, "delay of what may take a second", tunnels[1].ExitDelay(time.Second), time.Second)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.AwaitTunnels(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting in vain: %v", err)
		}
		done := make(chan error)
		go func() { done <- r.AwaitTunnels(t.Context()) }()
		tunnels[0].Close()
		tunnels[0].Close() // counts once
		synctest.Wait()
		select {
		case <-done:
			t.Error("a tunnel is left")
		default:
		}
		tunnels[1].Close()
		must(t, <-done)
		for _, name := range []string{"one", "two"} {
			must(t, r.Release(name))
		}
	})
}
