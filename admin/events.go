package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
	// maxStreams is how many streams of events there may be at once.
	maxStreams = 64

	// heartbeat is the time between two signs of life on a stream on which
	// nothing happens.
	heartbeat = 15 * time.Second

	// writeLimit is how long a write to a stream may take.
	writeLimit = 10 * time.Second
)

// streams is how many streams there are.
var streams atomic.Int64

// eventJSON is an event on the wire.
type eventJSON struct {
	Number  uint64    `json:"number"`
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
	Pool    string    `json:"pool"`
	Backend string    `json:"backend"`
	Address string    `json:"address,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	After   float64   `json:"after,omitempty"` // ms that the state before has held
	Old     string    `json:"old,omitempty"`
	New     string    `json:"new,omitempty"`
	Then    pool.Then `json:"then,omitempty"` // what has followed a drain
	By      string    `json:"by,omitempty"`
}

func wireEvent(e pool.Event) eventJSON {
	return eventJSON{
		Number: e.Number, At: timestamp(e.At), Event: e.Name, Pool: e.Pool, Backend: e.Backend, Address: e.Address,
		Reason: e.Reason, After: milliseconds(e.Lasted), Old: e.Old, New: e.New, Then: e.Then, By: e.By,
	}
}

// streamEvents answers with a stream of server-sent events, one for each change
// of any pool, or of the one that the query names. It ends when the client
// leaves or is too slow, and when the config is replaced, as the admin endpoint is
// then: clients connect again, and get what they have missed.
func streamEvents(c *call) (*answer, error) {
	params, err := parseQuery(c.r.URL.RawQuery, "pool")
	if err != nil {
		return nil, err
	}
	if name, given := params["pool"]; given {
		if err := config.CheckPoolName(name); err != nil {
			return nil, refuse(http.StatusBadRequest, codeBadQuery, "%v", err)
		}
		c.pool = name
		if _, err := c.findPool(); err != nil {
			return nil, err
		}
	}
	if c.r.Method == http.MethodHead {
		return &answer{stream: func() {}}, nil
	}
	if streams.Add(1) > maxStreams {
		streams.Add(-1)
		return nil, refuse(http.StatusServiceUnavailable, pool.CodeBusy, "there are %d streams of events already", maxStreams)
	}
	// from here on nothing is missed that happens after the answer's head
	sub, complete := c.subscribe()
	return &answer{stream: func() {
		defer streams.Add(-1)
		defer sub.Close()
		c.stream(sub, complete)
	}}, nil
}

// subscribe goes on behind the event that the client has had last, if it says
// so. It is not complete if what came since is not known any more.
func (c *call) subscribe() (sub *pool.Subscription, complete bool) {
	registry := c.api.registry
	last := c.r.Header.Get("Last-Event-ID")
	if last == "" {
		return registry.Subscribe(c.pool), true
	}
	number, ours := strings.CutPrefix(last, registry.Epoch()+"-")
	after, err := strconv.ParseUint(number, 10, 64)
	if !ours || err != nil {
		return registry.Subscribe(c.pool), false // it was another process's
	}
	return registry.Resume(c.pool, after)
}

func (c *call) stream(sub *pool.Subscription, complete bool) {
	c.liftReadLimit()
	rc := http.NewResponseController(c.w)
	send := func(text string) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(cmp.Or(c.api.writeLimit, writeLimit)))
		_, err := c.w.Write([]byte(text))
		return err == nil && rc.Flush() == nil
	}
	ok := send("retry: 1000\n\n")
	if ok && !complete {
		ok = send("event: missed\ndata: {}\n\n")
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for ok {
		select {
		case e, open := <-sub.C:
			if !open {
				return // too slow
			}
			data, err := json.Marshal(wireEvent(e))
			ok = err == nil && send(fmt.Sprintf("id: %s-%d\nevent: %s\ndata: %s\n\n", c.api.registry.Epoch(), e.Number, e.Name, data))
		case <-tick.C:
			ok = send(":\n\n")
		case <-c.r.Context().Done():
			return
		case <-c.api.done:
			return
		}
	}
}
