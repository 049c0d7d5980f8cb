package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rehearsal is the API's answer to a dry run.
type rehearsal struct {
	Added   []settings `json:"added"`
	Changed []struct {
		ID  string   `json:"id"`
		Old settings `json:"old"`
		New settings `json:"new"`
	} `json:"changed"`
	Removed []settings `json:"removed"`
}

// settings are those of a backend, as the API names them. Which there are is no
// concern of ours.
type settings map[string]any

func parseRehearsal(answer []byte) (*rehearsal, error) {
	r := new(rehearsal)
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber() // as they are spelled
	if err := d.Decode(r); err != nil {
		return nil, exitf(exitServer, "the answer is not that of a dry run: %w", err)
	}
	return r, nil
}

// text returns what would happen, a line for each backend.
func (r *rehearsal) text() string {
	var b strings.Builder
	for _, s := range r.Added {
		fmt.Fprintf(&b, "would add %v: ", s["id"])
		delete(s, "id")
		writeSettings(&b, s, func(name string) string { return shownSetting(s[name]) })
	}
	for _, c := range r.Changed {
		fmt.Fprintf(&b, "would change %s: ", printable(c.ID))
		both := maps.Clone(c.Old)
		maps.Copy(both, c.New)
		writeSettings(&b, both, func(name string) string { return shownSetting(c.Old[name]) + " to " + shownSetting(c.New[name]) })
	}
	for _, s := range r.Removed {
		fmt.Fprintf(&b, "would remove %v\n", s["id"])
	}
	if b.Len() == 0 {
		return "would change nothing\n"
	}
	return b.String()
}

func writeSettings(b *strings.Builder, s settings, show func(name string) string) {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, printable(name+" "+show(name)))
	}
	b.WriteString(strings.Join(parts, ", ") + "\n")
}

// shownSetting returns a value for people; labels are the only ones that have
// values within.
func shownSetting(v any) string {
	labels, ok := v.(map[string]any)
	if v == nil || ok && len(labels) == 0 {
		return "none"
	}
	if !ok {
		return fmt.Sprint(v)
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, fmt.Sprintf("%s=%v", key, labels[key]))
	}
	return strings.Join(parts, " ")
}
