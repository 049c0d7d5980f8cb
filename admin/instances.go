package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxWait is the longest that an answer is put off, for other instances or for a
// drain.
const maxWait = 10 * time.Minute

// How the storage of a pool's runtime changes is doing.
const (
	storageOff     = "off"
	storageOK      = "ok"
	storageFailing = "failing"
)

// storageJSON is how the storage of a pool's runtime changes is doing.
type storageJSON struct {
	Status   string     `json:"status"`
	Error    string     `json:"error,omitempty"`
	Number   uint64     `json:"number"`
	LastSync *time.Time `json:"last_sync,omitempty"`
}

// instanceJSON is a process that shares the storage.
type instanceJSON struct {
	ID      string     `json:"id"`
	Host    string     `json:"host"`
	PID     int        `json:"pid"`
	Started *time.Time `json:"started,omitempty"`
	Number  uint64     `json:"number"`
	Seen    *time.Time `json:"seen,omitempty"`
	Current bool       `json:"current"`
	Self    bool       `json:"self"`
}

// wireStorage returns how the storage is doing, and who shares it.
func wireStorage(p *pool.Pool) (*storageJSON, []instanceJSON) {
	v, stored := p.StoreView()
	s := &storageJSON{Status: storageOK, Number: v.Number, LastSync: optionalTime(v.LastSync)}
	switch {
	case !stored:
		s.Status = storageOff
		return s, nil
	case v.Err != nil:
		s.Status, s.Error = storageFailing, v.Err.Error()
	}
	instances := make([]instanceJSON, len(v.Instances))
	for i, in := range v.Instances {
		instances[i] = instanceJSON{
			ID: in.ID, Host: in.Host, PID: in.PID, Started: optionalTime(in.Started),
			Number: in.Number, Seen: optionalTime(in.Seen), Current: in.Current, Self: in.Self,
		}
	}
	return s, instances
}

// awaitInstances puts the answer off until all instances have put in force what
// is in force here, for no longer than wait. An empty one is no time.
func (c *call) awaitInstances(p *pool.Pool, wait string) error {
	if wait == "" {
		return nil
	}
	limit, err := time.ParseDuration(wait)
	if err == nil && (limit < 0 || limit > maxWait) {
		err = errors.New("not within 0s to " + maxWait.String())
	}
	if err != nil {
		return refuse(http.StatusBadRequest, codeBadQuery, "query parameter wait=%.40q: %v", wait, err)
	}
	c.liftReadLimit()
	ctx, cancel := context.WithTimeout(c.r.Context(), limit)
	defer cancel()
	go func() {
		select {
		case <-c.api.done: // the admin endpoint is to end
			cancel()
		case <-ctx.Done():
		}
	}()
	p.AwaitInstances(ctx)
	return nil
}
