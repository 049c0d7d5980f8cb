package command

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// example is a command of the documentation, and what it says is printed.
type example struct {
	line    int
	command string
	prints  string
}

// TestDocs runs the commands of docs/command-line.md in order, against the load
// balancer that the first one starts, and compares what they print. Times may be
// others than those in the text.
func TestDocs(t *testing.T) {
	examples := readExamples(t, "../../docs/command-line.md")
	ports := relocate(t, 8080, 9001, 9002, 9003)
	for _, port := range []string{"9001", "9002", "9003"} {
		serveAt(t, "127.0.0.1:"+ports[port], func(http.ResponseWriter, *http.Request) {})
	}
	home, admin := t.TempDir(), process.Addr(t)
	dir := t.TempDir() // with `caddy` for the shell
	if err := os.Symlink(suite.Caddy(t, false), dir+"/caddy"); err != nil {
		t.Fatal(err)
	}
	first := strings.Fields(ports.text(examples[0].command))
	if first[0] != "caddy" || first[2] != "run" {
		t.Fatalf("the first command is %q", examples[0].command)
	}
	process.Run(t, process.Options{Binary: suite.Caddy(t, false), Home: home, Env: []string{"CADDY_ADMIN=" + admin}, Args: first[1:]})
	ran := make(map[string]bool)
	for _, e := range examples[1:] {
		if strings.Contains(e.command, "completion") {
			continue // it writes to the system
		}
		ctx, cancel := context.WithTimeout(t.Context(), process.Patience)
		cmd := exec.CommandContext(ctx, "sh", "-c", ports.text(e.command))
		cmd.Dir = home
		cmd.Env = process.Env(home, "CADDY_ADMIN="+admin, "PATH="+dir+":"+os.Getenv("PATH"))
		r := run(t, cmd)
		cancel()
		got, want := withoutTimes(r.out+r.errOut), withoutTimes(ports.text(e.prints))
		if e.prints != "" && got != want {
			t.Errorf("command-line.md:%d: %s: got\n%s\nwant\n%s", e.line, e.command, got, want)
		}
		if wrong := strings.HasPrefix(e.prints, "Error: "); (r.code != 0) != wrong {
			t.Errorf("command-line.md:%d: %s: exit code %d\n%s", e.line, e.command, r.code, got)
		}
		ran[strings.Fields(e.command)[2]] = true
	}
	for _, name := range subcommands {
		if !ran[name] && name != "events" { // which does not end
			t.Errorf("docs/command-line.md has no example of %s", name)
		}
	}
}

// readExamples returns the commands in the blocks of `console`.
func readExamples(t *testing.T, file string) (list []example) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for i, line := range strings.Split(string(text), "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case inside && isCommand:
			list = append(list, example{line: i + 1, command: command})
		case inside && line == "…":
			list[len(list)-1].prints = "" // it goes on, and is not compared
		case inside:
			list[len(list)-1].prints += line + "\n"
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s has no examples", file)
	}
	return list
}

// relocation maps the ports of the documentation to free ones.
type relocation map[string]string

func relocate(t *testing.T, ports ...int) relocation {
	t.Helper()
	r := make(relocation)
	for _, port := range ports {
		r[strconv.Itoa(port)] = strconv.Itoa(process.Port(t))
	}
	return r
}

func (r relocation) text(s string) string {
	return regexp.MustCompile(`\b\d{4}\b`).ReplaceAllStringFunc(s, func(port string) string {
		if to, ok := r[port]; ok {
			return to
		}
		return port
	})
}

var (
	times  = regexp.MustCompile(`(^|\s)(\d+(\.\d+)?(ms|s|m)|-)([,;]|\s|$)`)
	spaces = regexp.MustCompile(` +`)
)

// withoutTimes returns the text with all times the same, as a dash is that
// stands for none, and with no more than one space at a place.
func withoutTimes(s string) string {
	s = times.ReplaceAllString(s, "${1}TIME${5}")
	s = times.ReplaceAllString(s, "${1}TIME${5}") // of two that share a space, the second one
	return spaces.ReplaceAllString(s, " ")
}

func TestWithoutTimes(t *testing.T) {
	same(t, "text", withoutTimes("a   1.5ms - 3s, for 4m\nb 12"), "a TIME TIME TIME, for TIME\nb 12")
	same(t, "ports", fmt.Sprint(relocation{"8080": "1"}.text("localhost:8080/ 18080")), "localhost:1/ 18080")
}
