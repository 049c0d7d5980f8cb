// Package integration holds the tests of the real binary: Caddy with this
// module runs as a process of its own, configured by files and reached over
// sockets, as its users have it. There is nothing to import here.
package integration
