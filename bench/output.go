package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/report"
)

// The lines of a document between which the table is.
const (
	begin = "<!-- bench: begin -->\n"
	end   = "<!-- bench: end -->\n"
)

// write writes the report to wherever the options say.
func write(r *report.Report, o options) error {
	var markdown, json bytes.Buffer
	if err := errors.Join(r.WriteMarkdown(&markdown), r.WriteJSON(&json)); err != nil {
		return err
	}
	if o.doc != "" {
		if err := updateDoc(o.doc, markdown.Bytes()); err != nil {
			return err
		}
	}
	if o.out == "" {
		_, err := os.Stdout.Write(markdown.Bytes())
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	for name, content := range map[string][]byte{"report.md": markdown.Bytes(), "report.json": json.Bytes()} {
		file := filepath.Join(o.out, name)
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
		progress("wrote %s", file)
	}
	return nil
}

// updateDoc replaces what is between the two lines of a document.
func updateDoc(file string, table []byte) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	updated, err := replaceTable(content, table)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, updated, 0o644)
}

func replaceTable(content, table []byte) ([]byte, error) {
	before, rest, found := bytes.Cut(content, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return nil, fmt.Errorf("no place for the table between %q and %q", begin, end)
	}
	return bytes.Join([][]byte{before, []byte(begin), []byte("\n"), table, []byte("\n"), []byte(end), after}, nil), nil
}
