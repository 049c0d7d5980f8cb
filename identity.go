package loadbalance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// maxNamed is how many backends the name of an unnamed pool spells out.
const maxNamed = 3

// identity is how a config's definition of a pool is known.
type identity struct {
	name        string
	fingerprint string // of all that defines the pool
	summary     string // for people
}

// identify returns the identity of the pool that the handler defines. An
// unnamed pool is named after its backends. If that does not tell it from any
// other, a hash of what defines it is appended; so the name is the same on
// every reload of the same block, and different blocks have different names.
func identify(h *config.Handler) (identity, error) {
	rest, err := definitionJSON(h)
	if err != nil {
		return identity{}, err
	}
	backends, err := json.Marshal(h.Backends)
	if err != nil {
		return identity{}, err
	}
	sum := sha256.Sum256(append(append([]byte{}, backends...), rest...))
	id := identity{name: h.Pool, fingerprint: hex.EncodeToString(sum[:])}
	label, exact, err := label(h)
	if err != nil {
		return identity{}, err
	}
	id.summary = label
	if id.name != "" {
		return id, nil
	}
	id.name = label
	if !exact || string(rest) != "{}" {
		id.name += "~" + id.fingerprint[:6]
	}
	return id, config.CheckPoolName(id.name)
}

// label returns a readable name made of the backends, and whether it says all
// there is to say about them.
func label(h *config.Handler) (label string, exact bool, err error) {
	exact = true
	var parts []string
	for i := range h.Backends {
		b := &h.Backends[i]
		addr, err := b.Validate()
		if err != nil {
			return "", false, err
		}
		id := addr.DefaultID()
		plain := config.Backend{Address: b.Address}
		exact = exact && len(id) <= 64 && !addr.HasPlaceholder() && fmt.Sprintf("%+v", plain) == fmt.Sprintf("%+v", *b)
		if len(parts) < maxNamed {
			parts = append(parts, id[max(0, len(id)-64):])
		}
	}
	if h.DynamicRaw != nil {
		var source struct {
			Source string `json:"source"`
		}
		_ = json.Unmarshal(h.DynamicRaw, &source) // its loader will say what is wrong
		parts, exact = append(parts, "dynamic-"+source.Source), false
	}
	label = strings.Join(parts, ",")
	if more := len(h.Backends) - maxNamed; more > 0 {
		label, exact = fmt.Sprintf("%s+%d", label, more), false
	}
	if label == "" {
		label, exact = "empty", false
	}
	return label, exact, nil
}
