package admin

import (
	"errors"
	"maps"
	"net"
	"net/http"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// entry is what the log says of a change. The action is empty as long as a call
// changes nothing.
type entry struct {
	action   string
	pool     string
	backend  string // empty if the change is of many
	revision uint64
	old, new any
}

// Actions, and the messages of the lines that say that they were done.
const (
	actionAdd     = "add"
	actionPatch   = "patch"
	actionRemove  = "remove"
	actionReplace = "replace"
	actionDrain   = "drain"
)

var messages = map[string]string{
	actionAdd:     "backend added by request",
	actionPatch:   "backend changed by request",
	actionRemove:  "backend removed by request",
	actionReplace: "backend set replaced by request",
	actionDrain:   "backend drain started by request",
}

// done notes a change that was made.
func (e *entry) done(revision uint64, before, after any) {
	e.revision, e.old, e.new = revision, before, after
}

// settings are what can be set of a backend, as the log shows them. What is not
// of interest is nil.
type settings struct {
	ID          string            `json:"id,omitempty"`
	Address     *string           `json:"address,omitempty"`
	Weight      *int              `json:"weight,omitempty"`
	Priority    *int              `json:"priority,omitempty"`
	MaxRequests *int              `json:"max_requests,omitempty"`
	AdminState  *pool.AdminState  `json:"admin_state,omitempty"`
	Drain       *planJSON         `json:"drain,omitempty"` // nil: none that ends by itself
	Labels      map[string]string `json:"labels,omitzero"`
}

func settingsOf(s pool.Spec) *settings {
	address := s.Address.String()
	return &settings{
		ID: s.ID, Address: &address, Weight: &s.Weight, Priority: &s.Priority,
		MaxRequests: &s.MaxRequests, AdminState: &s.AdminState, Drain: planOf(s), Labels: s.Labels,
	}
}

// differences returns those settings of s and o that are not the same, or nil
// if all are.
func (s *settings) differences(o *settings) (before, after *settings) {
	before, after = new(settings), new(settings)
	same := differ(&before.Address, &after.Address, s.Address, o.Address)
	same = differ(&before.Weight, &after.Weight, s.Weight, o.Weight) && same
	same = differ(&before.Priority, &after.Priority, s.Priority, o.Priority) && same
	same = differ(&before.MaxRequests, &after.MaxRequests, s.MaxRequests, o.MaxRequests) && same
	same = differ(&before.AdminState, &after.AdminState, s.AdminState, o.AdminState) && same
	if !s.Drain.equal(o.Drain) {
		before.Drain, after.Drain, same = s.Drain, o.Drain, false
	}
	if !maps.Equal(s.Labels, o.Labels) {
		before.Labels, after.Labels, same = someLabels(s.Labels), someLabels(o.Labels), false
	}
	if same {
		return nil, nil
	}
	return before, after
}

// someLabels returns labels that are shown, though there be none.
func someLabels(labels map[string]string) map[string]string {
	if labels == nil {
		return map[string]string{}
	}
	return labels
}

func differ[T comparable](before, after **T, from, to *T) (same bool) {
	if *from == *to {
		return true
	}
	*before, *after = from, to
	return false
}

// client returns who makes the request: its address, and the name in its
// certificate if it has shown one.
func client(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = "unix socket" // which has no address worth the name
	}
	if name := identity(r); name != "" {
		host += " (" + name + ")"
	}
	return host
}

// identity returns the name in the client's certificate, or "".
func identity(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	return r.TLS.PeerCertificates[0].Subject.String()
}

// logDone writes the line of a change that was made.
func (c *call) logDone() {
	if c.entry.action == "" {
		return
	}
	level, message, outcome := zapcore.InfoLevel, messages[c.entry.action], "done"
	if c.dryRun {
		level, message, outcome = zapcore.DebugLevel, "backend change rehearsed", "rehearsed"
	}
	c.write(level, message, zap.String("outcome", outcome),
		zap.Uint64("revision", c.entry.revision), zap.Reflect("old", c.entry.old), zap.Reflect("new", c.entry.new))
}

// logRefused writes the line of a request that was refused. cause is what an
// internal error was, which the client is not told.
func (c *call) logRefused(f *failure, cause error) {
	level, message := zapcore.InfoLevel, "request refused"
	if c.entry.action != "" {
		level, message = zapcore.WarnLevel, "backend change refused"
	}
	if f.status >= http.StatusInternalServerError {
		level = zapcore.ErrorLevel
	}
	if c.dryRun {
		level = zapcore.DebugLevel
	}
	fields := []zap.Field{
		zap.String("outcome", "refused"), zap.Int("status", f.status), zap.String("code", f.Code), zap.Error(cause),
	}
	if e, ok := errors.AsType[*pool.Error](cause); ok && e.Cause != nil {
		fields = append(fields, zap.NamedError("cause", e.Cause))
	}
	c.write(level, message, fields...)
}

func (c *call) write(level zapcore.Level, message string, fields ...zap.Field) {
	entry := c.api.logger.Check(level, message)
	if entry == nil {
		return
	}
	all := []zap.Field{
		zap.String("method", c.r.Method), zap.String("uri", c.r.RequestURI), zap.String("remote_addr", c.r.RemoteAddr),
	}
	if name := identity(c.r); name != "" {
		all = append(all, zap.String("identity", name))
	}
	if e := c.entry; e.action != "" {
		all = append(all, zap.String("action", e.action), zap.String("pool", e.pool), zap.String("backend", e.backend))
	}
	entry.Write(append(all, fields...)...)
}
