package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/curl"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// demoPorts are those that the demo's Caddyfile listens on; README's first
// Caddyfile has the same backends.
var demoPorts = []int{9001, 9002, 9003, 9004}

// TestREADME runs every command of the README. Each section of it has a server
// of its own: the first one the Caddyfile that stands there, others the demo.
// A block of commands has a marker above, which says how it is run:
//
//	<!-- run: text, text -->   run it, and see these texts in what it prints
//	<!-- build -->             commands that build; checked, but not run here
func TestREADME(t *testing.T) {
	blocks, err := parseMarkdown(readFile(t, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range curl.Clients(t) {
		t.Run(name, func(t *testing.T) {
			sections := make(map[string]*section)
			ran := 0
			for _, b := range blocks {
				switch kind, want, _ := strings.Cut(b.marker, ":"); {
				case b.lang == "caddyfile" || kind == "build":
				case b.lang == "sh" && kind == "run":
					if sections[b.section] == nil {
						sections[b.section] = startSection(t, blocks, b.section)
					}
					sections[b.section].run(t, path, b, want)
					ran++
				default:
					t.Errorf("README.md:%d: a block of %q with the marker %q, which this test does not know", b.line, b.lang, b.marker)
				}
			}
			if ran == 0 {
				t.Error("README has no commands to run")
			}
		})
	}
}

// TestREADMEBuildCommands makes sure that README's targets of make exist, that
// it names the module rightly, and the files that it gives to caddy.
func TestREADMEBuildCommands(t *testing.T) {
	blocks, err := parseMarkdown(readFile(t, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	makefile := readFile(t, "Makefile")
	module, _, _ := strings.Cut(strings.TrimPrefix(readFile(t, "go.mod"), "module "), "\n")
	checked := 0
	for _, b := range blocks {
		if b.marker != "build" {
			continue
		}
		for line := range strings.Lines(b.text) {
			command, _, _ := strings.Cut(line, "#")
			words := strings.Fields(command)
			checked++
			switch {
			case len(words) == 2 && words[0] == "make":
				if !strings.Contains(makefile, "\n"+words[1]+":") {
					t.Errorf("README.md:%d: make has no target %s", b.line, words[1])
				}
			case strings.HasPrefix(command, "xcaddy build --with "):
				if words[3] != module {
					t.Errorf("README.md:%d: the module is %s, not %s", b.line, module, words[3])
				}
			case strings.HasPrefix(command, "build/caddy run --config "):
				readFile(t, words[3])
			case strings.HasPrefix(command, "build/caddy load-balance "):
				help, err := runCaddy(t, "load-balance", words[2], "--help")
				if err != nil || !strings.Contains(help, "caddy load-balance "+words[2]) {
					t.Errorf("README.md:%d: %q: %v", b.line, command, err)
				}
			default:
				t.Errorf("README.md:%d: %q is no command that this test can check", b.line, command)
			}
		}
	}
	if checked == 0 {
		t.Error("README has no commands that build")
	}
}

// TestREADMELinks makes sure that every file that README links to exists.
func TestREADMELinks(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(readFile(t, "README.md"), -1)
	for _, link := range links {
		if strings.Contains(link[1], "://") {
			continue
		}
		if _, err := os.Stat("../" + link[1]); err != nil {
			t.Error(err)
		}
	}
	if len(links) == 0 {
		t.Error("README has no links")
	}
}

// section is a server that commands of the README talk to.
type section struct {
	ports relocation
	proc  *proc
}

func startSection(t *testing.T, blocks []codeBlock, heading string) *section {
	t.Helper()
	for _, b := range blocks {
		if b.section == heading && b.lang == "caddyfile" {
			r := make(relocation)
			startNamed(t, r, demoPorts...)
			return &section{r, startCaddyAt(t, r.addr(t, 2019), r.text(t, b.text), "caddyfile")}
		}
	}
	p, r := startExample(t, "demo/Caddyfile")
	return &section{r, p}
}

// run runs a block in a shell, with the curl that is in the directory. Commands
// that only read are repeated until they print what they should, since it takes
// a moment for a new backend to pass its first health check.
func (s *section) run(t *testing.T, curlDir string, b codeBlock, want string) {
	t.Helper()
	changes := strings.Contains(b.text, " -d ") || strings.Contains(b.text, " -X ")
	check := func() error {
		out, err := s.shell(t, curlDir, b.text)
		if err != nil {
			return fmt.Errorf("README.md:%d: %w\n%s", b.line, err, out)
		}
		if strings.HasPrefix(strings.TrimSpace(out), `{"error"`) {
			return fmt.Errorf("README.md:%d: %s", b.line, out)
		}
		for text := range strings.SplitSeq(want, ",") {
			if text = s.ports.text(t, strings.TrimSpace(text)); !strings.Contains(out, text) {
				return fmt.Errorf("README.md:%d: no %q in\n%s", b.line, text, out)
			}
		}
		return nil
	}
	if !changes {
		eventually(t, check)
		return
	}
	if err := check(); err != nil {
		t.Error(err)
	}
}

func (s *section) shell(t *testing.T, curlDir, commands string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := process.Command(ctx, s.proc.Home, "sh", "-ec", s.ports.text(t, commands))
	cmd.Env = append(cmd.Env, "PATH="+curlDir+":"+os.Getenv("PATH"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.String(), nil
}
