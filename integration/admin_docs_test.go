package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/curl"
)

// volatile are the fields of backends whose values in the documentation are
// examples; optional are those that may be there or not.
var (
	volatile = []string{"at", "duration", "text", "since", "health", "accepting", "last_sync", "host", "pid", "started", "seen", "deadline"}
	optional = []string{"last_check", "reason"}
)

// TestAdminDocs runs the commands of docs/admin-api.md, in order, against one
// Caddy with the Caddyfile that stands there. A block of `http` behind a command
// is the answer to it: its status, its headers and its body.
func TestAdminDocs(t *testing.T) {
	blocks, err := parseMarkdown(readFile(t, "docs/admin-api.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := make(relocation)
	startNamed(t, r, 9001, 9002, 9003, 9004)
	first := slices.IndexFunc(blocks, func(b codeBlock) bool { return b.lang == "caddyfile" })
	if first < 0 {
		t.Fatal("there is no Caddyfile")
	}
	p := startCaddyAt(t, r.addr(t, 2019), r.text(t, blocks[first].text), "caddyfile")
	p.waitHealthy(t, 2)
	compared := 0
	for i, b := range blocks {
		if b.lang != "sh" {
			continue
		}
		got, err := runCurl(r.text(t, b.text))
		if err != nil {
			t.Fatalf("docs/admin-api.md:%d: %v", b.line, err)
		}
		if i+1 == len(blocks) || blocks[i+1].lang != "http" {
			if got.StatusCode != http.StatusOK {
				t.Errorf("docs/admin-api.md:%d: status %d: %s", b.line, got.StatusCode, got.body)
			}
			continue
		}
		compared++
		if err := compareAnswer(got, r.text(t, blocks[i+1].text)); err != nil {
			t.Errorf("docs/admin-api.md:%d: %v\ngot %d %v\n%s", b.line, err, got.StatusCode, got.Header, got.body)
		}
	}
	if compared == 0 {
		t.Error("there is nothing to compare")
	}
}

// waitHealthy returns once n backends have passed a health check.
func (p *proc) waitHealthy(t *testing.T, n int) {
	t.Helper()
	eventually(t, func() error {
		body := p.api(t, http.MethodGet, "/load_balance/status", "", http.StatusOK)
		if got := strings.Count(body, `"health":"up"`); got < n {
			return fmt.Errorf("%d of %d backends are up: %s", got, n, body)
		}
		return nil
	})
}

// runCurl does what a command line of curl does, and returns the answer.
func runCurl(command string) (answer, error) {
	words, err := shellWords(command)
	if err != nil {
		return answer{}, err
	}
	if len(words) == 0 || words[0] != "curl" {
		return answer{}, fmt.Errorf("%q is not a command of curl", command)
	}
	call, err := curl.Parse(words[1:])
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequest(call.Method, call.URLs[0], strings.NewReader(call.Data))
	if err != nil {
		return answer{}, err
	}
	req.Header = call.Header
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body)}, err
}

// shellWords splits a command as a shell does, as far as single quotes and
// continued lines go.
func shellWords(command string) ([]string, error) {
	command = strings.ReplaceAll(command, "\\\n", " ")
	var words []string
	for command = strings.TrimSpace(command); command != ""; command = strings.TrimSpace(command) {
		if quoted, ok := strings.CutPrefix(command, "'"); ok {
			word, rest, closed := strings.Cut(quoted, "'")
			if !closed {
				return nil, fmt.Errorf("the quote is not closed in %q", command)
			}
			words, command = append(words, word), rest
			continue
		}
		end := strings.IndexAny(command, " \n\t")
		if end < 0 {
			end = len(command)
		}
		if strings.ContainsAny(command[:end], `'"\$|&;<>?*`) {
			return nil, fmt.Errorf("%q has characters that a shell would interpret", command[:end])
		}
		words, command = append(words, command[:end]), command[end:]
	}
	return words, nil
}

// compareAnswer compares an answer with one that is written down.
func compareAnswer(got answer, want string) error {
	head, body, _ := strings.Cut(want, "\n\n")
	status, headers, _ := strings.Cut(head+"\n", "\n")
	if line := got.Proto + " " + got.Status; line != strings.TrimSpace(status) {
		return fmt.Errorf("status is %s, not %s", line, status)
	}
	for line := range strings.Lines(strings.TrimSpace(headers)) {
		name, value, _ := strings.Cut(line, ":")
		if have := got.Header.Get(name); have != strings.TrimSpace(value) {
			return fmt.Errorf("header %s is %q, not %q", name, have, strings.TrimSpace(value))
		}
	}
	if strings.TrimSpace(body) == "" {
		if got.body != "" {
			return fmt.Errorf("there is a body")
		}
		return nil
	}
	var have, expected any
	if err := json.Unmarshal([]byte(body), &expected); err != nil {
		return fmt.Errorf("the documented body: %w", err)
	}
	if err := json.Unmarshal([]byte(got.body), &have); err != nil {
		return err
	}
	return compareJSON(have, expected, "body")
}

// compareJSON compares two values but for what is volatile or optional in them.
func compareJSON(got, want any, at string) error {
	if fmt.Sprintf("%T", got) != fmt.Sprintf("%T", want) {
		return fmt.Errorf("%s is %v, not %v", at, got, want)
	}
	switch want := want.(type) {
	case []any:
		have, _ := got.([]any)
		if len(have) != len(want) {
			return fmt.Errorf("%s has %d items, not %d", at, len(have), len(want))
		}
		for i := range want {
			if err := compareJSON(have[i], want[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		have, _ := got.(map[string]any)
		return compareObjects(have, want, at)
	}
	if got != want {
		return fmt.Errorf("%s is %v, not %v", at, got, want)
	}
	return nil
}

func compareObjects(got, want map[string]any, at string) error {
	for name := range got {
		if _, ok := want[name]; !ok && !slices.Contains(optional, name) {
			return fmt.Errorf("%s has %s, which is not documented", at, name)
		}
	}
	for name, value := range want {
		have, ok := got[name]
		switch {
		case !ok && slices.Contains(optional, name):
		case !ok:
			return fmt.Errorf("%s has no %s", at, name)
		case (slices.Contains(volatile, name) || name == "id" && strings.Contains(at, ".instances[")) && fmt.Sprintf("%T", have) == fmt.Sprintf("%T", value):
		default:
			if err := compareJSON(have, value, at+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}
