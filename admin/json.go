package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may be nested. What the API takes is
// never deeper than three.
const maxDepth = 16

// object is a JSON object whose names are unique.
type object struct {
	names  []string // as sent
	values map[string]any
}

// parseJSON parses a document more strictly than encoding/json does: names come
// once, are compared exactly, and strings are what they seem. The value is nil,
// a bool, a string, a json.Number, an []any or an *object.
func parseJSON(body []byte) (any, *failure) {
	bad := func(format string, args ...any) *failure {
		return refuse(http.StatusBadRequest, codeBadJSON, "the body is not JSON: "+format, args...)
	}
	if len(body) == 0 {
		return nil, bad("it is empty")
	}
	if !utf8.Valid(body) {
		return nil, bad("it is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, bad("at byte %d: %v", syntax.Offset, err)
		}
		return nil, bad("%v", err)
	}
	if escape := loneSurrogate(body); escape != "" {
		return nil, bad("the escape %s is half of a character", escape)
	}
	p := &parser{dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	return p.value("", 0)
}

// parser builds values from the tokens of a document that is valid JSON.
type parser struct{ dec *json.Decoder }

func (p *parser) value(at string, depth int) (any, *failure) {
	token, err := p.dec.Token()
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeBadJSON, "the body is not JSON: %v", err)
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if depth == maxDepth {
		return nil, refuse(http.StatusBadRequest, codeBadJSON, "the body is nested more than %d levels deep", maxDepth)
	}
	if delim == '[' {
		return p.array(at, depth)
	}
	return p.object(at, depth)
}

func (p *parser) array(at string, depth int) (any, *failure) {
	list := []any{}
	for p.dec.More() {
		v, f := p.value(fmt.Sprintf("%s[%d]", at, len(list)), depth+1)
		if f != nil {
			return nil, f
		}
		list = append(list, v)
	}
	return list, p.end()
}

func (p *parser) object(at string, depth int) (any, *failure) {
	obj := &object{values: make(map[string]any)}
	for p.dec.More() {
		token, err := p.dec.Token()
		name, isString := token.(string)
		if err != nil || !isString {
			return nil, refuse(http.StatusBadRequest, codeBadJSON, "the body is not JSON: name expected, got %v", token)
		}
		field := join(at, name)
		if _, dup := obj.values[name]; dup {
			return nil, refuseField(codeDuplicateField, field, "comes twice")
		}
		v, f := p.value(field, depth+1)
		if f != nil {
			return nil, f
		}
		obj.names = append(obj.names, name)
		obj.values[name] = v
	}
	return obj, p.end()
}

// end consumes the bracket that closes an array or object.
func (p *parser) end() *failure {
	if _, err := p.dec.Token(); err != nil {
		return refuse(http.StatusBadRequest, codeBadJSON, "the body is not JSON: %v", err)
	}
	return nil
}

// join returns the path of a field within the value at a path.
func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// loneSurrogate returns the first \u escape in valid JSON that is half of a
// UTF-16 pair without the other half. encoding/json would replace it silently.
func loneSurrogate(body []byte) string {
	for i := 0; i+5 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // to what is escaped
		if body[i] != 'u' {
			continue
		}
		unit := codeUnit(body[i+1:])
		escape := string(body[i-1 : i+5])
		i += 4
		switch {
		case unit < 0xd800 || unit > 0xdfff:
		case unit < 0xdc00 && bytes.HasPrefix(body[i+1:], []byte(`\u`)) && codeUnit(body[i+3:])&0xfc00 == 0xdc00:
			i += 6
		default:
			return escape
		}
	}
	return ""
}

// codeUnit returns the value of the four hexadecimal digits that s begins with.
func codeUnit(s []byte) uint64 {
	if len(s) < 4 {
		return 0
	}
	n, err := strconv.ParseUint(string(s[:4]), 16, 16)
	if err != nil {
		return 0
	}
	return n
}
