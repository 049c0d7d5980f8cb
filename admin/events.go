package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

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
// of any pool. It ends when the client leaves or is too slow, and when the
// config is replaced, as the admin endpoint is then: clients connect again.
func streamEvents(c *call) (*answer, error) {
	if _, err := parseQuery(c.r.URL.RawQuery); err != nil {
		return nil, err
	}
	if c.r.Method == http.MethodHead {
		return &answer{stream: func() {}}, nil
	}
	if streams.Add(1) > maxStreams {
		streams.Add(-1)
		return nil, refuse(http.StatusServiceUnavailable, pool.CodeBusy, "there are %d streams of events already", maxStreams)
	}
	// from here on nothing is missed that happens after the answer's head
	sub := c.api.registry.Subscribe()
	return &answer{stream: func() {
		defer streams.Add(-1)
		defer sub.Close()
		c.stream(sub)
	}}, nil
}

func (c *call) stream(sub *pool.Subscription) {
	rc := http.NewResponseController(c.w)
	// Caddy's limit on reading requests would end the stream
	_ = rc.SetReadDeadline(time.Time{})
	send := func(text string) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(writeLimit))
		_, err := c.w.Write([]byte(text))
		return err == nil && rc.Flush() == nil
	}
	ok := send("retry: 1000\n\n")
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for ok {
		select {
		case e, open := <-sub.C:
			if !open {
				return // too slow
			}
			data, err := json.Marshal(wireEvent(e))
			ok = err == nil && send(fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", e.Number, e.Name, data))
		case <-tick.C:
			ok = send(":\n\n")
		case <-c.r.Context().Done():
			return
		case <-c.api.done:
			return
		}
	}
}
