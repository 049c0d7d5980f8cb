package pool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// decodeStrict decodes a JSON object into the struct that into points to, more
// strictly than encoding/json does: names are spelled as in the struct's tags
// and come once, nothing is null, and nothing follows. Structs and maps within
// are decoded the same way, arrays are not looked into.
func decodeStrict(data []byte, into any) error {
	return decodeFields(data, fieldsOf(into))
}

func decodeFields(data []byte, fields map[string]reflect.Value) error {
	return decodeObject(data, func(name string, value json.RawMessage) error {
		field, known := fields[name]
		if !known {
			return errors.New("unknown field")
		}
		return decodeValue(value, field)
	})
}

// fieldsOf returns the fields of the struct that into points to, by the names
// in their tags.
func fieldsOf(into any) map[string]reflect.Value {
	v := reflect.ValueOf(into).Elem()
	fields := make(map[string]reflect.Value, v.NumField())
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = v.Field(i)
	}
	return fields
}

func decodeValue(value json.RawMessage, field reflect.Value) error {
	if string(value) == "null" {
		return errors.New("is null")
	}
	t := field.Type()
	switch {
	case decodesItself(t): // such as a time
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && !decodesItself(t.Elem()):
		field.Set(reflect.New(t.Elem()))
		return decodeStrict(value, field.Interface())
	case t.Kind() == reflect.Map:
		field.Set(reflect.MakeMap(t))
		return decodeObject(value, func(name string, value json.RawMessage) error {
			element := reflect.New(t.Elem()).Elem()
			if err := decodeValue(value, element); err != nil {
				return err
			}
			field.SetMapIndex(reflect.ValueOf(name), element)
			return nil
		})
	}
	return json.Unmarshal(value, field.Addr().Interface())
}

func decodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// decodeObject calls each with every name of a JSON object, none of which comes
// twice, and its value.
func decodeObject(data []byte, each func(name string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if token, err := dec.Token(); err != nil {
		return err
	} else if token != json.Delim('{') {
		return fmt.Errorf("expected an object, got %v", token)
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return fmt.Errorf("expected a name, got %v: %w", token, err)
		}
		if seen[name] {
			return fmt.Errorf("%.40q comes twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return fmt.Errorf("%.40q: %w", name, err)
		}
		if err := each(name, value); err != nil {
			return fmt.Errorf("%.40q: %w", name, err)
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the end")
	}
	return nil
}
