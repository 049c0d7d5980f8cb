package command

import (
	"slices"
	"strings"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// writeStatus writes pools for people.
func writeStatus(b *strings.Builder, pools []poolAnswer, s screen, now time.Time) {
	if len(pools) == 0 {
		b.WriteString("There is no pool.\n")
	}
	for i := range pools {
		if i > 0 {
			b.WriteString("\n")
		}
		writePool(b, &pools[i], s, now)
	}
}

func writePool(b *strings.Builder, p *poolAnswer, s screen, now time.Time) {
	for _, line := range poolLines(p, now) {
		b.WriteString(s.colours.paint(cut(printable(line.text), s.width), line.colour) + "\n")
	}
	if len(p.Backends) == 0 {
		return
	}
	addresses := addressed(p.Backends)
	t := backendTable(p.Backends, now, addresses)
	if addresses && t.tooWide(s.width) {
		t = backendTable(p.Backends, now, false)
		t.noteAddresses(p.Backends)
	}
	t.noteIDs(p.Backends, s.width)
	t.write(b, s.width, s.colours)
}

// addressed reports whether there is a backend whose id does not say what its
// address is.
func addressed(list []backendAnswer) bool {
	return slices.ContainsFunc(list, func(b backendAnswer) bool {
		addr, err := config.ParseAddress(b.Address)
		return err != nil || b.ID != addr.DefaultID()
	})
}

// noteAddresses puts the addresses below the backends, where there is no room
// beside them.
func (t *table) noteAddresses(list []backendAnswer) {
	for i := range list {
		t.rows[i].notes = slices.Insert(t.rows[i].notes, 0, cell{"at " + list[i].Address, faint})
	}
}

// noteIDs puts those ids below that have to be shortened: others may look the
// same then, and whoever wants to change the backend needs the whole of it.
func (t *table) noteIDs(list []backendAnswer, width int) {
	room := t.widths(width)[0]
	for i := range list {
		if textWidth(list[i].ID) > room {
			t.rows[i].notes = slices.Insert(t.rows[i].notes, 0, cell{"id " + list[i].ID, faint})
		}
	}
}

// backendTable returns the backends. Tiers have a column only if there are
// several.
func backendTable(list []backendAnswer, now time.Time, addresses bool) *table {
	tiered := false
	for i := range list {
		tiered = tiered || list[i].Priority != list[0].Priority
	}
	t := &table{columns: []column{{title: "BACKEND", flexible: true}}}
	if addresses {
		t.columns = append(t.columns, column{title: "ADDRESS", flexible: true})
	}
	t.columns = append(t.columns, column{title: "STATE"})
	if tiered {
		t.columns = append(t.columns, column{title: "TIER", right: true})
	}
	for _, title := range []string{"WEIGHT", "ACTIVE", "REQUESTS", "FAILED", "LATENCY", "CHECKED"} {
		t.columns = append(t.columns, column{title: title, right: true})
	}
	for i := range list {
		b := &list[i]
		cells := []cell{{text: b.ID}}
		if addresses {
			cells = append(cells, cell{text: b.Address})
		}
		cells = append(cells, cell{b.State, stateColour(b.State)})
		if tiered {
			cells = append(cells, cell{text: count(b.Priority)})
		}
		cells = append(cells, cell{text: shownWeight(b)}, cell{text: active(b)}, cell{text: count(b.Requests)},
			failed(b), cell{text: milliseconds(b.Latency)}, checked(b, now))
		t.rows = append(t.rows, row{cells: cells, notes: backendNotes(b, now)})
	}
	return t
}

// stateUp is the state of a backend that serves.
const stateUp = "up"

func stateColour(state string) colour {
	switch state {
	case stateUp:
		return green
	case "down", "ejected":
		return red
	}
	return yellow
}

// shownWeight returns the weight, and while a backend starts slowly what it has
// of it.
func shownWeight(b *backendAnswer) string {
	if b.EffectiveWeight > 0 && b.EffectiveWeight < float64(b.Weight) {
		return number(b.EffectiveWeight) + "/" + count(b.Weight)
	}
	return count(b.Weight)
}

// active returns how many requests are in flight, of how many that may be.
func active(b *backendAnswer) string {
	if b.MaxRequests > 0 {
		return count(b.InFlight) + "/" + count(b.MaxRequests)
	}
	return count(b.InFlight)
}

func failed(b *backendAnswer) cell {
	if b.Failures > 0 {
		return cell{count(b.Failures), yellow}
	}
	return cell{text: "0"}
}

func checked(b *backendAnswer, now time.Time) cell {
	if b.LastCheck == nil {
		return cell{text: none}
	}
	c := cell{text: age(now.Sub(b.LastCheck.At))}
	if !b.LastCheck.OK {
		c.colour = red
	}
	return c
}

// backendNotes returns what stands below a backend: why it does not take
// requests as others do, and for how long that is so.
func backendNotes(b *backendAnswer, now time.Time) []cell {
	var notes []cell
	if b.Reason != "" {
		text := b.Reason
		switch {
		case b.EjectedUntil != nil:
			text += ", back in " + age(b.EjectedUntil.Sub(now))
		case !b.Since.IsZero() && b.State != stateUp:
			text += ", for " + age(now.Sub(b.Since))
		}
		notes = append(notes, cell{text, faint})
	}
	switch {
	case b.Drain != nil:
		notes = append(notes, cell{drainNote(b.Drain, now), faint})
	case b.Tunnels > 0:
		notes = append(notes, cell{plural(b.Tunnels, "tunnel"), faint})
	}
	if b.SlowStartUntil != nil {
		notes = append(notes, cell{"slow start, for another " + age(b.SlowStartUntil.Sub(now)), faint})
	}
	return notes
}

// drainNote says how far a drain has come, and what follows.
func drainNote(d *drain, now time.Time) string {
	if d.Done {
		return "nothing is left there"
	}
	text := "waits for " + d.WaitingFor
	if d.Deadline != nil {
		text += ", for " + age(d.Deadline.Sub(now)) + " at the most"
	}
	switch d.Then {
	case thenRemove:
		text += "; is removed then"
	case thenMaintenance:
		text += "; is in maintenance then"
	}
	return text
}
