package proxy

import (
	"net/http"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Transport carries requests to one backend.
type Transport interface {
	pool.Transport

	// send sends the request of an attempt and returns the response once its
	// head is there. It sets the attempt's carrier before anything can reach
	// the backend. The error of a request that never left this machine is a
	// *connectError.
	send(*attempt) (*http.Response, error)

	// target returns network and address of the backend.
	target() (network, address string)
}

// carrier is what a transport knows of an attempt that went over it.
type carrier interface {
	// sent reports whether something of the request may have reached the
	// backend.
	sent() bool

	// cause returns what is behind the error of the attempt, where the
	// transport knows more than the error says.
	cause(error) error

	// connectionOptions returns the values of the Connection fields that the
	// response had.
	connectionOptions() []string

	// end gives back what the attempt has used. Nothing of it goes on then.
	end()
}

// noCarrier is the carrier of an attempt that has not come to one.
type noCarrier struct{}

func (noCarrier) sent() bool                  { return false }
func (noCarrier) cause(err error) error       { return err }
func (noCarrier) connectionOptions() []string { return nil }
func (noCarrier) end()                        {}
