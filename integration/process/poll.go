package process

import (
	"testing"
	"time"
)

// Patience is how long to wait for what must come. It is long because the
// machine may be busy; nothing waits for it to be over when all is well.
const Patience = 30 * time.Second

// Poll calls check until it returns nil. It returns check's last error if that
// takes too long.
func Poll(check func() error) error {
	deadline := time.NewTimer(Patience)
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

// Eventually is Poll in a test, which fails with the error.
func Eventually(t testing.TB, check func() error) {
	t.Helper()
	if err := Poll(check); err != nil {
		t.Fatal(err)
	}
}
