package fault

import (
	"testing"
	"time"
)

// patience is how long to wait for what must come. It is long because the
// machine may be busy; nothing waits for it to be over when all is well.
const patience = 30 * time.Second

// eventually calls check until it returns nil, and fails the test with its
// last error if that takes too long.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	if err := poll(check); err != nil {
		t.Fatal(err)
	}
}

// poll calls check until it returns nil. It returns its last error if that
// takes too long.
func poll(check func() error) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-deadline.C:
			return err
		case <-tick.C:
		}
	}
}
