package integration

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocsCaddyfiles holds for every block of docs/ that is a Caddyfile: it is
// valid, causes no warning, and `caddy fmt` leaves it as it is. Fragments are
// blocks of `text`.
func TestDocsCaddyfiles(t *testing.T) {
	t.Parallel()
	found := 0
	for _, file := range docs(t) {
		blocks, err := parseMarkdown(readFile(t, file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, b := range blocks {
			if b.lang != "caddyfile" {
				continue
			}
			found++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(file), b.line), func(t *testing.T) {
				t.Parallel()
				config := writeTemp(t, "Caddyfile", b.text)
				checkFormat(t, config)
				out, err := runCaddy(t, "validate", "--config", config, "--adapter", "caddyfile")
				if err != nil || strings.Contains(out, `"level":"warn"`) && strings.Contains(out, `"logger":"caddyfile"`) {
					t.Errorf("%v\n%s\n%s", err, out, b.text)
				}
			})
		}
	}
	if found == 0 {
		t.Error("docs/ has no Caddyfiles")
	}
}

// TestDocsLinks makes sure that every link between files of docs/ leads to a
// file, and to a heading of it.
func TestDocsLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([a-z0-9-]*(?:\.md|\.yaml)?)(#[^)]*)?\)`)
	for _, file := range docs(t) {
		for _, m := range link.FindAllStringSubmatch(readFile(t, file), -1) {
			target, anchor := file, m[2]
			if m[1] != "" {
				target = "docs/" + m[1]
			}
			if text := readFile(t, target); anchor != "" && !anchors(text)[anchor] {
				t.Errorf("%s: %s has no heading for %s", file, target, anchor)
			}
		}
	}
}

// docs returns the Markdown files of docs/, named from the repository's root.
func docs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		files[i] = "docs/" + filepath.Base(file)
	}
	if len(files) == 0 {
		t.Fatal("docs/ has no Markdown files")
	}
	return files
}

// anchors returns the fragments that lead to the headings of a Markdown file:
// lower case, with hyphens for spaces and nothing for punctuation.
func anchors(text string) map[string]bool {
	found := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found["#"+strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}
