package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/curl"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// runbook is a page of docs/ whose commands are run, section by section, each
// with a Caddy of its own: with the Caddyfile for :8080, or the JSON, that
// stands in the section, or else with the first one of the page. A block of
// commands has a marker above, which says how it is run:
//
//	<!-- run: text, text -->    run it, and see these texts in what it prints
//	<!-- fails: text -->        run it, see that it fails, and the texts
//	<!-- loop: text -->         it goes on: end it once Caddy's log has the text
//	<!-- file: name -->         put it into a file that others run
//	<!-- prepared: a, b -->     certificates a.crt, b.crt with their keys are there
const runbook = "docs/operating.md"

// TestOperating runs all of docs/operating.md.
func TestOperating(t *testing.T) {
	blocks, err := parseMarkdown(readFile(t, runbook))
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	bySection := make(map[string][]codeBlock)
	for _, b := range blocks {
		if bySection[b.section] == nil {
			headings = append(headings, b.section)
		}
		bySection[b.section] = append(bySection[b.section], b)
	}
	for name, dir := range curl.Clients(t) {
		for _, heading := range headings {
			t.Run(name+"/"+strings.TrimPrefix(heading, "## "), func(t *testing.T) {
				t.Parallel()
				runSection(t, dir, blocks[0], bySection[heading])
			})
		}
	}
}

// runSection runs a section. Its page begins with the block first.
func runSection(t *testing.T, curlDir string, first codeBlock, blocks []codeBlock) {
	t.Helper()
	s := &chapter{home: t.TempDir(), section: section{ports: make(relocation)}}
	for port := 9001; port <= 9005; port++ {
		startBackend(t, s.ports.port(t, port), named(s.ports.addr(t, port)))
	}
	s.prepare(t, curlDir)
	config := first
	for _, b := range blocks {
		if b.lang == "json" || b.lang == "caddyfile" && strings.Contains(b.text, "\n:8080 {") {
			config = b
		}
		if kind, names, _ := strings.Cut(b.marker, ": "); kind == "prepared" {
			for name := range strings.SplitSeq(names, ", ") {
				s.certificate(t, name)
			}
		}
	}
	s.proc = run(t, s.ports.addr(t, 2019), process.Options{
		Home: s.home, Config: s.text(t, config.text), JSON: config.lang == "json",
	})
	for _, b := range blocks {
		if b.lang == "sh" {
			s.block(t, b)
		}
	}
}

// chapter is a Caddy that a section of the page is about.
type chapter struct {
	section
	home    string
	path    string // directories to put before PATH
	replace []string
}

// prepare puts into the working directory what commands find there, and makes
// the directory in which they find caddy and a stand-in for ssh.
func (s *chapter) prepare(t *testing.T, curlDir string) {
	t.Helper()
	bin := t.TempDir()
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		filepath.Join(s.home, "examples"): examples,
		filepath.Join(bin, "caddy"):       caddyBinary(t),
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.path = bin + ":" + curlDir
	s.replace = append(s.replace, "/run/caddy", s.home, "~/.local/share/caddy", filepath.Join(s.home, "data", "caddy"))
}

// certificate makes a client's certificate, and its key.
func (s *chapter) certificate(t *testing.T, name string) {
	t.Helper()
	cert := clientCertificate(t, name)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
	s.write(t, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	if _, err := tls.LoadX509KeyPair(filepath.Join(s.home, name+".crt"), filepath.Join(s.home, name+".key")); err != nil {
		t.Fatal(err)
	}
	s.replace = append(s.replace, "<"+name+".crt>", base64.StdEncoding.EncodeToString(cert.Certificate[0]))
}

func (s *chapter) write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.home, name), text, 0o700); err != nil {
		t.Fatal(err)
	}
}

// text returns what stands for a text of the page here.
func (s *chapter) text(t *testing.T, text string) string {
	t.Helper()
	return strings.NewReplacer(s.replace...).Replace(s.ports.text(t, text))
}

// block does what the marker says.
func (s *chapter) block(t *testing.T, b codeBlock) {
	t.Helper()
	kind, rest, _ := strings.Cut(b.marker, ":")
	rest = strings.TrimSpace(rest)
	switch kind {
	case "run":
		s.runBlock(t, b, rest)
	case "fails":
		out, err := s.shell(t, b.text)
		if err == nil || !strings.Contains(out, rest) {
			t.Errorf("%s:%d: want a failure with %q, got %v\n%s", runbook, b.line, rest, err, out)
		}
	case "file":
		s.write(t, rest, []byte(s.text(t, b.text)))
	case "loop":
		s.loop(t, b, rest)
	case "prepared":
	default:
		t.Errorf("%s:%d: a block with the marker %q, which this test does not know", runbook, b.line, b.marker)
	}
}

// runBlock runs commands. Those that only read are repeated until they print
// what they should.
func (s *chapter) runBlock(t *testing.T, b codeBlock, want string) {
	t.Helper()
	check := func() error {
		out, err := s.shell(t, b.text)
		if err != nil || strings.HasPrefix(out, `{"error"`) {
			return fmt.Errorf("%s:%d: %w\n%s", runbook, b.line, err, out)
		}
		for text := range strings.SplitSeq(want, ", ") {
			if text = s.text(t, text); !strings.Contains(out, text) {
				return fmt.Errorf("%s:%d: no %q in\n%s", runbook, b.line, text, out)
			}
		}
		return nil
	}
	reads := strings.Contains(b.text, "load-balance status") ||
		strings.HasPrefix(b.text, "curl ") && !strings.Contains(b.text, " -d ") && !strings.Contains(b.text, " -X ")
	if reads {
		eventually(t, check)
		return
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
}

// loop starts commands that do not end, and ends them once Caddy's log has the
// text, which they must not survive for long without.
func (s *chapter) loop(t *testing.T, b codeBlock, want string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := process.Command(ctx, s.home, "sh", "-ec", s.text(t, b.text))
	cmd.Env = append(cmd.Env, s.env(t)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	method, path, _ := strings.Cut(want, " ")
	s.proc.waitLog(t, `"method":"`+method+`"`, `"uri":"`+path+`"`)
	cancel()
	_ = cmd.Wait() // it was killed
}

func (s *chapter) env(t *testing.T) []string {
	t.Helper()
	admin := fmt.Sprintf("localhost:%d", s.ports.port(t, 2019)) // as users have it
	return []string{"PATH=" + s.path + ":" + os.Getenv("PATH"), "CADDY_ADMIN=" + admin, "ADMIN=" + admin}
}

func (s *chapter) shell(t *testing.T, commands string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := process.Command(ctx, s.home, "sh", "-ec", s.text(t, commands))
	cmd.Env = append(cmd.Env, s.env(t)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
