package command

import (
	"context"
	"encoding/json"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// target says which Caddy is meant, and which of its pools, by flags that most
// commands have.
type target struct {
	address, config, adapter string
	pool                     string
	json                     bool
}

// bind gives a command the flags.
func (t *target) bind(cmd *cobra.Command) {
	t.bindEndpoint(cmd)
	f := cmd.Flags()
	f.StringVarP(&t.pool, "pool", "p", "", "Name of the pool (default: the only one)")
	f.BoolVar(&t.json, "json", false, "Print JSON")
	complete(cmd, "pool", t.completePools)
}

func (t *target) bindEndpoint(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.address, "address", "", "Address of the admin endpoint, if it is not in the config")
	f.StringVarP(&t.config, "config", "c", "", "Config file that has the address of the admin endpoint")
	f.StringVarP(&t.adapter, "adapter", "a", "", "Adapter of the config file, if it is not JSON")
}

// open returns a client of the admin endpoint, which is where Caddy's commands
// look for it.
func (t *target) open() (*client, error) {
	addr, err := caddycmd.DetermineAdminAPIAddress(t.address, nil, t.config, t.adapter)
	if err != nil {
		return nil, err
	}
	return newClient(addr)
}

// connect returns a client, and the name of the pool that is meant.
func (t *target) connect(ctx context.Context) (*client, string, error) {
	c, err := t.open()
	if err != nil || t.pool != "" {
		return c, t.pool, err
	}
	names, err := c.poolNames(ctx)
	switch {
	case err != nil:
	case len(names) == 0:
		err = exitf(exitRefused, "the Caddy at %s has no pool: nothing in its config is a load_balance", c.addr)
	case len(names) > 1:
		err = exitf(exitRefused, "there are several pools, name one of them with --pool: %s", strings.Join(names, ", "))
	default:
		return c, names[0], nil
	}
	c.close()
	return nil, "", err
}

func (c *client) poolNames(ctx context.Context) ([]string, error) {
	var pools []poolAnswer
	if err := c.get(ctx, path("pools"), &pools); err != nil {
		return nil, err
	}
	names := make([]string, len(pools))
	for i := range pools {
		names[i] = pools[i].Name
	}
	return names, nil
}

// backends returns the pool's backends.
func (c *client) backends(ctx context.Context, pool string) ([]backendAnswer, error) {
	var list []backendAnswer
	err := c.get(ctx, path("pools", pool, "backends"), &list)
	return list, err
}

// resolve returns the ids of backends that are named by id or by address.
func (c *client) resolve(ctx context.Context, pool string, names []string) ([]string, error) {
	list, err := c.backends(ctx, pool)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(names))
	for i, name := range names {
		b := findBackend(list, name)
		if b == nil {
			return nil, exitf(exitRefused, "pool %q has no backend %q; it has %s", pool, name, listIDs(list))
		}
		ids[i] = b.ID
	}
	return ids, nil
}

// findBackend returns the backend with the id or else the address, or nil.
func findBackend(list []backendAnswer, name string) *backendAnswer {
	for i := range list {
		if list[i].ID == name {
			return &list[i]
		}
	}
	addr, err := config.ParseAddress(name)
	if err != nil {
		return nil
	}
	for i := range list {
		if list[i].Address == addr.String() {
			return &list[i]
		}
	}
	return nil
}

// maxListed is how many ids an error names.
const maxListed = 10

func listIDs(list []backendAnswer) string {
	if len(list) == 0 {
		return "none"
	}
	var ids []string
	for i := range list {
		if i == maxListed {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, list[i].ID)
	}
	return strings.Join(ids, ", ")
}

// printJSON prints a document on a line of its own.
func printJSON(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
