package command

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// maxTried bounds what `try` remembers.
const maxTried = 1_000_000

// tryOptions are the flags of `try`.
type tryOptions struct {
	target
	requests, concurrency int
	method, by            string
	headers               []string
	insecure              bool
	timeout               time.Duration
}

func tryCommand() *cobra.Command {
	var o tryOptions
	cmd := &cobra.Command{
		Use:   "try <url> [--requests <n>] [--concurrency <n>] [--header <\"Name: value\">] [--method <method>] [--timeout <duration>] [--insecure] [--by-header <name>]",
		Short: "Sends requests, and shows which backends answer, and how fast",
		Long: `
Sends requests to a URL of the load balancer, and shows for each backend its
share of them and the latency. It is no load test: it shows what clients get.

Which backend has answered is seen from a response header that has its id or
address, if there is one. This is how the config adds it:

  header_down X-Backend {http.load_balance.backend.id}

Otherwise the backends' request counters are compared before and after. They
count the requests of others as well, and say nothing of the latency of each
backend; the output says which of the two it was. --by-header names the header,
and then the admin endpoint is not needed.

Cookies are not kept, and redirects not followed. The exit code is 8 if a
request got no answer, or one with a status of 500 and more.`,
		Example: `  $ caddy load-balance try http://localhost:8080/ --requests 1000
  $ caddy load-balance try https://example.com/ -n 200 --concurrency 8 --header 'X-User: 7'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.IntVarP(&o.requests, "requests", "n", 100, "How many requests to send")
	f.IntVar(&o.concurrency, "concurrency", 1, "How many of them at once")
	f.StringVarP(&o.method, "method", "X", http.MethodGet, "Method of the requests")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "Header of the requests, as \"Name: value\"; may be repeated")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "How long a request may take")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "Do not verify the server's certificate")
	f.StringVar(&o.by, "by-header", "", "Response header that names the backend")
	cmd.RunE = action(o.run)
	return cmd
}

func (o *tryOptions) check(where string) error {
	u, err := url.Parse(where)
	switch {
	case err != nil:
		return err
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is not an http or https URL", where)
	case o.requests < 1 || o.requests > maxTried:
		return fmt.Errorf("--requests %d is not within 1 to %d", o.requests, maxTried)
	case o.concurrency < 1 || o.concurrency > 1000:
		return fmt.Errorf("--concurrency %d is not within 1 to 1000", o.concurrency)
	case o.timeout <= 0:
		return errors.New("--timeout must be positive")
	}
	return nil
}

func (o *tryOptions) run(cmd *cobra.Command, args []string) error {
	if err := o.check(args[0]); err != nil {
		return err
	}
	request, err := o.template(args[0])
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	t := &trial{by: http.CanonicalHeaderKey(o.by)}
	if o.by == "" {
		c, pool, err := o.connect(ctx)
		if err != nil {
			return err
		}
		defer c.close()
		if t.before, err = c.backends(ctx, pool); err != nil {
			return err
		}
		t.pool = pool
		o.send(ctx, request, t)
		if t.after, err = c.backends(ctx, pool); err != nil {
			return err
		}
	} else {
		o.send(ctx, request, t)
	}
	r := t.report(args[0])
	if o.json {
		err = printJSON(cmd, r)
	} else {
		_, err = cmd.OutOrStdout().Write([]byte(r.text(newScreen(cmd.OutOrStdout()))))
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return exitf(exitInterrupted, "interrupted after %s", plural(r.Requests, "request"))
	case r.Errors > 0:
		return exitf(exitFailures, "%s got no answer; the first: %s", plural(r.Errors, "request"), r.FirstError)
	case r.ServerErrors > 0:
		return exitf(exitFailures, "%s got a status of 500 or more", plural(r.ServerErrors, "request"))
	}
	return nil
}
