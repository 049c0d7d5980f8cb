// Package curl stands in for curl in commands of the documentation and of the
// examples, since tests need nothing but Go and make.
package curl

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Clients returns the directories to put before PATH so that commands find a
// curl: the system's, if there is one, and in any case the stand-in, which is
// the test's own program by another name.
func Clients(t testing.TB) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "curl")); err != nil {
		t.Fatal(err)
	}
	clients := map[string]string{"stand-in": dir}
	if path, err := exec.LookPath("curl"); err == nil {
		clients["curl"] = filepath.Dir(path)
	}
	return clients
}

// Called reports whether the program was called by the name of curl. It is to
// call Main then, and nothing else.
func Called() bool { return filepath.Base(os.Args[0]) == "curl" }

// Main does what curl does with those options that the documentation uses, and
// refuses all others. It ends the process.
func Main() {
	call, err := Parse(os.Args[1:])
	if err == nil {
		err = call.do()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "curl:", err)
		code := 2
		if errors.Is(err, errStatus) {
			code = 22 // as curl has it
		}
		os.Exit(code)
	}
	os.Exit(0)
}
