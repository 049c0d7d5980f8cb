// Package command is `caddy load-balance`: it shows and changes the pools of a
// running Caddy, and starts one from flags alone.
//
// All commands but `run` are clients of the admin API. They have no pools of
// their own, and decide nothing that the API decides.
package command
