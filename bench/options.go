package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options are what a run is told on its command line.
type options struct {
	works       []work
	only        []string // names of proxies; empty: all
	rounds      int
	seconds     int
	warmup      time.Duration
	connections int
	rate        int
	caddy       string
	built       bool // caddy was, here
	traefik     string
	out         string
	doc         string
}

func parseOptions(args []string, output io.Writer) (options, error) {
	var o options
	var worksList, proxiesList string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&worksList, "works", "", "what to do, separated by commas: "+workNames()+" (default all)")
	flags.StringVar(&proxiesList, "proxies", "", "which proxies, separated by commas (default all that are there)")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each proxy does each work")
	flags.IntVar(&o.seconds, "seconds", 5, "how long it does it")
	flags.DurationVar(&o.warmup, "warmup", time.Second, "how long it does it before, unmeasured")
	flags.IntVar(&o.connections, "connections", 64, "how many connections clients have")
	flags.IntVar(&o.rate, "rate", 0, "requests per second of open loops (default 60 % of what reverse_proxy can)")
	flags.StringVar(&o.caddy, "caddy", "", "a Caddy with this module (default: one is built)")
	flags.StringVar(&o.traefik, "traefik", "", "a Traefik to compare with")
	flags.StringVar(&o.out, "out", "", "directory for report.md and report.json (default: Markdown to standard output)")
	flags.StringVar(&o.doc, "doc", "", "Markdown file whose table to replace")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.rounds < 1 || o.seconds < 1 || o.connections < 1 || o.rate < 0 || o.warmup < 0 {
		return o, errors.New("rounds, seconds and connections must be positive, rate and warmup not negative")
	}
	if proxiesList != "" {
		o.only = strings.Split(proxiesList, ",")
	}
	var err error
	o.works, err = chosenWorks(worksList)
	return o, err
}
