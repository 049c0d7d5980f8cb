package persist

import (
	"context"
	"time"

	"github.com/caddyserver/certmagic"
)

// A lock of a file storage costs a flush of the disk, and a goroutine that
// lives on for five seconds. So changes that follow one another closely share
// one: after a change, the lock is kept for another linger, but for no more
// than a turn in total. Others who want it find it free for a pause then.
const (
	linger = 20 * time.Millisecond

	// closely is how soon after another a change must come for the next one
	// to be expected.
	closely = time.Second

	fileTurn  = 250 * time.Millisecond
	filePause = 12 * time.Millisecond // two polls

	// Other storages poll in their own way, about each second. Nothing is
	// shared there, as a lock costs nothing but its time.
	otherTurn  = 2 * time.Second
	otherPause = time.Second
)

// lease is this process's hold of a document's lock. It is used by one
// goroutine at a time.
type lease struct {
	locker *locker
	name   string
	shared func() bool // whether others may want the lock

	held   bool
	taken  time.Time // when the lock was taken last
	begun  time.Time // when the series of changes began
	used   time.Time // when the last change ended
	paused bool      // a turn has ended then
}

func (l *lease) isFile() bool {
	_, is := l.locker.storage.(*certmagic.FileStorage)
	return is
}

// take takes the lock unless it is held.
func (l *lease) take(ctx context.Context) error {
	if l.held {
		return nil
	}
	if err := l.makeRoom(ctx); err != nil {
		return err
	}
	return bounded(ctx, "locking", lockTimeout, func(ctx context.Context) error {
		if err := l.locker.acquire(ctx, l.name); err != nil {
			return err
		}
		l.held, l.taken = true, time.Now()
		return nil
	})
}

// makeRoom waits for as long as others need to take the lock, after a turn.
func (l *lease) makeRoom(ctx context.Context) error {
	if !l.paused {
		return nil
	}
	pause := otherPause
	if l.isFile() {
		pause = filePause
	}
	l.paused = false
	timer := time.NewTimer(pause - time.Since(l.used))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle is called at the end of each change. It gives the lock back, unless
// another change is expected soon: then it says for how long to keep it.
func (l *lease) settle(ctx context.Context) (keep time.Duration, err error) {
	now := time.Now()
	follows := now.Sub(l.used) < closely
	l.used = now
	switch file := l.isFile(); {
	case !follows:
		l.begun = now
	case file && l.held && now.Sub(l.taken) < fileTurn:
		return linger, nil
	case file || now.Sub(l.begun) >= otherTurn:
		l.begun, l.paused = now, l.shared()
	}
	return 0, l.drop(ctx)
}

// drop gives the lock back if it is held.
func (l *lease) drop(ctx context.Context) error {
	if !l.held {
		return nil
	}
	return bounded(ctx, "unlocking", opTimeout, func(ctx context.Context) error {
		l.held = false // another attempt would be another's lock
		return l.locker.release(ctx, l.name)
	})
}
