package command

import (
	"fmt"
	"strings"
	"time"
)

// poolLines returns what is to be said of the pool as a whole.
func poolLines(p *poolAnswer, now time.Time) []cell {
	first := cell{fmt.Sprintf("pool %s: %s of %s accepting, %s in flight", p.Name, count(p.Accepting), plural(p.Total, "backend"), count(p.InFlight)), bold}
	if p.Total == 0 {
		first.text = fmt.Sprintf("pool %s: no backends", p.Name)
	}
	if p.Accepting == 0 {
		first.colour = red
	}
	if p.Tunnels > 0 {
		first.text += ", " + plural(p.Tunnels, "tunnel")
	}
	if p.Queued > 0 {
		first.text += ", " + count(p.Queued) + " waiting"
	}
	first.text += fmt.Sprintf(", revision %d", p.Revision)
	lines := []cell{first}
	if q := p.Queue; q != nil {
		text := fmt.Sprintf("queue: %s of %s waiting", count(p.Queued), count(q.Size))
		if q.Longest > 0 {
			text += ", the first for " + milliseconds(q.Longest)
		}
		so := fmt.Sprintf("queue until now: %s served after %s, %s timed out, %s left, %s refused",
			count(q.Served), milliseconds(q.Wait), count(q.TimedOut), count(q.Left), count(q.Refused))
		lines = append(lines, cell{text, plain}, cell{so, plain})
	}
	if p.Retries > 0 || p.Refused > 0 {
		lines = append(lines, cell{fmt.Sprintf("retries: %s, and %s that the budget had no room for", count(p.Retries), count(p.Refused)), plain})
	}
	return append(lines, storageLines(p, now)...)
}

// storageLines says whether what is changed lasts, and whether all instances
// have it, unless that is as it should be and nobody else is there.
func storageLines(p *poolAnswer, now time.Time) (lines []cell) {
	if s := p.Storage; s != nil {
		switch s.Status {
		case "failing":
			lines = append(lines, cell{"storage: failing: " + s.Error, red})
		case "off":
			lines = append(lines, cell{"storage: off, changes last until Caddy stops", plain})
		}
	}
	if len(p.Instances) < 2 {
		return lines
	}
	behind := p.behind(now)
	if len(behind) == 0 {
		return append(lines, cell{fmt.Sprintf("instances: %d, and all have the same backends", len(p.Instances)), plain})
	}
	return append(lines, cell{fmt.Sprintf("instances: %d, of which are behind: %s", len(p.Instances), strings.Join(behind, ", ")), yellow})
}

// behind returns the instances that do not have what is in force, for people.
func (p *poolAnswer) behind(now time.Time) (list []string) {
	for _, i := range p.Instances {
		if !i.Current {
			list = append(list, fmt.Sprintf("%s (pid %d, seen %s ago)", i.Host, i.PID, age(now.Sub(i.Seen))))
		}
	}
	return list
}
