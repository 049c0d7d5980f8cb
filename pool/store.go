package pool

// Store keeps a document for each pool: the runtime changes, which are to
// outlast the process and may be shared by several instances of it.
type Store interface {
	// Update hands change the pool's document as it is stored now, nil if there
	// is none, while no other instance can change it, and stores what change
	// returns. If that is an error, or no data, nothing is stored, and Update
	// returns the error. A nil error means that the data, if any, is durable.
	//
	// If change returns a [DocumentError], the stored document is of no use: it
	// is set aside, and change is called again with nil. It may be called more
	// than once for other reasons, too, but not at the same time, and not once
	// Update has returned; what counts is the last call. Update may take its
	// time: no request waits for it. The data must not be changed.
	Update(pool string, change func(stored []byte) (data []byte, err error)) error
}

// DocumentError says why a document cannot be used: it is damaged, truncated,
// too large, or of a newer version.
type DocumentError struct{ Reason string }

func (e *DocumentError) Error() string { return "stored runtime changes: " + e.Reason }

// Adopt takes over the runtime changes of the document that is stored: before
// a config claims the pool for the first time, and when another instance has
// changed it. A document which is not newer than the one in force, and nil, are
// nothing new. The error is a [DocumentError]; nothing has changed then.
//
// Adopt may be called at any time, also while Update is under way.
func (p *Pool) Adopt(stored []byte) error { return p.catchUp(stored) }

// Stored returns the number of the document that is in force here, 0 if there
// is none. It grows with each change that is stored, by whichever instance.
func (p *Pool) Stored() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.document.number
}

// Unsaved reports whether runtime changes are in force here that ought to be
// stored and are not, as they were made when nothing was, or as the document
// that they were in was lost. They are stored with the next change.
func (p *Pool) Unsaved() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.def.Store != nil && p.document.base != nil
}

// Save stores the runtime changes that are in force here, unless that is what
// is stored.
func (p *Pool) Save(by string) error {
	_, err := p.Mutate(Options{By: by}, func(*Mutation) error { return nil })
	return err
}
