//go:build unix

package persist

import (
	"os"
	"syscall"
	"testing"
)

// hang puts in place of a file what nobody can read until end is called, and
// what has no end then either.
func hang(t *testing.T, file string) (end func()) {
	t.Helper()
	fifo := t.TempDir() + "/fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(fifo, file); err != nil {
		t.Fatal(err)
	}
	return func() {
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
}
