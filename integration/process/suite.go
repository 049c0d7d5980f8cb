package process

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Suite is what the tests of a package share: a directory that is there as long
// as they run, and the Caddy in it.
type Suite struct {
	// Dir is set by Main.
	Dir string

	name        string
	plain, race func() (string, error)
}

// NewSuite returns the suite of a package. source is the directory of
// cmd/caddy, relative to the package's.
func NewSuite(name, source string) *Suite {
	s := &Suite{name: name}
	build := func(race bool) func() (string, error) {
		return sync.OnceValues(func() (string, error) { return Build(s.Dir, filepath.FromSlash(source), race) })
	}
	s.plain, s.race = build(false), build(true)
	return s
}

// Main runs the tests and ends the process; goroutines that are left over fail
// them. before and after, which may be nil, run around the tests, and after
// hears whether these have passed.
func (s *Suite) Main(m *testing.M, before func() error, after func(passed bool) error) {
	flag.Parse()
	code, err := s.run(m, before, after)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func (s *Suite) run(m *testing.M, before func() error, after func(passed bool) error) (code int, err error) {
	if s.Dir, err = os.MkdirTemp("", "load-balance-"+s.name+"-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.Dir)) }()
	if before != nil {
		if err := before(); err != nil {
			return 1, err
		}
	}
	code = m.Run()
	if after != nil {
		err = after(code == 0)
	}
	if code == 0 && err == nil {
		err = goleak.Find()
	}
	return code, err
}

// Binary returns the path of a Caddy with this module. It is built once, and
// once more with the race detector, if that is wanted.
func (s *Suite) Binary(race bool) (string, error) {
	if race {
		return s.race()
	}
	return s.plain()
}

// Caddy is Binary in a test.
func (s *Suite) Caddy(t testing.TB, race bool) string {
	t.Helper()
	path, err := s.Binary(race)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
