// Package process builds Caddy with this module and runs it as a process of its
// own. It is for tests.
package process
