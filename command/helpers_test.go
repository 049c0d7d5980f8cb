package command

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
)

// fake is an admin endpoint that answers as it is told, and remembers what it
// was asked.
type fake struct {
	server  *httptest.Server
	mu      sync.Mutex
	answers map[string]func() (int, string) // by method and path
	asked   []string
	headers []http.Header
}

// startFake starts an endpoint with the answers, each a status and a body.
func startFake(t *testing.T, answers map[string]string) *fake {
	t.Helper()
	f := &fake{answers: make(map[string]func() (int, string))}
	for key, answer := range answers {
		var status int
		if _, err := fmt.Sscan(answer, &status); err != nil {
			t.Fatalf("answer %q: %v", answer, err)
		}
		_, body, _ := strings.Cut(answer, " ")
		f.answers[key] = func() (int, string) { return status, body }
	}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

func (f *fake) addr() string { return f.server.Listener.Addr().String() }

// on has the endpoint answer the request in a way of its own.
func (f *fake) on(key string, answer func() (int, string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[key] = answer
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	entry := r.Method + " " + r.URL.RequestURI()
	if len(body) > 0 {
		entry += " " + string(body)
	}
	f.asked = append(f.asked, entry)
	f.headers = append(f.headers, r.Header.Clone())
	answer := f.answers[r.Method+" "+r.URL.Path]
	f.mu.Unlock()
	if answer == nil {
		http.Error(w, `{"error":"there is nothing","code":"unknown_path"}`, http.StatusNotFound)
		return
	}
	status, text := answer()
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (f *fake) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "\n")
}

// result is what a command has done.
type result struct {
	code        int
	out, errOut string
}

// run runs a command as `caddy load-balance` does.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runCaddy(t, append([]string{"load-balance"}, args...)...)
}

// runCaddy runs a Caddy that has no other commands.
func runCaddy(t *testing.T, args ...string) result {
	t.Helper()
	caddy := &cobra.Command{Use: "caddy", SilenceUsage: true}
	cmd := &cobra.Command{Long: long}
	setUp(cmd)
	caddy.AddCommand(cmd)
	var out, errs bytes.Buffer
	caddy.SetOut(&out)
	caddy.SetErr(&errs)
	caddy.SetArgs(args)
	err := caddy.ExecuteContext(t.Context())
	return result{codeOf(err), out.String(), errs.String()}
}

// codeOf returns what Caddy exits with. The type of the error is not exported.
func codeOf(err error) int {
	if err == nil {
		return 0
	}
	if v := reflect.Indirect(reflect.ValueOf(err)); v.Kind() == reflect.Struct {
		if field := v.FieldByName("ExitCode"); field.IsValid() {
			return int(field.Int())
		}
	}
	return 1
}

// golden compares a text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: no %q in\n%s", what, part, text)
		}
	}
}

// listenAgain listens at an address where somebody has listened until now.
func listenAgain(t *testing.T, addr string) net.Listener {
	for range 1000 {
		if ln, err := net.Listen("tcp", addr); err == nil {
			return ln
		}
		runtime.Gosched()
	}
	t.Error("cannot listen at " + addr)
	return nil
}
