package persist

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"sync"
	"time"
)

// idSize is how many bytes an id has.
const idSize = 8

// Instance is a process among those that share a storage. It has an id of its
// own each time that it runs.
type Instance struct {
	ID      string
	Host    string
	PID     int
	Started time.Time

	mu     sync.Mutex
	stores int // that run
}

// NewInstance returns this process as an instance. There is to be one.
func NewInstance() *Instance {
	var id [idSize]byte
	_, _ = rand.Read(id[:]) // never fails
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Instance{ID: hex.EncodeToString(id[:]), Host: host, PID: os.Getpid(), Started: time.Now()}
}

// begin takes note of a store that runs.
func (i *Instance) begin() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stores++
}

// end takes note of one that does not any more, and reports whether it was the
// last: a config that follows another one has begun by then.
func (i *Instance) end() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stores--
	return i.stores == 0
}
