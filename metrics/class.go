package metrics

import "sync/atomic"

// Class is how an attempt ended: the class of the response's status, or why
// there was none.
type Class uint8

const (
	// Informational is 101 (Switching Protocols): other 1xx end no attempt.
	Informational Class = iota
	// Success is 2xx.
	Success
	// Redirection is 3xx.
	Redirection
	// ClientError is 4xx.
	ClientError
	// ServerError is 5xx, and whatever else is not below 500.
	ServerError
	// Failed is a backend that did not answer, or not as HTTP says.
	Failed
	// ClientFault is a client that left, or sent something malformed.
	ClientFault
	// LocalFault is a lack of resources of this machine.
	LocalFault

	numClasses = iota
)

// codes are the values of the label code. The names of what is no response
// cannot be taken for a status.
var codes = [numClasses]string{"1xx", "2xx", "3xx", "4xx", "5xx", "error", "client_fault", "local_fault"}

// String returns the class as the label has it.
func (c Class) String() string { return codes[c] }

// ClassOf returns the class of a response's status.
func ClassOf(status int) Class {
	return Class(min(max(status/100-1, int(Informational)), int(ServerError)))
}

// Classes counts attempts by how they ended.
type Classes [numClasses]atomic.Uint64

// Count counts one attempt.
func (c *Classes) Count(class Class) { c[class].Add(1) }
