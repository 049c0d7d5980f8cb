package command

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// viewer is a screen that ends the watch once it has been written to often
// enough.
type viewer struct {
	text strings.Builder
	left int
	end  context.CancelFunc
}

func (v *viewer) Write(p []byte) (int, error) {
	if v.left--; v.left == 0 {
		v.end()
	}
	return v.text.Write(p)
}

// TestWatch looks at a server that fails in between. The terminal is in the end
// as it was.
func TestWatch(t *testing.T) {
	f := startFake(t, map[string]string{})
	var looks atomic.Int32
	f.on("GET /load_balance/status", func() (int, string) {
		if looks.Add(1) == 2 {
			return 500, `{"error":"internal error; see the log","code":"internal"}`
		}
		return 200, `{"pools":[{"name":"web","total":0}]}`
	})
	c, err := newClient(f.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v := &viewer{left: 4, end: cancel} // the first one enters the screen
	o := statusOptions{interval: 10 * time.Millisecond}
	if err := o.follow(ctx, c, screen{w: v, terminal: true, width: 100}); err != nil {
		t.Fatal(err)
	}
	got := v.text.String()
	if !strings.HasPrefix(got, enterScreen) || !strings.HasSuffix(got, leaveScreen) {
		t.Errorf("the screen is not entered and left: %q", got)
	}
	same(t, "views", strings.Count(got, toTop), 3)
	same(t, "views of the pool", strings.Count(got, "pool web: no backends"), 2)
	same(t, "views of the failure", strings.Count(got, "Error: internal error; see the log"), 1)
}

// TestWatchWithoutTerminal prints one view after the other, and ends with an
// error that will not go away.
func TestWatchWithoutTerminal(t *testing.T) {
	f := startFake(t, map[string]string{})
	looks := 0
	f.on("GET /load_balance/status", func() (int, string) {
		if looks++; looks == 3 {
			return 500, `{"error":"broken","code":"internal"}`
		}
		return 200, `{"pools":[]}`
	})
	same(t, "result", run(t, "status", "--watch", "--interval", "100ms", "--address", f.addr()),
		result{exitServer, "There is no pool.\n\nThere is no pool.\n\n", "Error: broken\n"})
}
