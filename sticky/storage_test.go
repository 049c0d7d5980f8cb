package sticky

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// files is a storage in a directory, whose locks are of this process.
type files struct {
	certmagic.FileStorage
	locks  chan struct{} // has room for the one that holds the lock
	broken error         // of Store
}

func newFiles(t testing.TB) *files {
	return &files{FileStorage: certmagic.FileStorage{Path: t.TempDir()}, locks: make(chan struct{}, 1)}
}

func (f *files) Lock(ctx context.Context, _ string) error {
	select {
	case f.locks <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *files) Unlock(context.Context, string) error {
	<-f.locks
	return nil
}

func (f *files) Store(ctx context.Context, key string, value []byte) error {
	if f.broken != nil {
		return f.broken
	}
	return f.FileStorage.Store(ctx, key, value)
}

func TestSecretIsMadeOnce(t *testing.T) {
	storage := newFiles(t)
	if _, err := Load(t.Context(), storage); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("nothing is stored, but: %v", err)
	}
	var wg sync.WaitGroup
	secrets := make([][]byte, 8)
	for i := range secrets {
		wg.Go(func() {
			var err error
			if secrets[i], err = Ensure(t.Context(), storage, RandomSecret(), zap.NewNop()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	loaded, err := Load(t.Context(), storage)
	if err != nil || len(loaded) != secretSize {
		t.Fatalf("%d bytes, %v", len(loaded), err)
	}
	for _, s := range secrets {
		if !bytes.Equal(s, loaded) {
			t.Error("two have different secrets")
		}
	}
	info, err := os.Stat(filepath.Join(storage.Path, storageKey))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestDamagedSecretIsSetAside(t *testing.T) {
	const good = `{"version":1,"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`
	if _, err := parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "null", "{}", "[1]", good[:len(good)-1], good + "x", strings.Replace(good, "AAAA", "", 1),
		strings.Replace(good, `"version":1`, `"version":0`, 1), strings.Replace(good, `}`, `,"more":1}`, 1),
		strings.Replace(good, `"A`, `"*`, 1),
	} {
		storage := newFiles(t)
		if err := storage.Store(t.Context(), storageKey, []byte(text)); err != nil {
			t.Fatal(err)
		}
		core, logs := observer.New(zap.InfoLevel)
		candidate := RandomSecret()
		got, err := Ensure(t.Context(), storage, candidate, zap.New(core))
		if err != nil || !bytes.Equal(got, candidate) {
			t.Errorf("%q: %v", text, err)
		}
		if aside, err := storage.Load(t.Context(), damagedKey); err != nil || string(aside) != text {
			t.Errorf("%q was set aside as %q, %v", text, aside, err)
		}
		if again, err := Load(t.Context(), storage); err != nil || !bytes.Equal(again, candidate) {
			t.Errorf("%q: %v", text, err)
		}
		if logs.Len() != 1 || logs.All()[0].Level != zap.ErrorLevel {
			t.Errorf("%q: log %v", text, logs.All())
		}
	}
}

// What a later version has stored is not overwritten.
func TestSecretOfLaterVersion(t *testing.T) {
	storage := newFiles(t)
	const text = `{"version":2,"secrets":["x"]}`
	if err := storage.Store(t.Context(), storageKey, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(t.Context(), storage, RandomSecret(), zap.NewNop()); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("error %v", err)
	}
	if now, err := storage.Load(t.Context(), storageKey); err != nil || string(now) != text {
		t.Errorf("now it is %q, %v", now, err)
	}
}

func TestSecretOfFailingStorage(t *testing.T) {
	storage := newFiles(t)
	storage.broken = errors.New("disk full")
	if _, err := Ensure(t.Context(), storage, RandomSecret(), zap.NewNop()); !errors.Is(err, storage.broken) {
		t.Errorf("error %v", err)
	}
	if len(storage.locks) > 0 {
		t.Error("the lock was not given back")
	}
	storage.locks <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Ensure(ctx, storage, RandomSecret(), zap.NewNop()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestConfiguredSecret(t *testing.T) {
	t.Setenv("STICKY_TEST_SECRET", "s3cret")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("of a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"plain": "plain", "{env.STICKY_TEST_SECRET}": "s3cret", "a-{env.STICKY_TEST_SECRET}": "a-s3cret", "{file." + file + "}": "of a file",
	} {
		s, err := ConfiguredSecret(text)
		if err != nil || string(s.Bytes()) != want {
			t.Errorf("%s: %q, %v", text, s.Bytes(), err)
		}
	}
	for _, bad := range []string{"{env.STICKY_TEST_UNSET}", "{http.request.host}", "{nonsense}"} {
		if _, err := ConfiguredSecret(bad); err == nil || strings.Contains(err.Error(), strings.Trim(bad, "{}")) {
			t.Errorf("%s: error %v", bad, err)
		}
	}
}

func FuzzStoredSecret(f *testing.F) {
	f.Add(`{"version":1,"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`)
	f.Add(`{"version":2}`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, text string) {
		if secret, err := parse([]byte(text)); (err == nil) != (len(secret) == secretSize) {
			t.Errorf("%q: %d bytes, %v", text, len(secret), err)
		}
	})
}
