package proxy

import "time"

// sendToClient does what sends n bytes of the response. It returns an error if
// that fails, or the client has been too slow while the backend has to wait.
func (a *attempt) sendToClient(n int, send func() error) error {
	if a.released || a.proxy.sendPace.rate == 0 {
		if err := send(); err != nil {
			return &writeError{err}
		}
		return nil
	}
	began := time.Now()
	err := send()
	if err == nil {
		err = a.taken.add(&a.proxy.sendPace, began, n)
	}
	if err != nil {
		return &writeError{err}
	}
	return nil
}
