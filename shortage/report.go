package shortage

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// Period is how often a shortage is logged at the most.
const Period = 10 * time.Second

// Report logs a failure for want of something that this machine lacks: at once
// if the last period had none, and otherwise together with the others of the
// period when that is over. A shortage concerns the process as a whole, and so
// does the period.
func Report(logger *zap.Logger, what string, err error) { process.report(logger, what, err) }

var process reporter

// reporter logs at most once in a period.
type reporter struct {
	mu      sync.Mutex
	running bool // a period
	count   int  // of failures that were not logged
	logger  *zap.Logger
	what    string // of the last failure
	err     error
}

func (r *reporter) report(logger *zap.Logger, what string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.logger, r.what, r.err = logger, what, err
	if !r.running {
		r.log()
	}
}

// log writes what has come together, and begins a period.
func (r *reporter) log() {
	r.running = true
	time.AfterFunc(Period, r.over)
	r.logger.Error("this machine has too little left to connect to backends",
		zap.String("lacking", r.what), zap.Int("failures", r.count), zap.Error(r.err))
	r.count, r.logger, r.err = 0, nil, nil
}

// over ends a period.
func (r *reporter) over() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = false
	if r.count > 0 {
		r.log()
	}
}
