package command

import (
	"encoding/json"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// runOptions are the flags of `run`.
type runOptions struct {
	listen, admin, pool                        string
	backends                                   []string
	policy, sticky                             string
	healthURI                                  string
	healthInterval, slowStart, queueFor        time.Duration
	maxRequests, queue, retries                int
	headerUp, headerDown                       []string
	insecure, internalCerts, noRedirects       bool
	noPersist, accessLog, verbose, printConfig bool
	pingback                                   string
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run --listen <address> --backend <address>...",
		Short: "Starts a load balancer from flags alone",
		Long: `
Starts Caddy with a load balancer, in the foreground, without a config file. Its
backends can be changed with the other commands while it runs; what was changed
is kept for the next start with the same --pool.

--listen says what clients connect to:

  :8080                     any address, HTTP
  127.0.0.1:8080            this address, HTTP
  example.com               HTTPS with a certificate that Caddy gets and renews;
                            HTTP is redirected
  http://example.com:8080   HTTP, for this host alone

--backend takes what the config does: host:port, http://, https:// and h2c://
URLs, unix//path, and ranges of ports; it may be repeated. Without any, backends
are added later. --policy is written as in a Caddyfile.

Each start has the whole config in its flags: --print-config shows it as JSON,
for a config file that has more.`,
		Example: `  $ caddy load-balance run --listen :8080 --backend 127.0.0.1:9001 --backend 127.0.0.1:9002
  $ caddy load-balance run --listen example.com --backend 10.0.0.1:80 --backend 10.0.0.2:80 \
      --policy least_conn --sticky cookie --health-uri /healthz --slow-start 30s`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.bind(cmd)
	cmd.RunE = action(func(cmd *cobra.Command, _ []string) error { return o.run(cmd) })
	return cmd
}

func (o *runOptions) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", ":8080", "What clients connect to")
	f.StringArrayVarP(&o.backends, "backend", "b", nil, "Address of a backend; may be repeated")
	f.StringVar(&o.policy, "policy", "", "Selection policy, as in \"least_conn\" or \"header X-User\" (default round_robin)")
	f.StringVar(&o.sticky, "sticky", "", "Keep clients with their backend, by cookie or client_ip")
	f.StringVar(&o.healthURI, "health-uri", "", "Check health by requests to this path (default: a TCP connect)")
	f.DurationVar(&o.healthInterval, "health-interval", config.DefaultHealthInterval, "Time between two health checks of a backend")
	f.DurationVar(&o.slowStart, "slow-start", 0, "How long a backend that comes in takes to get its full share")
	f.IntVar(&o.maxRequests, "max-requests", 0, "How many requests each backend may have in flight (0: any number)")
	f.IntVar(&o.queue, "queue", 0, "How many requests may wait for a backend (0: none)")
	f.DurationVar(&o.queueFor, "queue-timeout", 10*time.Second, "How long a request may wait, with --queue")
	f.IntVar(&o.retries, "retries", 1, "How many other backends are tried when one fails")
	f.StringArrayVar(&o.headerUp, "header-up", nil, "Header for backends, as \"Name: value\"; may be repeated")
	f.StringArrayVar(&o.headerDown, "header-down", nil, "Header for clients, as \"Name: value\"; may be repeated")
	f.BoolVar(&o.insecure, "insecure", false, "Do not verify the certificates of backends")
	f.BoolVar(&o.internalCerts, "internal-certs", false, "Use a certificate of Caddy's own CA, which 'caddy trust' has this machine trust")
	f.BoolVar(&o.noRedirects, "disable-redirects", false, "Do not redirect HTTP to HTTPS")
	f.StringVar(&o.pool, "pool", "", "Name of the pool (default: what --listen says)")
	f.StringVar(&o.admin, "admin", "", "Address of the admin endpoint (default: where the other commands look for it)")
	f.BoolVar(&o.noPersist, "no-persist", false, "Forget what was changed when it ends")
	f.BoolVar(&o.accessLog, "access-log", false, "Log requests")
	f.BoolVar(&o.verbose, "debug", false, "Log in detail")
	f.BoolVar(&o.printConfig, "print-config", false, "Print the config as JSON, and do not start")
	// as that of `caddy run`, for whoever starts it and waits until it serves
	f.StringVar(&o.pingback, "pingback", "", "Echo what is on standard input to this address once it serves")
	_ = f.MarkHidden("pingback") // there is such a flag
	complete(cmd, "policy", completePolicies)
	complete(cmd, "sticky", choices(config.StickyCookie, config.StickyClientIP))
}

func (o *runOptions) run(cmd *cobra.Command) error {
	site, err := parseSite(o.listen)
	if err != nil {
		return err
	}
	handler, err := o.handler(site)
	if err != nil {
		return err
	}
	cfg, err := o.config(site, handler)
	if err != nil {
		return err
	}
	if o.printConfig {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "\t")
		return enc.Encode(cfg)
	}
	caddy.TrapSignals()
	if err := caddy.Run(cfg); err != nil {
		return err
	}
	o.tell(newScreen(cmd.ErrOrStderr()), site, handler)
	if o.pingback != "" {
		if err := pingBack(cmd.Context(), cmd.InOrStdin(), o.pingback); err != nil {
			return err
		}
	}
	select {} // Caddy ends the process
}

// completePolicies proposes the policies that there are.
func completePolicies(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, m := range caddy.GetModules(policyNamespace) {
		names = append(names, m.ID.Name())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
