package pool

// Result is what a runtime change has changed, or would change.
type Result struct {
	// Revision of the pool after the change; for a dry run, as it is.
	Revision uint64

	// Changes are the backends that are not what they were.
	Changes []Difference

	// Kept are the ids of those that a replacement leaves as they are.
	Kept []string
}

// Difference is what has become of one backend.
type Difference struct {
	ID     string
	Before *Spec // nil: it was added
	After  *Spec // nil: it was removed
}

// result returns what the mutation changes.
func (m *Mutation) result() Result {
	r := Result{Revision: m.pool.revision, Kept: m.kept}
	for _, id := range m.order {
		d := Difference{ID: id, After: m.touched[id]}
		if was := m.pool.spec(id); was != nil {
			before := *was
			d.Before = &before
		}
		if d.Before == nil && d.After == nil || d.Before != nil && d.After != nil && d.Before.equal(d.After) {
			continue
		}
		r.Changes = append(r.Changes, d)
	}
	return r
}
