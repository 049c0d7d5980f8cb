package proxy

import "time"

// sendToClient writes a piece of the response with write.
func (a *attempt) sendToClient(p []byte, write func([]byte) (int, error)) error {
	if a.released || a.proxy.sendPace.rate == 0 {
		// no backend has to wait for the client
		if _, err := write(p); err != nil {
			return &writeError{err}
		}
		return nil
	}
	began := time.Now()
	_, err := write(p)
	if err == nil {
		err = a.taken.add(&a.proxy.sendPace, began, len(p))
	}
	if err != nil {
		return &writeError{err}
	}
	return nil
}
