// Package sticky keeps clients with the backends that they have been with: by a
// cookie that names the backend, or by a table of clients' addresses.
//
// What cookies are made of, and how they are read, is shared with the `cookie`
// policy of the balancer package.
package sticky
