package pool

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// Spec is what a backend is wanted to be: its definition in the config, from
// discovery, or by the admin API. It is a value; the map and pointer in it are
// never changed once the Spec is in use.
type Spec struct {
	ID          string
	Address     config.Address
	Weight      int // 1 to config.MaxWeight
	Priority    int
	MaxRequests int // 0: no limit
	AdminState  AdminState
	Drain       DrainPlan // while AdminState is Drain
	Labels      map[string]string
	Health      *config.ActiveHealth // the backend's own settings; nil: none
	Source      Source

	// healthDigest stands for Health, which it is compared by: definitions that
	// were stored have no more of it.
	healthDigest string

	// restricted says that the address came in at runtime: it may lead only
	// where [config.Unlisted] allows.
	restricted bool
}

// NewSpec makes a Spec of a backend's configuration, with defaults filled in.
// The error says which field is wrong, with its value.
func NewSpec(b config.Backend, source Source) (Spec, error) {
	addr, err := b.Validate()
	if err != nil {
		return Spec{}, err
	}
	spec := Spec{
		ID: b.ID, Address: addr, Weight: b.Weight, Priority: b.Priority, MaxRequests: b.MaxRequests,
		AdminState: Ready, Labels: maps.Clone(b.Labels), Health: b.Health, Source: source,
	}
	if spec.healthDigest, err = digest(b.Health); err != nil {
		return Spec{}, fmt.Errorf("backend %q: %w", b.Address, err)
	}
	if spec.ID == "" {
		spec.ID = addr.DefaultID()
	}
	if spec.Weight == 0 {
		spec.Weight = config.DefaultWeight
	}
	return spec, nil
}

// Patch is a change of some fields of a backend; nil leaves a field as it is.
type Patch struct {
	Address     *config.Address
	Weight      *int
	Priority    *int
	MaxRequests *int
	AdminState  *AdminState
	Drain       *DrainPlan
	Labels      map[string]string // replaces all labels when not nil
}

// Apply returns the spec with the patch's fields in place.
func (p Patch) Apply(s Spec) Spec {
	set(&s.Address, p.Address)
	set(&s.Weight, p.Weight)
	set(&s.Priority, p.Priority)
	set(&s.MaxRequests, p.MaxRequests)
	set(&s.AdminState, p.AdminState)
	set(&s.Drain, p.Drain)
	if s.AdminState != Drain {
		s.Drain = DrainPlan{}
	}
	if p.Labels != nil {
		s.Labels = p.Labels
	}
	return s
}

func (p Patch) empty() bool {
	return p.Address == nil && p.Weight == nil && p.Priority == nil && p.MaxRequests == nil &&
		p.AdminState == nil && p.Drain == nil && p.Labels == nil
}

// diff returns the patch that turns from into to.
func diff(from, to *Spec) Patch {
	var p Patch
	differ(&p.Address, from.Address, to.Address)
	differ(&p.Weight, from.Weight, to.Weight)
	differ(&p.Priority, from.Priority, to.Priority)
	differ(&p.MaxRequests, from.MaxRequests, to.MaxRequests)
	differ(&p.AdminState, from.AdminState, to.AdminState)
	differ(&p.Drain, from.Drain, to.Drain)
	if !maps.Equal(from.Labels, to.Labels) {
		p.Labels = to.Labels
		if p.Labels == nil {
			p.Labels = map[string]string{}
		}
	}
	return p
}

// equal reports whether two specs define the same backend the same way.
func (s *Spec) equal(o *Spec) bool {
	return s.ID == o.ID && s.Source == o.Source && s.Address == o.Address && s.Weight == o.Weight &&
		s.Priority == o.Priority && s.MaxRequests == o.MaxRequests && s.AdminState == o.AdminState &&
		s.Drain == o.Drain && maps.Equal(s.Labels, o.Labels) && s.healthDigest == o.healthDigest
}

// digest returns what the settings of health checks are compared by, without
// showing the secrets that may be in them: "" for none.
func digest(h *config.ActiveHealth) (string, error) {
	if h == nil {
		return "", nil
	}
	text, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

func differ[T comparable](field **T, from, to T) {
	if from != to {
		value := to // not the parameter, which would be allocated if nothing differs, too
		*field = &value
	}
}
