package sticky

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

const (
	// storageKey is where the secret is kept, and the name of the lock under
	// which it is made.
	storageKey = "load_balance/secret"

	// damagedKey is where a document is set aside that cannot be read.
	damagedKey = storageKey + ".damaged"

	storageVersion = 1
)

// document is what is stored.
type document struct {
	Version int    `json:"version"`
	Secret  []byte `json:"secret"`
}

// errDamaged says that what is stored is no secret.
var errDamaged = errors.New("stored secret is damaged")

// Load returns the secret that is kept in a storage. The error is
// [fs.ErrNotExist] if there is none.
func Load(ctx context.Context, storage certmagic.Storage) ([]byte, error) {
	raw, err := storage.Load(ctx, storageKey)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", storageKey, err)
	}
	return parse(raw)
}

func parse(raw []byte) ([]byte, error) {
	var header struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(raw, &header); err == nil && header.Version > storageVersion {
		return nil, fmt.Errorf("stored secret has version %d, which this version does not know", header.Version)
	}
	var doc document
	// no error of the decoder is passed on: it would tell of the secret
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&doc); err != nil || !json.Valid(raw) || doc.Version != storageVersion || len(doc.Secret) != secretSize {
		return nil, errDamaged
	}
	return doc.Secret, nil
}

// Ensure returns the secret that is kept in a storage, which becomes candidate
// if there is none. It waits for the storage's lock as long as ctx allows.
func Ensure(ctx context.Context, storage certmagic.Storage, candidate []byte, logger *zap.Logger) (secret []byte, err error) {
	if secret, err = Load(ctx, storage); err == nil {
		return secret, nil
	}
	if err := storage.Lock(ctx, storageKey); err != nil {
		return nil, fmt.Errorf("locking %s: %w", storageKey, err)
	}
	defer func() {
		// the lock is to be given back when ctx has ended as well
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		if unlockErr := storage.Unlock(ctx, storageKey); unlockErr != nil && err == nil {
			logger.Warn("unlocking the secret of sticky sessions", zap.Error(unlockErr))
		}
	}()
	secret, err = Load(ctx, storage) // somebody may have been faster
	switch {
	case err == nil:
		return secret, nil
	case errors.Is(err, errDamaged):
		if err := setAside(ctx, storage, logger); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	raw, err := json.Marshal(document{storageVersion, candidate})
	if err != nil {
		return nil, err
	}
	if err := storage.Store(ctx, storageKey, raw); err != nil {
		return nil, fmt.Errorf("storing %s: %w", storageKey, err)
	}
	return candidate, nil
}

const unlockTimeout = 5 * time.Second

// setAside keeps what cannot be read for people to look at.
func setAside(ctx context.Context, storage certmagic.Storage, logger *zap.Logger) error {
	raw, err := storage.Load(ctx, storageKey)
	if err != nil {
		return fmt.Errorf("loading %s: %w", storageKey, err)
	}
	if err := storage.Store(ctx, damagedKey, raw); err != nil {
		return fmt.Errorf("storing %s: %w", damagedKey, err)
	}
	logger.Error("the stored secret of sticky sessions is damaged: it is set aside, and a new one is made; clients get new cookies",
		zap.String("key", storageKey), zap.String("set_aside_as", damagedKey))
	return nil
}
