package pool

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// documentVersion is the version of documents that is written, and the
	// newest that is read.
	documentVersion = 1

	// MaxDocument is the most bytes of a document that are stored or read.
	MaxDocument = 32 << 20

	// maxChanges is the most changes that a pool may have.
	maxChanges = 1 << 16

	// maxNumber is the largest number of a document: the next one is a number
	// that every JSON parser reads exactly.
	maxNumber = 1<<53 - 2
)

// document is what is known of the document that is in force here. The zero
// value is none.
//
// Numbers of documents are comparable if they have the lineage in common: that
// is random, chosen when an instance that knew of no document has stored one.
type document struct {
	lineage string
	number  uint64
	data    []byte // as it was stored; not to be changed

	// base is what the changes in the document are, if those in force here go
	// beyond it, as some were made while nothing was stored; nil: they are what
	// is in the document, but for those that gave way to the config here.
	base *changes
}

// next returns the number of the next document, and its lineage.
func (d *document) next() (lineage string, number uint64) {
	if d.lineage == "" {
		return fmt.Sprintf("%016x", rand.Uint64()), d.number + 1
	}
	return d.lineage, d.number + 1
}

// header is what a document begins with.
type header struct {
	Version int       `json:"version"`
	Pool    string    `json:"pool"`
	Lineage string    `json:"lineage"`
	Number  uint64    `json:"number"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
}

// encodeDocument returns a document with the changes.
func encodeDocument(h header, c *changes) ([]byte, error) {
	h.Version, h.At = documentVersion, wallTime(h.At)
	data, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	size := len(data) + 32
	for _, ch := range c.list {
		if ch == nil {
			continue
		}
		text, err := ch.encoded()
		if err != nil {
			return nil, fmt.Errorf("encoding the change of backend %q: %w", ch.id, err)
		}
		size += len(text) + 2
	}
	data = append(slices.Grow(data[:len(data)-1], size), `,"changes":[`...)
	separator := "\n"
	for _, ch := range c.list {
		if ch == nil {
			continue
		}
		text, _ := ch.encoded() // there was no error a moment ago
		data = append(append(data, separator...), text...)
		separator = ",\n"
	}
	return append(data, "\n]}\n"...), nil
}

// encoded returns the change as it is stored. That is made once, as most
// changes are stored again and again with others.
func (ch *change) encoded() ([]byte, error) {
	if text := ch.text.Load(); text != nil {
		return *text, nil
	}
	text, err := json.Marshal(wireChange(ch))
	if err != nil {
		return nil, err
	}
	ch.text.Store(&text)
	return text, nil
}

// changeJSON is a change as it is stored.
type changeJSON struct {
	ID      string       `json:"id"`
	Added   *backendJSON `json:"added,omitempty"`
	Removed bool         `json:"removed,omitempty"`
	Patch   *backendJSON `json:"patch,omitempty"`
	Base    *backendJSON `json:"base,omitempty"`
}

// backendJSON is a backend, or some fields of one, as it is stored.
type backendJSON struct {
	Address     *string           `json:"address,omitempty"`
	Weight      *int              `json:"weight,omitempty"`
	Priority    *int              `json:"priority,omitempty"`
	MaxRequests *int              `json:"max_requests,omitempty"`
	AdminState  *AdminState       `json:"admin_state,omitempty"`
	Drain       *drainJSON        `json:"drain,omitempty"`
	Labels      map[string]string `json:"labels,omitzero"`
	Health      string            `json:"health,omitempty"` // its digest, as there may be secrets in it
	Source      Source            `json:"source,omitempty"`
}

type drainJSON struct {
	Since    *time.Time `json:"since,omitempty"`
	Deadline *time.Time `json:"deadline,omitempty"`
	Then     Then       `json:"then,omitempty"`
}

func wireChange(ch *change) changeJSON {
	w := changeJSON{ID: ch.id, Removed: ch.removed}
	switch {
	case ch.added != nil:
		w.Added = wireSpec(ch.added)
		w.Added.Health, w.Added.Source = "", "" // which a runtime change does not have
		return w
	case !ch.removed:
		w.Patch = wirePatch(ch.patch)
	}
	w.Base = wireSpec(ch.base)
	return w
}

// wireSpec returns a whole backend, with what is empty left out.
func wireSpec(s *Spec) *backendJSON {
	address := s.Address.String()
	w := &backendJSON{
		Address: &address, Weight: &s.Weight, AdminState: &s.AdminState,
		Health: s.healthDigest, Source: s.Source,
	}
	if s.Priority != 0 {
		w.Priority = &s.Priority
	}
	if s.MaxRequests != 0 {
		w.MaxRequests = &s.MaxRequests
	}
	if s.Drain != (DrainPlan{}) {
		w.Drain = wireDrain(s.Drain)
	}
	if len(s.Labels) > 0 {
		w.Labels = s.Labels
	}
	return w
}

// wirePatch returns those fields that the patch changes, empty or not.
func wirePatch(p Patch) *backendJSON {
	w := &backendJSON{
		Weight: p.Weight, Priority: p.Priority, MaxRequests: p.MaxRequests, AdminState: p.AdminState, Labels: p.Labels,
	}
	if p.Address != nil {
		address := p.Address.String()
		w.Address = &address
	}
	if p.Drain != nil {
		w.Drain = wireDrain(*p.Drain)
	}
	return w
}

func wireDrain(d DrainPlan) *drainJSON {
	w := &drainJSON{Then: d.Then}
	if !d.Since.IsZero() {
		w.Since = &d.Since
	}
	if !d.Deadline.IsZero() {
		w.Deadline = &d.Deadline
	}
	return w
}
