// Package persist keeps the runtime changes of pools in Caddy's storage, for
// this process after a restart and for all processes that share the storage.
//
// A pool's changes are one document, which is replaced as a whole under the
// storage's lock and read without. Processes learn of each other's changes by
// reading the documents at an interval. They know of each other by a list of
// members, and each publishes which documents it has put in force.
//
// Nothing here is on the way of a request, and nothing waits for the storage
// without a limit: the storage may be slow, full, damaged or gone.
package persist
