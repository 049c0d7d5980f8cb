package admin

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Codes of errors beside those of the pool package. They are stable: clients
// decide on them. A field with a bad value has the code `bad_` and its name.
const (
	codeBadPath          = "bad_path"
	codeNotCanonical     = "not_canonical"
	codeUnknownPath      = "unknown_path"
	codeMethodNotAllowed = "method_not_allowed"
	codeAmbiguousPool    = "ambiguous_pool"
	codeBadQuery         = "bad_query"
	codeUnknownParameter = "unknown_parameter"
	codeBadIfMatch       = "bad_if_match"
	codeNotJSON          = "not_json"
	codeTooLarge         = "too_large"
	codeBadBody          = "bad_body"
	codeUnexpectedBody   = "unexpected_body"
	codeBadJSON          = "bad_json"
	codeDuplicateField   = "duplicate_field"
	codeUnknownField     = "unknown_field"
	codeReadOnlyField    = "read_only_field"
	codeMissingField     = "missing_field"
	codeBadField         = "bad_" // and the field's name
	codeDrainCancelled   = "drain_cancelled"
	codeInternal         = "internal"
)

// failure is why a request was refused, and the body of the answer that says
// so. Nothing has changed then.
type failure struct {
	status int
	allow  string // of the Allow header

	Message string `json:"error"`
	Code    string `json:"code"`

	// Field is where in the body the reason is, as in `[2].weight`.
	Field string `json:"field,omitempty"`

	// Existing is the id of the backend that is in the way.
	Existing string `json:"existing,omitempty"`

	// Pools are the pools to choose from.
	Pools []string `json:"pools,omitempty"`
}

func (f *failure) Error() string { return f.Message }

// refuse makes a failure. It is the only way to say no, but for errors of the
// pool, which asFailure translates.
func refuse(status int, code, format string, args ...any) *failure {
	return &failure{status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// refuseField makes a failure of a field, whose path within the body begins the
// message.
func refuseField(code, field, format string, args ...any) *failure {
	f := refuse(http.StatusBadRequest, code, "%.80q: %s", field, fmt.Sprintf(format, args...))
	f.Field = fmt.Sprintf("%.80s", field)
	return f
}

// poolStatus maps the pool's reasons for refusing a change to HTTP.
//
// An address that is not allowed is 422, not 403: the client may use the API,
// and 403 is what Caddy says to those who may not.
var poolStatus = map[string]int{
	pool.CodeUnknownPool:       http.StatusNotFound,
	pool.CodeUnknownBackend:    http.StatusNotFound,
	pool.CodeDuplicateAddress:  http.StatusConflict,
	pool.CodeDuplicateID:       http.StatusConflict,
	pool.CodeStaleRevision:     http.StatusPreconditionFailed,
	pool.CodeNoneAccepting:     http.StatusUnprocessableEntity,
	pool.CodeAddressNotAllowed: http.StatusUnprocessableEntity,
	pool.CodeTooManyChanges:    http.StatusInsufficientStorage,
	pool.CodeStorageFailed:     http.StatusServiceUnavailable,
	pool.CodeBusy:              http.StatusServiceUnavailable,
}

// asFailure makes any error one that can be answered. What is not a client's
// business is not shown.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if e, ok := errors.AsType[*pool.Error](err); ok {
		if status, known := poolStatus[e.Code]; known {
			return &failure{status: status, Code: e.Code, Message: e.Message, Existing: e.Existing}
		}
	}
	return refuse(http.StatusInternalServerError, codeInternal, "internal error; see the log")
}
