package persist

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

const (
	// A free lock is found within minPoll to maxPoll. One second, as file
	// storages have it, is too long for somebody who waits for an answer.
	minPoll = 2 * time.Millisecond
	maxPoll = 6 * time.Millisecond

	// After quickPolls of that, the storage's own way of waiting is tried for
	// ownWait: it knows of locks that a crash has left behind empty.
	quickPolls = time.Second
	ownWait    = 2500 * time.Millisecond

	// orphanAge is the age of a lock that nobody alive holds, unless the
	// storage hangs: it is given back after a turn, and one more change.
	orphanAge = 12 * time.Second

	// tornAge is the age of one that nobody is writing any more.
	tornAge = 5 * time.Second
)

// locker takes locks of a storage.
type locker struct {
	storage certmagic.Storage
	logger  *zap.Logger
}

// acquire takes the lock, and returns the context's error if that takes too
// long.
func (l *locker) acquire(ctx context.Context, name string) error {
	file, isFile := l.storage.(*certmagic.FileStorage)
	if !isFile {
		return l.storage.Lock(ctx, name)
	}
	for ctx.Err() == nil {
		got, err := pollFile(ctx, file, name, quickPolls)
		if got || err != nil {
			return err
		}
		l.breakOrphan(ctx, file, name)
		own, cancel := context.WithTimeout(ctx, ownWait)
		err = file.Lock(own, name)
		cancel()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	return ctx.Err()
}

// try takes the lock if that is possible at once, or nearly so.
func (l *locker) try(ctx context.Context, name string) (bool, error) {
	switch s := l.storage.(type) {
	case *certmagic.FileStorage:
		return tryFile(s, name)
	case certmagic.TryLocker:
		return s.TryLock(ctx, name)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := l.storage.Lock(ctx, name)
	if err != nil && ctx.Err() != nil {
		return false, nil
	}
	return err == nil, err
}

func (l *locker) release(ctx context.Context, name string) error {
	return l.storage.Unlock(context.WithoutCancel(ctx), name)
}

// pollFile tries for some time to take the lock.
func pollFile(ctx context.Context, s *certmagic.FileStorage, name string, limit time.Duration) (bool, error) {
	end := time.Now().Add(limit)
	for {
		got, err := tryFile(s, name)
		if got || err != nil || time.Now().After(end) {
			return got, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(minPoll + rand.N(maxPoll-minPoll)):
		}
	}
}

// ended is a context that is over. With it, a file storage tries to take a lock
// as always, but does not wait between attempts.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func tryFile(s *certmagic.FileStorage, name string) (bool, error) {
	got, err := s.TryLock(ended, name)
	if got || err == nil || errors.Is(err, context.Canceled) {
		return got, nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil // it is being written
	}
	// The file of a lock that somebody holds would have been found to exist.
	// So there is none, or this attempt has left it empty, on a full disk.
	_ = s.Unlock(ended, name)
	return false, err
}

// breakOrphan removes a lock that is held by nobody alive, and yet does not
// become stale. That is so where its holder has crashed, and another process
// has held the same lock shortly before: what keeps a lock fresh there may live
// on for some seconds, and then takes the next holder's lock for its own. And
// it is so where the holder has crashed while it wrote.
func (l *locker) breakOrphan(ctx context.Context, s *certmagic.FileStorage, name string) {
	file := filepath.Join(s.Path, "locks", certmagic.StorageKeys.Safe(name)+".lock")
	info, err := os.Stat(file)
	if err != nil {
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	var lock struct {
		Created time.Time `json:"created"`
	}
	since, limit := info.ModTime(), tornAge
	if json.Unmarshal(text, &lock) == nil && !lock.Created.IsZero() {
		since, limit = lock.Created, orphanAge
	}
	if time.Since(since) < limit {
		return
	}
	l.logger.Warn("removing a lock in the storage that nobody alive can hold", zap.String("lock", name), zap.Time("since", since))
	_ = s.Unlock(ctx, name)
}
