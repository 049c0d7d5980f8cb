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
	stores int             // that run
	met    map[string]bool // other instances which the log has told of
}

// NewInstance returns this process as an instance. There is to be one.
func NewInstance() *Instance {
	var id [idSize]byte
	_, _ = rand.Read(id[:]) // never fails
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Instance{met: make(map[string]bool), ID: hex.EncodeToString(id[:]), Host: host, PID: os.Getpid(), Started: time.Now()}
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

// meet takes note of whether another instance is there, and reports whether
// that is news.
func (i *Instance) meet(id string, there bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.met[id] == there {
		return false
	}
	if there {
		i.met[id] = true
	} else {
		delete(i.met, id)
	}
	return true
}
