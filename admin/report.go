package admin

import "github.com/caddy-loadbalance/caddy-loadbalance/pool"

// reportJSON is what a change has changed, or, in a dry run, would change.
type reportJSON struct {
	DryRun    bool          `json:"dry_run"`
	Revision  uint64        `json:"revision"`
	Added     []*settings   `json:"added"`
	Changed   []changedJSON `json:"changed"`
	Removed   []*settings   `json:"removed"`
	Unchanged []string      `json:"unchanged,omitzero"` // ids; nil: not of interest
	Backends  []backendJSON `json:"backends,omitzero"`  // nil: not shown
}

// changedJSON are those settings of a backend that are not what they were.
type changedJSON struct {
	ID  string    `json:"id"`
	Old *settings `json:"old"`
	New *settings `json:"new"`
}

func report(r pool.Result) reportJSON {
	rep := reportJSON{Revision: r.Revision, Added: []*settings{}, Changed: []changedJSON{}, Removed: []*settings{}, Unchanged: r.Kept}
	for _, d := range r.Changes {
		switch before, after := settingsBefore(d), settingsAfter(d); {
		case before == nil:
			rep.Added = append(rep.Added, after)
		case after == nil:
			rep.Removed = append(rep.Removed, before)
		default:
			if before, after = before.differences(after); before != nil { // else nothing that is shown
				rep.Changed = append(rep.Changed, changedJSON{d.ID, before, after})
			}
		}
	}
	return rep
}

// wouldDo returns the answer to a dry run.
func wouldDo(r pool.Result) *answer {
	rep := report(r)
	rep.DryRun = true
	return &answer{body: rep, revision: r.Revision, tagged: true}
}

// forLog returns the settings before and after, as the log shows them: those
// that have changed, and those of backends that came or went.
func (r *reportJSON) forLog() (before, after []*settings) {
	named := func(s *settings, id string) *settings {
		n := *s
		n.ID = id
		return &n
	}
	for _, d := range r.Changed {
		before, after = append(before, named(d.Old, d.ID)), append(after, named(d.New, d.ID))
	}
	return append(before, r.Removed...), append(after, r.Added...)
}

func settingsBefore(d pool.Difference) *settings { return settingsOrNil(d.Before) }

func settingsAfter(d pool.Difference) *settings { return settingsOrNil(d.After) }

func settingsOrNil(s *pool.Spec) *settings {
	if s == nil {
		return nil
	}
	return settingsOf(*s)
}
