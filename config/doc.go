// Package config holds the JSON schema of the load balancer: its types, the
// documentation of every field, defaults and validation. It has no behaviour
// and imports no other package of this module.
package config
