package proxy

// phase is where an HTTP/1.1 connection to a backend is in an exchange.
type phase uint8

const (
	phaseIdle phase = iota
	phaseHead
	phaseLength
	phaseChunked
	phaseToEOF
	phaseTunnel
	phaseBroken
)
