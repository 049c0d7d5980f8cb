// Package fault has the tests of what happens when backends, clients, networks
// and operators misbehave. Caddy with this module runs as a process of its own
// between raw backends, which play one fault each, and clients that check every
// byte. Each response has the id of its request in its head and all over its
// body, so that nothing gets mixed up unseen.
//
// The errors that clients see must be exactly those that the fault explains, by
// the ids of the requests. Afterwards goroutines, connections, requests in
// flight and queues must be what they were before.
//
// There is nothing to import here.
package fault
