package fault

import (
	"fmt"
	"testing"
	"time"
)

// lag is what a slow backend takes for a request: much more than the machine,
// however busy.
const lag = 300 * time.Millisecond

// slowly answers late.
func slowly(c *call) bool {
	time.Sleep(lag) // the slow backend
	return answer(c)
}

// One of three backends is slow. Policies that look at it spare it: fewer than
// a tenth of the requests get there, where round_robin sends a third.
func TestOneSlow(t *testing.T) {
	for _, policy := range []struct {
		name   string
		spares bool
	}{{"round_robin", false}, {"least_conn", true}, {"random_choose 2", true}, {"peak_ewma", true}} {
		s := newStage(t, layout{backends: 3, pool: "lb_policy " + policy.name})
		c := s.run(fmt.Sprintf("one of three backends is slow: `%s`", policy.name))
		slow := s.backends[0]
		slow.play(slowly)
		before, n := slow.requests.Load(), scale(600, 6000)
		c.send(12, n, newGet)
		slow.play(answer)
		got := int(slow.requests.Load() - before)
		if !policy.spares && got != n/3 {
			t.Errorf("%s: %d of %d requests came to the slow backend, want a third", policy.name, got, n)
		}
		if policy.spares && (got > n/10 || got == 0) {
			t.Errorf("%s: %d of %d requests came to the slow backend", policy.name, got, n)
		}
		if p90 := c.tally.quantile(0.9); (p90 < lag) != policy.spares {
			t.Errorf("%s: 90 %% of the requests took up to %s; the slow backend takes %s", policy.name, p90, lag)
		}
		c.check(nil)
	}
}
