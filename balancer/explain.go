package balancer

import (
	"fmt"
	"strconv"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
	// explainDraws is how many requests are drawn for, to find out the shares
	// that chance gives where no formula does: so they are right to about 2 %.
	explainDraws = 1024

	// maxExplained is among how many members those draws mean something.
	maxExplained = 256

	// maxTurns is how many turns ahead are looked at.
	maxTurns = 4096
)

// standings returns the standings of members that have the same reason, except
// for the one that is chosen.
func standings(members []*pool.Member, chosen *pool.Member, reason func(*pool.Member) string) []pool.Standing {
	list := make([]pool.Standing, len(members))
	for i, m := range members {
		list[i].Share = -1
		if m != chosen {
			list[i].Reason = reason(m)
		}
	}
	return list
}

// shareByWeight gives each member that has room the part of the requests that
// its weight says.
func shareByWeight(list []pool.Standing, members []*pool.Member) {
	sum := 0.0
	for _, m := range members {
		if !m.Full() {
			sum += float64(m.Weight)
		}
	}
	for i, m := range members {
		list[i].Share = 0
		if !m.Full() {
			list[i].Share = float64(m.Weight) / sum
		}
	}
}

// shareByDraws gives each member the part of requests that it gets if many are
// drawn for. The request must be one that reserves nothing.
func shareByDraws(list []pool.Standing, q *pool.Request, pick func(*pool.Request) *pool.Member) {
	if len(list) > maxExplained {
		return
	}
	counts := make([]int, len(list))
	for range explainDraws {
		if m := pick(q); m != nil {
			counts[m.Index]++
		}
	}
	for i, n := range counts {
		list[i].Share = float64(n) / explainDraws
	}
}

// weight returns the weight that counts, as people know weights: less than the
// configured one while the member starts slowly.
func weight(m *pool.Member) float64 {
	part, of := m.Ramp()
	return float64(max(m.Spec.Weight, 1)) * float64(part) / float64(of)
}

// showLoad shows the load of a member, with some requests more than it has.
func showLoad(m *pool.Member, more int) string {
	text := fmt.Sprintf("%d in flight", max(m.InFlight(), 0))
	if more > 0 {
		text = fmt.Sprintf("(%s + %d)", text, more)
	}
	return text + " / weight " + strconv.FormatFloat(weight(m), 'g', 3, 64)
}
