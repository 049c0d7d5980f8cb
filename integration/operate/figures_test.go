package operate

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// figures are what was measured. They are shown, and nothing depends on them:
// the machine may be busy with other things.
var figures struct {
	mu   sync.Mutex
	list []string
}

// figure notes how long something took.
func figure(what string, took []time.Duration) {
	slices.Sort(took)
	at := func(q float64) time.Duration {
		return took[int(q*float64(len(took)-1))].Round(10 * time.Microsecond)
	}
	figures.mu.Lock()
	defer figures.mu.Unlock()
	figures.list = append(figures.list, fmt.Sprintf("%-52s %6d × p50 %9s  p99 %9s  max %9s",
		what, len(took), at(0.5), at(0.99), at(1)))
}
