package command

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// output is what a command that does not end by itself prints.
type output struct {
	t    *testing.T
	file *os.File
}

func newOutput(t *testing.T) *output {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return &output{t, file}
}

func (o *output) text() string {
	o.t.Helper()
	text, err := os.ReadFile(o.file.Name())
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

// has returns an error if one of the texts was not printed.
func (o *output) has(parts ...string) error {
	o.t.Helper()
	return has(o.text(), parts...)
}

func has(text string, parts ...string) error {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return fmt.Errorf("no %q in\n%s", part, text)
		}
	}
	return nil
}

// interrupt ends a command as Ctrl-C does, which is no failure.
func interrupt(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
}
