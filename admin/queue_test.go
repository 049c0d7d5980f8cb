package admin

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// The status of a pool says what its queue may hold, who is in it, and what has
// become of the others. A pool without one has none in its status.
func TestStatusOfQueue(t *testing.T) {
	s := newServer(t, map[string][]config.Backend{"api": {{Address: "127.0.0.1:9003"}}})
	p := s.addPool("web", &pool.Definition{
		Backends: specs(t, []config.Backend{{Address: "127.0.0.1:9001", MaxRequests: 1}}),
		Queue:    pool.QueueLimits{Size: 1, Timeout: 90 * time.Second},
	})
	busy, err := p.Acquire(new(pool.Request))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := p.Wait(ctx, new(pool.Request), time.Time{})
		left <- err
	}()
	status := func() (v poolJSON) {
		decode(t, s.do(http.MethodGet, "/load_balance/pools/web", "").body, &v)
		return v
	}
	for deadline := time.Now().Add(10 * time.Second); status().Queued == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
	}
	if _, err := p.Wait(t.Context(), new(pool.Request), time.Time{}); !errors.Is(err, pool.ErrQueueFull) {
		t.Errorf("error %v", err)
	}
	v := status()
	if v.Queue.Longest <= 0 {
		t.Errorf("longest: %v", v.Queue.Longest)
	}
	v.Queue.Longest = 0
	if want := (queueJSON{Size: 1, Timeout: 90_000, Waited: 1, Refused: 1}); v.Queued != 1 || *v.Queue != want {
		t.Errorf("%d wait, %+v", v.Queued, *v.Queue)
	}
	cancel()
	<-left
	busy.Release()
	if v = status(); v.Queued != 0 || v.Queue.Left != 1 || v.Queue.Longest != 0 {
		t.Errorf("%d wait, %+v", v.Queued, *v.Queue)
	}
	var all statusJSON
	decode(t, s.do(http.MethodGet, "/load_balance/status", "").body, &all)
	if all.Pools[0].Name != "api" || all.Pools[0].Queue != nil || all.Pools[1].Queue == nil {
		t.Errorf("%+v", all)
	}
}
