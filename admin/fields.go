package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// setters put the value of a field, as parseJSON has it, into an input.
var setters = map[string]func(*input, any) error{
	"id":           setID,
	"address":      setAddress,
	"weight":       func(in *input, v any) error { return setInt(&in.weight, v, 1, config.MaxWeight) },
	"priority":     func(in *input, v any) error { return setInt(&in.priority, v, 0, config.MaxPriority) },
	"max_requests": func(in *input, v any) error { return setInt(&in.maxRequests, v, 0, math.MaxInt32) },
	"admin_state":  setAdminState,
	"labels":       setLabels,
}

func setID(in *input, v any) error {
	s, err := text(v)
	if err != nil {
		return err
	}
	in.id = &s
	return config.CheckID(s)
}

// setAddress takes no placeholders: they would be expanded to what only the
// config may see, such as environment variables and files.
func setAddress(in *input, v any) error {
	s, err := text(v)
	if err != nil {
		return err
	}
	if strings.ContainsAny(s, "{}") {
		return fmt.Errorf("address %.80q: placeholders are for the config", s)
	}
	addr, err := config.ParseAddress(s)
	if err != nil {
		return err
	}
	in.address = &addr
	return nil
}

func setInt(field **int, v any, low, high int) error {
	number, ok := v.(json.Number)
	if !ok {
		return fmt.Errorf("expected a whole number from %d to %d, got %s", low, high, describe(v))
	}
	n, err := strconv.Atoi(number.String())
	if err != nil || n < low || n > high {
		return fmt.Errorf("%.40s is not a whole number from %d to %d", number, low, high)
	}
	*field = &n
	return nil
}

func setAdminState(in *input, v any) error {
	s, err := text(v)
	if err != nil {
		return err
	}
	state, err := pool.ParseAdminState(s)
	in.adminState = &state
	return err
}

func setLabels(in *input, v any) error {
	obj, ok := v.(*object)
	if !ok {
		return fmt.Errorf("expected an object of strings, got %s", describe(v))
	}
	in.labels = make(map[string]string, len(obj.names))
	for _, key := range obj.names {
		value, isText := obj.values[key].(string)
		if !isText {
			return fmt.Errorf("label %.40q: expected a string, got %s", key, describe(obj.values[key]))
		}
		in.labels[key] = value
	}
	return config.CheckLabels(in.labels)
}

func text(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("expected a string, got %s", describe(v))
	}
	if s == "" {
		return "", errors.New("is empty")
	}
	return s, nil
}

// describe names a JSON value for an error message.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case []any:
		return fmt.Sprintf("an array of %d", len(v))
	case *object:
		return "an object"
	case string:
		return fmt.Sprintf("the string %.40q", v)
	}
	return fmt.Sprintf("%.40v", v)
}

func sameType(a, b any) bool {
	return fmt.Sprintf("%T", a) == fmt.Sprintf("%T", b)
}

func list(names []string) string { return strings.Join(names, ", ") }
