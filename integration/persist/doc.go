// Package persist tests what outlasts a process: with real ones, which are
// killed, share a storage, and find it damaged, failing or silent.
package persist
