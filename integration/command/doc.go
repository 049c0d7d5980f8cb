// Package command has tests of `caddy load-balance`, each command being run as
// its users do: by the real binary, against another process of it.
//
// There is nothing to import here.
package command
