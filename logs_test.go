package loadbalance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// withoutLog are directories whose code is no part of a running Caddy.
var withoutLog = []string{"bench", "cmd", "command", "docs", "examples", "integration", "tools"}

// TestEveryLogLineIsDocumented: what this module writes to the log is in
// docs/logs.md, and nothing else is.
func TestEveryLogLineIsDocumented(t *testing.T) {
	documented := make(map[string]bool)
	for _, name := range firstCells(t, "docs/logs.md") {
		if !strings.Contains(name, "_") {
			documented[name] = true
		}
	}
	written := make(map[string]bool)
	eachFile(t, func(n ast.Node) {
		for _, message := range messagesOf(n) {
			written[message] = true
		}
	})
	if len(written) < 40 {
		t.Errorf("only %d messages were found in the source", len(written))
	}
	sameNames(t, "message", written, documented)
}

// TestEveryEventIsDocumented: all events have a log line, and are in
// docs/logs.md, docs/admin-api.md and docs/openapi.yaml.
func TestEveryEventIsDocumented(t *testing.T) {
	events := make(map[string]bool)
	eachFile(t, func(n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		if ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Event") {
			if name := literal(spec.Values[0]); name != "" {
				events[name] = true
			}
		}
	})
	if len(events) != len(messages) {
		t.Errorf("there are %d events, and %d messages of events", len(events), len(messages))
	}
	documented := make(map[string]bool)
	for _, name := range firstCells(t, "docs/logs.md") {
		if strings.Contains(name, "_") {
			documented[name] = true
		}
	}
	sameNames(t, "event", events, documented)
	for _, file := range []string{"docs/admin-api.md", "docs/openapi.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name := range events {
			if messages[name] == "" {
				t.Errorf("event %q has no log line", name)
			}
			if !strings.Contains(string(text), name) {
				t.Errorf("%s does not have the event %q", file, name)
			}
		}
	}
}

func sameNames(t *testing.T, what string, is, documented map[string]bool) {
	t.Helper()
	for name := range is {
		if !documented[name] {
			t.Errorf("docs/logs.md does not have the %s %q", what, name)
		}
	}
	for name := range documented {
		if !is[name] {
			t.Errorf("docs/logs.md has the %s %q, which there is not", what, name)
		}
	}
}

// firstCells returns the first cells of the tables in a file, as far as they are
// code.
func firstCells(t *testing.T, file string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if cell, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ := strings.Cut(cell, "`")
			list = append(list, name)
		}
	}
	return list
}

// eachFile calls visit for all that is in the source of a running Caddy.
func eachFile(t *testing.T, visit func(ast.Node)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if slices.Contains(withoutLog, path) || strings.HasPrefix(d.Name(), ".") && path != "." {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			visit(n)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// messagesOf returns the messages of log lines that stand in a node: the first
// text given to a logger, what is put into a variable named message, and the
// values of a map named messages.
func messagesOf(n ast.Node) (list []string) {
	add := func(e ast.Expr) {
		if text := literal(e); text != "" {
			list = append(list, text)
		}
	}
	switch n := n.(type) {
	case *ast.CallExpr:
		fun, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || len(n.Args) == 0 {
			break
		}
		switch fun.Sel.Name {
		case "Debug", "Info", "Warn", "Error":
			add(n.Args[0])
		case "Check":
			add(n.Args[len(n.Args)-1])
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if name, ok := left.(*ast.Ident); ok && name.Name == "message" && len(n.Rhs) == len(n.Lhs) {
				add(n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		if values, ok := slices.Concat(n.Values, []ast.Expr{nil})[0].(*ast.CompositeLit); ok && n.Names[0].Name == "messages" {
			for _, pair := range values.Elts {
				add(pair.(*ast.KeyValueExpr).Value)
			}
		}
	}
	return list
}

// literal returns the text of a string literal; "" if e is none.
func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}
