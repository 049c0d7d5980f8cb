package persist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestMain(m *testing.M) {
	// a file storage keeps each lock fresh in a goroutine, which notices up to
	// five seconds later that the lock was given back
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

// fakeStorage keeps all in memory, and fails as it is told.
type fakeStorage struct {
	mu    sync.Mutex
	data  map[string][]byte
	locks map[string]chan struct{}
	fail  func(op, key string) error
	hang  func(op, key string) <-chan struct{}
	calls map[string]int // by op
}

func newFakeStorage() *fakeStorage {
	return &fakeStorage{data: make(map[string][]byte), locks: make(map[string]chan struct{}), calls: make(map[string]int)}
}

// set changes how the storage fails.
func (f *fakeStorage) set(fail func(op, key string) error, hang func(op, key string) <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.hang = fail, hang
}

func (f *fakeStorage) begin(op, key string) error {
	f.mu.Lock()
	fail, hang := f.fail, f.hang
	f.calls[op]++
	f.mu.Unlock()
	if hang != nil {
		if c := hang(op, key); c != nil {
			<-c
		}
	}
	if fail != nil {
		return fail(op, key)
	}
	return nil
}

func (f *fakeStorage) Lock(ctx context.Context, name string) error {
	if err := f.begin("lock", name); err != nil {
		return err
	}
	for {
		f.mu.Lock()
		held := f.locks[name]
		if held == nil {
			f.locks[name] = make(chan struct{})
			f.mu.Unlock()
			return nil
		}
		f.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fakeStorage) Unlock(_ context.Context, name string) error {
	if err := f.begin("unlock", name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locks[name] == nil {
		return fmt.Errorf("lock %s is not held", name)
	}
	close(f.locks[name])
	delete(f.locks, name)
	return nil
}

func (f *fakeStorage) Store(_ context.Context, key string, value []byte) error {
	if err := f.begin("store", key); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data[key] = bytes.Clone(value)
	return nil
}

func (f *fakeStorage) Load(_ context.Context, key string) ([]byte, error) {
	if err := f.begin("load", key); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.data[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(v), nil
}

func (f *fakeStorage) Delete(_ context.Context, key string) error {
	if err := f.begin("delete", key); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.data, key)
	return nil
}

func (f *fakeStorage) Exists(_ context.Context, key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.data[key]
	return ok
}

func (f *fakeStorage) List(context.Context, string, bool) ([]string, error) {
	panic("a file storage lists temporary files too")
}

func (f *fakeStorage) Stat(context.Context, string) (certmagic.KeyInfo, error) {
	return certmagic.KeyInfo{}, errors.New("not known")
}

// get returns what is stored; "" for nothing.
func (f *fakeStorage) get(key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.data[key])
}

func (f *fakeStorage) put(key, value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data[key] = []byte(value)
}

// count returns how many calls of an operation there were.
func (f *fakeStorage) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

func (f *fakeStorage) held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.locks)
}

// logBuffer has the lines of a log.
type logBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBuffer) logger() *zap.Logger {
	enc := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"})
	return zap.New(zapcore.NewCore(enc, l, zapcore.DebugLevel))
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

func (l *logBuffer) Sync() error { return nil }

// count returns how many lines have the text.
func (l *logBuffer) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (l *logBuffer) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}

func newTestStore(t testing.TB, storage certmagic.Storage) (*Store, *logBuffer) {
	t.Helper()
	log := new(logBuffer)
	return New(Options{Storage: storage, Logger: log.logger(), Instance: NewInstance(), Interval: 2 * time.Second}), log
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write stores text in place of what is stored.
func write(s *Store, pool, text string) error {
	return s.Update(pool, func([]byte) ([]byte, error) { return []byte(text), nil })
}
