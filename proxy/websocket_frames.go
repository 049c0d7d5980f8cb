package proxy

import (
	"crypto/rand"
	"encoding/binary"
)

// frameScanner follows the frames of a WebSocket (RFC 6455, section 5.2) to
// know when one has ended. Whatever its bytes mean, it takes them.
type frameScanner struct {
	head []byte // of the frame, so far
	left uint64 // bytes of its payload
	last bool   // a Close frame has begun
	buf  [14]byte
}

const opcodeClose = 8

// between reports whether no frame has begun that has not ended.
func (f *frameScanner) between() bool { return len(f.head) == 0 && f.left == 0 }

// closed reports whether a Close frame has gone through.
func (f *frameScanner) closed() bool { return f.last && f.between() }

// scan takes the next bytes.
func (f *frameScanner) scan(b []byte) {
	for len(b) > 0 {
		b = b[f.scanFrame(b):]
	}
}

// scanFrame takes the next bytes up to the end of a frame, and returns how many.
func (f *frameScanner) scanFrame(b []byte) int {
	n := 0
	for f.left == 0 && n < len(b) {
		if f.head == nil {
			f.head = f.buf[:0]
		}
		f.head = append(f.head, b[n])
		n++
		if size, payload := frameHead(f.head); len(f.head) == size {
			f.last = f.last || f.head[0]&0x0f == opcodeClose
			f.head = f.head[:0]
			if f.left = payload; payload == 0 {
				return n
			}
		}
	}
	payload := min(f.left, uint64(len(b)-n))
	f.left -= payload
	return n + int(payload)
}

// frameHead returns how long the head of a frame is which begins with h, and
// the length of its payload once h is the whole head.
func frameHead(h []byte) (size int, payload uint64) {
	if len(h) < 2 {
		return 2, 0
	}
	size, payload = 2, uint64(h[1]&0x7f)
	switch payload {
	case 126:
		if size = 4; len(h) >= size {
			payload = uint64(binary.BigEndian.Uint16(h[2:]))
		}
	case 127:
		if size = 10; len(h) >= size {
			payload = binary.BigEndian.Uint64(h[2:])
		}
	}
	if h[1]&0x80 != 0 {
		size += 4 // the mask
	}
	return size, payload
}

// closeFrame returns a Close frame with status 1001, going away. Frames to a
// server are masked.
func closeFrame(masked bool) []byte {
	const final, goingAway = 0x80, 1001
	payload := binary.BigEndian.AppendUint16(nil, goingAway)
	if !masked {
		return append([]byte{final | opcodeClose, byte(len(payload))}, payload...)
	}
	frame := make([]byte, 6, 8)
	frame[0], frame[1] = final|opcodeClose, 0x80|byte(len(payload))
	_, _ = rand.Read(frame[2:6]) // never fails
	for i, b := range payload {
		frame = append(frame, b^frame[2+i])
	}
	return frame
}
