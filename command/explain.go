package command

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// explainOptions are the flags of `explain`.
type explainOptions struct {
	target
	method, clientIP string
	cookies, headers []string
}

// explanation is what the API answers.
type explanation struct {
	Pool     string             `json:"pool"`
	Revision uint64             `json:"revision"`
	Policy   string             `json:"policy"`
	Backend  *explainedChoice   `json:"backend"`
	Reason   string             `json:"reason"`
	Backends []explainedBackend `json:"backends"`
}

type explainedChoice struct {
	ID      string `json:"id"`
	Address string `json:"address"`
}

type explainedBackend struct {
	ID       string   `json:"id"`
	Address  string   `json:"address"`
	State    string   `json:"state"`
	Chosen   bool     `json:"chosen"`
	Eligible bool     `json:"eligible"`
	Share    *float64 `json:"share"` // of requests, from 0 to 1
	Reason   string   `json:"reason"`
}

func explainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain [<path or URL>] [--client-ip <ip>] [--cookie <name=value>] [--header <\"Name: value\">] [--method <method>]",
		Short: "Says which backend a request would get, and why not another one",
		Long: `
Says which backend the load balancer would select for a request now, and for
each other one why it would not. The code that selects for requests is asked;
nothing is sent, and nothing changes.

The request is GET / unless said otherwise. --json prints what the admin API
answers: GET /load_balance/pools/{pool}/explain.`,
		Example: `  $ caddy load-balance explain /cart
  $ caddy load-balance explain https://example.com/cart --client-ip 192.0.2.7
  $ caddy load-balance explain / --cookie lb=cafe --header 'X-User: 7'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.method, "method", "X", "", "Method of the request (default GET)")
	f.StringVar(&o.clientIP, "client-ip", "", "IP address of the client")
	f.StringArrayVarP(&o.cookies, "cookie", "b", nil, "Cookie of the request, as name=value; may be repeated")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "Header of the request, as \"Name: value\"; may be repeated")
	cmd.RunE = action(o.run)
	return cmd
}

func (o *explainOptions) run(cmd *cobra.Command, args []string) error {
	request, err := o.request(append(args, "/")[0])
	if err != nil {
		return err
	}
	c, pool, err := o.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer c.close()
	answer, err := c.call(cmd.Context(), http.MethodGet, path("pools", pool, "explain")+"?"+request.Encode(), nil)
	if err != nil {
		return err
	}
	text := oneLine(answer)
	if !o.json {
		var e explanation
		if err := c.decode(answer, &e); err != nil {
			return err
		}
		text = e.text(newScreen(cmd.OutOrStdout()))
	}
	_, err = cmd.OutOrStdout().Write([]byte(text))
	return err
}

// request returns what the API is to be told of the request.
func (o *explainOptions) request(where string) (url.Values, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, err
	}
	if u.Host == "" && !strings.HasPrefix(where, "/") {
		return nil, fmt.Errorf("%q is neither a path nor a URL", where)
	}
	q := make(url.Values)
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("method", o.method)
	set("host", u.Host)
	set("path", u.EscapedPath())
	set("query", u.RawQuery)
	set("client_ip", o.clientIP)
	for _, cookie := range o.cookies {
		if name, _, ok := strings.Cut(cookie, "="); !ok || name == "" {
			return nil, fmt.Errorf("--cookie %q is not a name and a value, as in lb=cafe", cookie)
		}
		q.Add("cookie", cookie)
	}
	for _, header := range o.headers {
		name, value, err := parseHeader(header)
		switch {
		case err != nil:
			return nil, err
		case strings.EqualFold(name, "Host"):
			q.Set("host", value)
		case strings.EqualFold(name, "Cookie"):
			for cookie := range strings.SplitSeq(value, ";") {
				q.Add("cookie", strings.TrimSpace(cookie))
			}
		default:
			q.Add("header", header)
		}
	}
	return q, nil
}

// parseHeader returns the name and the value of a header.
func parseHeader(text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, ":")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return "", "", fmt.Errorf("header %q is not a name and a value, as in \"X-User: 7\"", text)
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return "", "", errors.New("a header has no line breaks")
	}
	return name, strings.TrimSpace(value), nil
}

// text returns the explanation for people.
func (e *explanation) text(s screen) string {
	var b strings.Builder
	first := cell{fmt.Sprintf("pool %s: no backend", e.Pool), red}
	if e.Backend != nil {
		first = cell{fmt.Sprintf("pool %s: %s", e.Pool, e.Backend.ID), bold}
	}
	first.text += fmt.Sprintf(", policy %s, revision %d", e.Policy, e.Revision)
	b.WriteString(s.colours.paint(cut(printable(first.text), s.width), first.colour) + "\n")
	for _, line := range wrap(printable(e.Reason), s.width-len(noteIndent)) {
		b.WriteString(noteIndent + line + "\n")
	}
	if len(e.Backends) == 0 {
		return b.String()
	}
	t := e.table(true)
	if t.tooWide(s.width) {
		t = e.table(false)
	}
	t.write(&b, s.width, s.colours)
	return b.String()
}

// table returns the backends, with the reasons beside them or below. That of the
// chosen one stands above, as that of the whole.
func (e *explanation) table(beside bool) *table {
	t := &table{columns: []column{{title: " "}, {title: "BACKEND", flexible: true}, {title: "STATE"}, {title: "SHARE", right: true}}}
	if beside {
		t.columns = append(t.columns, column{title: "REASON"})
	}
	for i := range e.Backends {
		b := &e.Backends[i]
		mark, reason := cell{text: " "}, b.Reason
		if b.Chosen {
			mark, reason = cell{"*", green}, ""
		}
		share := none
		if b.Share != nil && b.Eligible {
			share = number(100**b.Share) + "%"
		}
		r := row{cells: []cell{mark, {text: b.ID}, {b.State, stateColour(b.State)}, {text: share}}}
		switch {
		case beside:
			r.cells = append(r.cells, cell{text: reason})
		case reason != "":
			r.notes = []cell{{reason, faint}}
		}
		t.rows = append(t.rows, r)
	}
	return t
}
