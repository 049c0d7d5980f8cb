package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is a client of HTTP/2 that sends what it is told to, over a plain
// connection with prior knowledge (RFC 9113 §3.3).
type frames struct {
	*peer
	framer *http2.Framer
	block  bytes.Buffer
	enc    *hpack.Encoder
}

// field is a header field of HTTP/2: name and value.
type field [2]string

// http2Frames opens a connection and exchanges settings.
func (s *site) http2Frames(t testing.TB) *frames {
	t.Helper()
	p := s.dial(t)
	p.send(http2.ClientPreface)
	f := &frames{peer: p, framer: http2.NewFramer(p, p.r)}
	f.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.framer.AllowIllegalWrites = true
	f.enc = hpack.NewEncoder(&f.block)
	if err := f.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

// headers sends a header block.
func (f *frames) headers(stream uint32, end bool, fields ...field) {
	f.t.Helper()
	f.block.Reset()
	for _, h := range fields {
		_ = f.enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // into memory
	}
	err := f.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: f.block.Bytes(), EndStream: end, EndHeaders: true,
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// data sends a piece of a body.
func (f *frames) data(stream uint32, end bool, data string) {
	f.t.Helper()
	if err := f.framer.WriteData(stream, end, []byte(data)); err != nil {
		f.t.Fatal(err)
	}
}

// pseudo are the fields that every request begins with.
func (s *site) pseudo(method, path string) []field {
	return []field{{":method", method}, {":scheme", "http"}, {":authority", s.host}, {":path", path}}
}

// next returns the next frame of the stream, or an error if the stream or the
// connection ended in one. Settings are acknowledged on the way.
func (f *frames) next(stream uint32) (http2.Frame, error) {
	for {
		frame, err := f.framer.ReadFrame()
		if err != nil {
			return nil, err
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				if err := f.framer.WriteSettingsAck(); err != nil {
					return nil, err
				}
			}
		case *http2.GoAwayFrame:
			if frame.ErrCode != http2.ErrCodeNo {
				return nil, fmt.Errorf("connection error %s", frame.ErrCode)
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == stream {
				return nil, fmt.Errorf("stream error %s", frame.ErrCode)
			}
		default:
			if frame.Header().StreamID == stream {
				return frame, nil
			}
		}
	}
}

// readAnswer reads the response on the stream.
func (f *frames) readAnswer(stream uint32) *answer {
	a := new(answer)
	var body strings.Builder
	defer func() { a.body = body.String() }()
	for {
		frame, err := f.next(stream)
		if err != nil {
			a.err = err
			return a
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			ended = frame.StreamEnded()
			var lines []string
			for _, h := range frame.RegularFields() {
				lines = append(lines, h.Name+": "+h.Value)
			}
			switch status, _ := strconv.Atoi(frame.PseudoValue("status")); {
			case status >= 100 && status < 200:
				a.informational = append(a.informational, fmt.Sprint(status, " ", lines))
			case status > 0:
				a.status, a.fields = status, canonical(lines)
			default:
				a.trailers = canonical(lines)
			}
		case *http2.DataFrame:
			body.Write(frame.Data())
			ended = frame.StreamEnded()
			if n := uint32(len(frame.Data())); n > 0 {
				_ = f.framer.WriteWindowUpdate(stream, n)
				_ = f.framer.WriteWindowUpdate(0, n)
			}
		}
		if ended {
			a.complete = true
			return a
		}
	}
}

// expectData reads exactly the bytes from the stream.
func (f *frames) expectData(stream uint32, want string) {
	f.t.Helper()
	var got strings.Builder
	for got.Len() < len(want) {
		frame, err := f.next(stream)
		if err != nil {
			f.t.Fatalf("received %q, %v; want %q", got.String(), err, want)
		}
		if d, ok := frame.(*http2.DataFrame); ok {
			got.Write(d.Data())
			if d.StreamEnded() && got.Len() < len(want) {
				f.t.Fatalf("received %q, and the end; want %q", got.String(), want)
			}
		}
	}
	if got.String() != want {
		f.t.Fatalf("received %q, want %q", got.String(), want)
	}
}

// expectEnd reads until the stream ends, in good order or not.
func (f *frames) expectEnd(stream uint32) {
	f.t.Helper()
	for {
		frame, err := f.next(stream)
		if err != nil {
			if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "stream error") {
				return
			}
			f.t.Errorf("the stream did not end: %v", err)
			return
		}
		if d, ok := frame.(*http2.DataFrame); ok && d.StreamEnded() {
			return
		}
	}
}
