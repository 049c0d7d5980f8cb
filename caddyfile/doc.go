// Package caddyfile turns the `load_balance` directive of a Caddyfile into the
// configuration types of package config.
//
// Every subdirective has an entry in one of the tables, a table per group and
// file. A table entry reads the arguments; what all subdirectives have in
// common (they come once, end with their line, do not exclude each other, and
// leave a valid configuration behind) is checked in one place, so that every
// error has the file and line of its cause.
package caddyfile
