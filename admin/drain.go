package admin

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxDeadline is the longest that a drain may be given.
const maxDeadline = 365 * 24 * time.Hour

// order is what a client wants of a drain.
type order struct {
	deadline    time.Duration
	hasDeadline bool
	then        pool.Then
}

// drainBackend has a backend drain.
func drainBackend(c *call) (*answer, error) {
	c.entry.action, c.entry.backend = actionDrain, c.id
	params, err := c.readQuery("wait")
	if err != nil {
		return nil, err
	}
	wait, err := parseWait(params)
	if err != nil {
		return nil, err
	}
	p, err := c.findPool()
	if err != nil {
		return nil, err
	}
	order, err := c.readOrder()
	if err != nil {
		return nil, err
	}
	was, _, _ := p.ViewBackend(c.id)
	result, err := c.change(p, c.exists(p), func(m *pool.Mutation) error {
		was.Spec, _ = m.Find(c.id)
		state, plan := pool.Drain, order.plan(was.Spec, time.Now())
		return m.Patch(c.id, pool.Patch{AdminState: &state, Drain: &plan})
	})
	if err != nil {
		return nil, err
	}
	c.done(result)
	if c.dryRun {
		return wouldDo(result), nil
	}
	c.logDone() // and not when the wait is over
	c.entry.action = ""
	if len(result.Changes) > 0 {
		was.Spec = *result.Changes[0].After
	}
	return c.awaitDrained(p, was, result.Revision, wait)
}

// plan returns the plan of a drain that is ordered now. One that goes on keeps
// its beginning.
func (o order) plan(was pool.Spec, now time.Time) pool.DrainPlan {
	plan := pool.DrainPlan{Since: now, Then: o.then}
	if !was.Drain.Since.IsZero() {
		plan.Since = was.Drain.Since
	}
	if o.hasDeadline {
		plan.Deadline = now.Add(o.deadline)
	}
	return plan
}

func parseWait(params map[string]string) (time.Duration, error) {
	text, given := params["wait"]
	if !given {
		return 0, nil
	}
	wait, err := caddy.ParseDuration(text)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, refuse(http.StatusBadRequest, codeBadQuery, "query parameter wait=%.40q is not a duration up to %s, such as 30s", text, maxWait)
	}
	return wait, nil
}

// readOrder reads the body, which may be left out.
func (c *call) readOrder() (order, error) {
	var o order
	if !c.hasBody() {
		return o, nil
	}
	v, err := c.readJSON()
	if err != nil {
		return o, err
	}
	obj, ok := v.(*object)
	if !ok {
		return o, refuse(http.StatusBadRequest, codeBadJSON, "expected an object with deadline and then, got %s", describe(v))
	}
	for _, name := range obj.names {
		var err error
		switch name {
		case "deadline":
			o.deadline, err = parseDeadline(obj.values[name])
			o.hasDeadline = true
		case "then":
			var s string
			if s, err = text(obj.values[name]); err == nil {
				o.then, err = pool.ParseThen(s)
			}
		default:
			return o, refuseField(codeUnknownField, name, "unknown field; known are deadline, then")
		}
		if err != nil {
			return o, refuseField(codeBadField+name, name, "%v", err)
		}
	}
	return o, nil
}

func parseDeadline(v any) (time.Duration, error) {
	s, err := text(v)
	if err != nil {
		return 0, err
	}
	d, err := caddy.ParseDuration(s)
	if err != nil || d < 0 || d > maxDeadline {
		return 0, fmt.Errorf("%.40q is not a duration from 0s to %.0fd, such as 30s", s, math.Floor(maxDeadline.Hours()/24))
	}
	return d, nil
}
