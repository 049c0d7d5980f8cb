package command

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Codes of the API that commands decide on.
const (
	codeNoneAccepting  = "none_accepting"
	codeUnknownBackend = "unknown_backend"
)

// apiError is an answer of the admin endpoint that is not a success. Caddy's
// own have no code.
type apiError struct {
	status  int
	Message string `json:"error"`
	Code    string `json:"code"`
}

func (e *apiError) Error() string {
	if e.Code == codeNoneAccepting {
		return e.Message + " (--force does it all the same)"
	}
	return e.Message
}

// refusal makes an error of an answer that is not a success.
func (c *client) refusal(resp *http.Response) error {
	e := &apiError{status: resp.StatusCode}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what has come says more than nothing
	if json.Unmarshal(body, e) != nil || e.Message == "" {
		e.Message = strings.TrimSpace(string(body))
	}
	switch {
	case e.Code != "":
	case e.status == http.StatusNotFound:
		e.Message = fmt.Sprintf("the Caddy at %s has no load balancer: its admin endpoint does not know %s", c.addr, root)
	case e.Message == "":
		e.Message = fmt.Sprintf("the admin endpoint %s has answered %s", c.addr, resp.Status)
	default:
		e.Message = fmt.Sprintf("the admin endpoint %s has answered %s: %s", c.addr, resp.Status, e.Message)
	}
	return e
}
