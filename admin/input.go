package admin

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// input is what a client wants of a backend. What is nil was not sent.
type input struct {
	id          *string
	address     *config.Address
	weight      *int
	priority    *int
	maxRequests *int
	adminState  *pool.AdminState
	labels      map[string]string
}

// purpose is what a backend in a body is for.
type purpose int

const (
	// toAdd takes what can be set, and nothing else.
	toAdd purpose = iota
	// toReplace takes what was read before as well: reading all backends,
	// editing the list and putting it back is how people use PUT. Fields
	// that cannot be set are ignored then.
	toReplace
	// toPatch takes what can be changed: not the id.
	toPatch
)

// readOnly are the fields that can only be read, with a value of the type that
// they are shown with.
var readOnly = map[string]any{
	"source": "", "state": "", "health": "", "accepting": false, "reason": "", "drain": (*object)(nil),
	"in_flight": json.Number(""), "tunnels": json.Number(""), "queued": json.Number(""),
	"requests": json.Number(""), "failures": json.Number(""), "latency": json.Number(""),
	"peak_latency": json.Number(""), "last_check": (*object)(nil), "last_session": "", "ejected_until": "", "ejections": json.Number(""),
	"effective_weight": json.Number(""), "slow_start_until": "", "since": "",
}

// parseBackend makes an input of a JSON value. at is where in the body it is.
func parseBackend(v any, at string, why purpose) (input, error) {
	var in input
	obj, ok := v.(*object)
	if !ok {
		if at != "" {
			return in, refuseField(codeBadJSON, at, "expected an object, a backend, got %s", describe(v))
		}
		return in, refuse(http.StatusBadRequest, codeBadJSON, "expected an object, a backend, got %s", describe(v))
	}
	for _, name := range obj.names {
		value, field := obj.values[name], join(at, name)
		if example, isReadOnly := readOnly[name]; isReadOnly {
			if why == toReplace && sameType(value, example) {
				continue
			}
			return in, refuseField(codeReadOnlyField, field, "can only be read, and was sent as %s", describe(value))
		}
		if name == "id" && why == toPatch {
			return in, refuseField(codeReadOnlyField, field, "the id of a backend does not change, and was sent as %s", describe(value))
		}
		set, known := setters[name]
		if !known {
			return in, refuseField(codeUnknownField, field, "unknown field; known are %s", knownFields())
		}
		if err := set(&in, value); err != nil {
			return in, refuseField(codeBadField+name, field, "%v", err)
		}
	}
	if in.address == nil && why != toPatch {
		return in, refuseField(codeMissingField, join(at, "address"), "is required")
	}
	return in, nil
}

// spec returns the backend that the input describes, with defaults in place of
// what was not sent.
func (in input) spec() (pool.Spec, error) {
	b := config.Backend{Address: in.address.String(), Labels: in.labels}
	put(&b.ID, in.id)
	put(&b.Weight, in.weight)
	put(&b.Priority, in.priority)
	put(&b.MaxRequests, in.maxRequests)
	spec, err := pool.NewSpec(b, pool.FromRuntime)
	if err != nil {
		return spec, refuse(http.StatusBadRequest, codeBadField+"address", "%v", err)
	}
	put(&spec.AdminState, in.adminState)
	return spec, nil
}

// patch returns the change that the input describes.
func (in input) patch() pool.Patch {
	return pool.Patch{
		Address: in.address, Weight: in.weight, Priority: in.priority,
		MaxRequests: in.maxRequests, AdminState: in.adminState, Labels: in.labels,
	}
}

func put[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// knownFields lists the fields that can be set, for error messages.
func knownFields() string {
	names := make([]string, 0, len(setters))
	for name := range setters {
		names = append(names, name)
	}
	slices.Sort(names)
	return list(names)
}
