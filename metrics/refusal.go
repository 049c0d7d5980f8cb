package metrics

import "sync/atomic"

// Refusal is why no backend was selected for a request.
type Refusal uint8

const (
	// NoneAccepting: no backend accepts.
	NoneAccepting Refusal = iota
	// AllFull: each one that accepts has as many requests as it may have.
	AllFull
	// QueueFull: as many requests wait as may.
	QueueFull

	numRefusals = iota
)

var refusals = [numRefusals]string{"none_accepting", "all_full", "queue_full"}

// Refusals counts requests for which no backend was selected.
type Refusals [numRefusals]atomic.Uint64

// Count counts one request.
func (r *Refusals) Count(why Refusal) { r[why].Add(1) }
