package pool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// decoded is a document that was read.
type decoded struct {
	lineage string
	number  uint64
	by      string
	changes changes
}

// decodeDocument reads a document of the pool. Changes that are among those
// known are not made anew. The error is a [DocumentError].
func decodeDocument(pool string, data []byte, known []*change) (*decoded, error) {
	if len(data) > MaxDocument {
		return nil, &DocumentError{Reason: fmt.Sprintf("%d bytes are more than %d", len(data), MaxDocument)}
	}
	d, err := readDocument(pool, data, known)
	if err == nil {
		return d, nil
	}
	reason := err.Error()
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(data, &head) == nil && head.Version > documentVersion {
		reason = fmt.Sprintf("version %d is newer than %d, the newest that is known here", head.Version, documentVersion)
	}
	return nil, &DocumentError{Reason: reason}
}

func readDocument(pool string, data []byte, known []*change) (*decoded, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	var doc struct {
		header
		Changes *[]json.RawMessage `json:"changes"`
	}
	fields := fieldsOf(&doc.header)
	for name, field := range fieldsOf(&doc) {
		if name != "" {
			fields[name] = field
		}
	}
	if err := decodeFields(data, fields); err != nil {
		return nil, err
	}
	if err := doc.check(pool); err != nil {
		return nil, err
	}
	if doc.Changes == nil {
		return nil, errors.New("there are no changes")
	}
	d := &decoded{lineage: doc.Lineage, number: doc.Number, by: doc.By}
	if err := d.readChanges(*doc.Changes, known); err != nil {
		return nil, err
	}
	return d, nil
}

func (h *header) check(pool string) error {
	switch {
	case h.Version != documentVersion:
		return fmt.Errorf("version %d is not %d", h.Version, documentVersion)
	case h.Pool != pool:
		return fmt.Errorf("they are those of pool %.80q", h.Pool)
	case h.Lineage == "" || len(h.Lineage) > 64:
		return fmt.Errorf("bad lineage %.80q", h.Lineage)
	case h.Number == 0 || h.Number > maxNumber:
		return fmt.Errorf("bad number %d", h.Number)
	}
	return nil
}

func (d *decoded) readChanges(list []json.RawMessage, known []*change) error {
	if len(list) > maxChanges {
		return fmt.Errorf("%d changes are more than %d", len(list), maxChanges)
	}
	byText := make(map[string]*change, len(known))
	for _, ch := range known {
		if ch == nil {
			continue
		}
		if text := ch.text.Load(); text != nil {
			byText[string(*text)] = ch
		}
	}
	for i, text := range list {
		ch := byText[string(text)]
		if ch == nil {
			var err error
			if ch, err = decodeChange(text); err != nil {
				return fmt.Errorf("change %d: %w", i, err)
			}
		}
		if d.changes.find(ch.id) != nil {
			return fmt.Errorf("change %d: there is another one of backend %q", i, ch.id)
		}
		d.changes.put(ch)
	}
	return nil
}

func decodeChange(text []byte) (*change, error) {
	w, asWritten := decodeWritten(text)
	if !asWritten {
		if err := decodeStrict(text, &w); err != nil {
			return nil, err
		}
	}
	if err := config.CheckID(w.ID); err != nil {
		return nil, err
	}
	ch := &change{id: w.ID, removed: w.Removed}
	var err error
	switch {
	case w.Added != nil && !w.Removed && w.Patch == nil && w.Base == nil:
		if w.Added.Health != "" || w.Added.Source != "" {
			return nil, errors.New("health and source are not for what was added")
		}
		w.Added.Source = FromRuntime
		ch.added, err = w.Added.spec(w.ID)
	case w.Added == nil && w.Removed != (w.Patch != nil) && w.Base != nil:
		if ch.base, err = w.Base.spec(w.ID); err == nil && w.Patch != nil {
			ch.patch, err = w.Patch.patch()
		}
	default:
		return nil, fmt.Errorf("of backend %q: neither added, nor removed or patch with a base", w.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("of backend %q: %w", w.ID, err)
	}
	if asWritten {
		kept := bytes.Clone(text)
		ch.text.Store(&kept)
	}
	return ch, nil
}

// decodeWritten decodes a change fast, if it is exactly as it would be written:
// then nothing in it is unknown, or comes twice.
func decodeWritten(text []byte) (w changeJSON, ok bool) {
	if json.Unmarshal(text, &w) == nil {
		if again, err := json.Marshal(w); err == nil && bytes.Equal(again, text) {
			return w, true
		}
	}
	return changeJSON{}, false
}

// spec returns the backend, if it is a whole one.
func (w *backendJSON) spec(id string) (*Spec, error) {
	switch {
	case w.Address == nil:
		return nil, errors.New("no address")
	case w.Weight == nil:
		return nil, errors.New("no weight")
	case w.AdminState == nil:
		return nil, errors.New("no admin_state")
	}
	switch w.Source {
	case FromConfig, FromDiscovery, FromRuntime:
	default:
		return nil, fmt.Errorf("bad source %.40q", w.Source)
	}
	p, err := w.fields()
	if err != nil {
		return nil, err
	}
	s := p.Apply(Spec{ID: id, Source: w.Source})
	s.healthDigest = w.Health
	return &s, nil
}

// patch returns the change of the fields that are there.
func (w *backendJSON) patch() (Patch, error) {
	if w.Health != "" || w.Source != "" {
		return Patch{}, errors.New("health and source are not for a patch")
	}
	p, err := w.fields()
	if err == nil && p.empty() {
		err = errors.New("the patch is empty")
	}
	return p, err
}

// fields returns the fields that a patch can have.
func (w *backendJSON) fields() (Patch, error) {
	p := Patch{Weight: w.Weight, Priority: w.Priority, MaxRequests: w.MaxRequests, AdminState: w.AdminState, Labels: w.Labels}
	if w.Address != nil {
		address, err := config.ParseAddress(*w.Address)
		if err != nil {
			return p, err
		}
		p.Address = &address
	}
	if err := checkRange("weight", w.Weight, 1, config.MaxWeight); err != nil {
		return p, err
	}
	if err := checkRange("priority", w.Priority, 0, config.MaxPriority); err != nil {
		return p, err
	}
	if err := checkRange("max_requests", w.MaxRequests, 0, math.MaxInt); err != nil {
		return p, err
	}
	if w.AdminState != nil {
		if _, err := ParseAdminState(string(*w.AdminState)); err != nil {
			return p, err
		}
	}
	if err := config.CheckLabels(w.Labels); err != nil {
		return p, err
	}
	if w.Drain != nil {
		plan, err := w.Drain.plan()
		if err != nil {
			return p, err
		}
		p.Drain = &plan
	}
	return p, nil
}

func checkRange(name string, value *int, low, high int) error {
	if value != nil && (*value < low || *value > high) {
		return fmt.Errorf("%s %d is not within %d to %d", name, *value, low, high)
	}
	return nil
}

func (w *drainJSON) plan() (DrainPlan, error) {
	d := DrainPlan{Then: w.Then}
	if w.Then != StayDrained {
		if _, err := ParseThen(string(w.Then)); err != nil {
			return d, err
		}
	}
	put := func(field *time.Time, value *time.Time) {
		if value != nil {
			*field = *value
		}
	}
	put(&d.Since, w.Since)
	put(&d.Deadline, w.Deadline)
	return d.normal(), nil
}
