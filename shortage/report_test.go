package shortage

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// However many failures there are, there is one line in a period, and none is
// left out.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		logger := zap.New(core)
		var r reporter
		lines := func(want ...int64) {
			t.Helper()
			synctest.Wait()
			got := logs.TakeAll()
			if len(got) != len(want) {
				t.Fatalf("got %d lines, want %d", len(got), len(want))
			}
			for i, line := range got {
				if n := line.ContextMap()["failures"]; n != want[i] || line.Level != zapcore.ErrorLevel {
					t.Errorf("line %d has level %s and %v failures, want %d", i, line.Level, n, want[i])
				}
			}
		}
		fail := func(n int) {
			for range n {
				r.report(logger, "file descriptors", syscall.EMFILE)
			}
		}
		fail(1)
		lines(1)
		fail(1000)
		lines()
		time.Sleep(Period)
		lines(1000)
		fail(5)
		time.Sleep(Period / 2)
		lines()
		fail(6)
		time.Sleep(Period / 2)
		lines(11)
		time.Sleep(Period)
		lines()
		fail(2)
		lines(1)
		time.Sleep(Period)
		lines(1)
		time.Sleep(Period)
		lines()
	})
}
