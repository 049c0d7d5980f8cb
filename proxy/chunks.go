package proxy

const (
	// maxChunkDigits bounds the chunk size to what fits 60 bits.
	maxChunkDigits = 15
	// maxChunkExtension bounds the extension of one chunk, in bytes.
	maxChunkExtension = 1 << 10
	// maxChunkOverhead bounds all extensions of one message, in bytes.
	maxChunkOverhead = 64 << 10
	// maxTrailerBytes bounds the trailer section.
	maxTrailerBytes = 4 << 10
)

// chunkScanner follows the chunked coding over the bytes that pass by, to know
// where the message ends. It accepts the grammar of RFC 9112, section 7.1, with
// bounded extensions, and nothing else.
type chunkScanner struct {
	state    chunkState
	left     uint64 // bytes of data left in the chunk
	digits   int    // of the size
	ext      int    // bytes of the chunk's extension
	overhead int    // bytes of all extensions
	trailer  int    // bytes of the trailer section
	line     []byte // of the trailer section, so far

	sink trailerSink // nil: nobody wants the trailer
}

// trailerSink takes the fields of a trailer section.
type trailerSink interface {
	trailerField(name, value []byte)
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkExt
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer
)

// reset makes the scanner ready for another message.
func (c *chunkScanner) reset() { *c = chunkScanner{line: c.line[:0]} }

// scan takes the next bytes. It returns how many of them belong to the message
// and whether the message has ended.
func (c *chunkScanner) scan(b []byte) (n int, done bool, err error) {
	for n < len(b) {
		if c.state == chunkData {
			step := min(c.left, uint64(len(b)-n))
			n += int(step)
			if c.left -= step; c.left == 0 {
				c.state = chunkDataCR
			}
			continue
		}
		ch := b[n]
		n++
		if c.state == chunkTrailer {
			done, err = c.trailerByte(ch)
		} else {
			err = c.frameByte(ch)
		}
		if done || err != nil {
			return n, done, err
		}
	}
	return n, false, nil
}

// decode takes the next bytes and moves the data among them to the front. It
// returns how many bytes of data there are, how many bytes belong to the
// message, and whether the message has ended.
func (c *chunkScanner) decode(b []byte) (data, n int, done bool, err error) {
	for n < len(b) {
		if c.state == chunkData {
			step := int(min(c.left, uint64(len(b)-n)))
			if data != n {
				copy(b[data:], b[n:n+step])
			}
			data, n = data+step, n+step
			if c.left -= uint64(step); c.left == 0 {
				c.state = chunkDataCR
			}
			continue
		}
		ch := b[n]
		n++
		if c.state == chunkTrailer {
			done, err = c.trailerByte(ch)
		} else {
			err = c.frameByte(ch)
		}
		if done || err != nil {
			return data, n, done, err
		}
	}
	return data, n, false, nil
}

// frameByte takes a byte between the data of two chunks.
func (c *chunkScanner) frameByte(ch byte) error {
	switch c.state {
	case chunkSize:
		return c.sizeByte(ch)
	case chunkExt:
		return c.extByte(ch)
	case chunkSizeLF:
		if ch != '\n' {
			return malformed("CR without LF behind a chunk size")
		}
		c.state = chunkData
		if c.left == 0 {
			c.state = chunkTrailer
		}
		c.digits, c.ext = 0, 0
	case chunkDataCR:
		if ch != '\r' {
			return malformed("chunk longer than its size")
		}
		c.state = chunkDataLF
	case chunkDataLF:
		if ch != '\n' {
			return malformed("CR without LF behind a chunk")
		}
		c.state = chunkSize
	}
	return nil
}

func (c *chunkScanner) sizeByte(ch byte) error {
	if digit, ok := hexDigit(ch); ok {
		if c.digits++; c.digits > maxChunkDigits {
			return malformed("chunk size has more than %d digits", maxChunkDigits)
		}
		c.left = c.left<<4 | uint64(digit)
		return nil
	}
	if c.digits == 0 {
		return malformed("chunk size begins with %q", ch)
	}
	switch ch {
	case '\r':
		c.state = chunkSizeLF
	case ';':
		c.state = chunkExt
	default:
		return malformed("bad byte %q in chunk size", ch)
	}
	return nil
}

func (c *chunkScanner) extByte(ch byte) error {
	if ch == '\r' {
		c.state = chunkSizeLF
		return nil
	}
	if ch < ' ' && ch != '\t' || ch == 0x7f {
		return malformed("bad byte %q in chunk extension", ch)
	}
	c.ext++
	if c.overhead++; c.ext > maxChunkExtension || c.overhead > maxChunkOverhead {
		return malformed("chunk extensions are too long")
	}
	return nil
}

// trailerByte takes a byte of the trailer section, which ends in an empty line.
func (c *chunkScanner) trailerByte(ch byte) (done bool, err error) {
	if c.trailer++; c.trailer > maxTrailerBytes {
		return false, malformed("trailer section is longer than %d bytes", maxTrailerBytes)
	}
	c.line = append(c.line, ch)
	if ch != '\n' {
		return false, nil
	}
	line, _, err := cutLine(c.line)
	if err != nil {
		return false, err
	}
	if len(line) == 0 {
		return true, nil
	}
	name, value, err := parseField(line)
	if err == nil && c.sink != nil {
		c.sink.trailerField(name, value)
	}
	c.line = c.line[:0]
	return false, err
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
