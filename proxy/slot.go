package proxy

import (
	"errors"
	"io"
)

// release gives the slot on the backend back, once.
func (a *attempt) release() {
	if !a.released {
		a.released = true
		a.m.Release()
	}
}

// releaseIfRead gives the slot back, with the client still to be sent what was
// read, if the backend has nothing more to do for it: a client that is slow to
// take the end of a response keeps nobody else from the backend.
func (a *attempt) releaseIfRead(read int64, err error) {
	if a.released {
		return
	}
	if h := &a.http1; a.carrier == carrier(h) {
		if h.conn == nil {
			a.release()
		}
		return
	}
	if (errors.Is(err, io.EOF) || read == a.response.ContentLength) && a.body.complete() {
		a.release()
	}
}
