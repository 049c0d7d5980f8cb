package proxy

import (
	"errors"
	"net"
	"reflect"
)

// closeWrite ends the outgoing stream of a connection that can do so.
func closeWrite(c any) error {
	for c != nil {
		if cw, ok := c.(interface{ CloseWrite() error }); ok {
			return cw.CloseWrite()
		}
		c = wrapped(c)
	}
	return errors.ErrUnsupported
}

// wrapped returns the connection that c embeds, nil if there is none. Types
// that count or log, as Caddy's for connections that were hijacked, embed a
// net.Conn, which hides what the connection can do beyond that interface.
func wrapped(c any) any {
	v := reflect.ValueOf(c)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	field, ok := v.Type().FieldByName("Conn")
	if !ok || !field.Anonymous || field.Type != reflect.TypeFor[net.Conn]() || len(field.Index) != 1 {
		return nil
	}
	inner := v.FieldByIndex(field.Index)
	if inner.IsNil() {
		return nil
	}
	return inner.Interface()
}
