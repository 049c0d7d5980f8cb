package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxBackends is how many backends of one lookup are used.
const maxBackends = 1024

// specsOf returns the backends that a lookup has found as a pool takes them:
// sorted, so that the same answer in another order is the same, and each once.
// The error tells what was left out.
func specsOf(found []config.Backend) ([]pool.Spec, error) {
	specs := make([]pool.Spec, 0, len(found))
	var leftOut error
	for _, b := range found {
		spec, err := pool.NewSpec(b, pool.FromDiscovery)
		if err == nil && spec.Address.HasPlaceholder() {
			err = fmt.Errorf("backend %q: placeholders are for the config", b.Address)
		}
		if err != nil {
			leftOut = cmp.Or(leftOut, err)
			continue
		}
		specs = append(specs, spec)
	}
	slices.SortFunc(specs, compareSpecs)
	specs = unique(specs)
	if len(specs) > maxBackends {
		leftOut = errors.Join(leftOut, fmt.Errorf("%d backends are more than %d; the rest is not used", len(specs), maxBackends))
		specs = specs[:maxBackends]
	}
	return specs, leftOut
}

// unique returns the first backend of each address and id.
func unique(specs []pool.Spec) []pool.Spec {
	type taken struct {
		id      string
		address config.Address
	}
	seen := make(map[taken]bool, 2*len(specs))
	return slices.DeleteFunc(specs, func(s pool.Spec) bool {
		id, address := taken{id: s.ID}, taken{address: s.Address}
		if seen[id] || seen[address] {
			return true
		}
		seen[id], seen[address] = true, true
		return false
	})
}

// compareSpecs orders by priority, weight (heaviest first) and address: IP
// addresses first, by their number.
func compareSpecs(a, b pool.Spec) int {
	return cmp.Or(
		cmp.Compare(a.Priority, b.Priority),
		cmp.Compare(b.Weight, a.Weight),
		compareHosts(a.Address, b.Address),
		cmp.Compare(len(a.Address.Port), len(b.Address.Port)), // decimal, without leading zeros
		cmp.Compare(a.Address.Port, b.Address.Port),
		cmp.Compare(a.Address.String(), b.Address.String()),
		cmp.Compare(a.ID, b.ID),
	)
}

func compareHosts(a, b config.Address) int {
	ipA, isIPA := a.IP()
	ipB, isIPB := b.IP()
	switch {
	case isIPA && isIPB:
		return ipA.Compare(ipB)
	case isIPA:
		return -1
	case isIPB:
		return 1
	}
	return cmp.Compare(a.Host, b.Host)
}
