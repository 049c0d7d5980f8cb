package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// document is docs/openapi.yaml, or a part of it.
type document map[string]any

var description = sync.OnceValues(func() (document, error) {
	text, err := os.ReadFile("../docs/openapi.yaml")
	if err != nil {
		return nil, err
	}
	var doc document
	return doc, yaml.Unmarshal(text, &doc)
})

// at returns the part at a path of names, with references followed; nil if
// there is none.
func (d document) at(root document, names ...string) document {
	for _, name := range names {
		next, _ := d[name].(document)
		if next == nil {
			return nil
		}
		d = next.resolve(root)
	}
	return d
}

func (d document) resolve(root document) document {
	for {
		ref, ok := d["$ref"].(string)
		if !ok {
			return d
		}
		next := root.at(root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		if next == nil {
			panic("docs/openapi.yaml: nothing at " + ref)
		}
		d = next
	}
}

// knownKeywords are those of JSON Schema that check understands. Others would
// describe what no test looks at, so they are errors.
var knownKeywords = []string{
	"$ref", "additionalProperties", "allOf", "default", "description", "enum", "format", "items", "maxLength",
	"maxProperties", "maximum", "minLength", "minimum", "oneOf", "pattern", "properties", "required", "type", "unevaluatedProperties",
}

// check returns what is wrong with a value, by the schema. The value is as
// encoding/json decodes it.
func (d document) check(root document, v any, at string) error {
	_, err := d.evaluate(root, v, at)
	return err
}

// evaluate is check, and returns the properties that the schema has judged.
func (d document) evaluate(root document, v any, at string) (judged map[string]bool, err error) {
	d = d.resolve(root)
	for keyword := range d {
		if !slices.Contains(knownKeywords, keyword) {
			return nil, fmt.Errorf("%s: the schema has %q, which this test does not know", at, keyword)
		}
	}
	if err := d.checkScalar(v, at); err != nil {
		return nil, err
	}
	judged = make(map[string]bool)
	parts, _ := d["allOf"].([]any)
	for _, part := range parts {
		more, err := part.(document).evaluate(root, v, at)
		if err != nil {
			return nil, err
		}
		for name := range more {
			judged[name] = true
		}
	}
	if choices, ok := d["oneOf"].([]any); ok {
		if err := checkOneOf(root, choices, v, at); err != nil {
			return nil, err
		}
	}
	switch v := v.(type) {
	case map[string]any:
		return judged, d.checkObject(root, v, judged, at)
	case []any:
		items := d.at(root, "items")
		for i, item := range v {
			if err := items.check(root, item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return nil, err
			}
		}
	}
	return judged, nil
}

// checkOneOf makes sure that exactly one of the schemas describes the value.
func checkOneOf(root document, choices []any, v any, at string) error {
	var errs []error
	for _, choice := range choices {
		if err := choice.(document).check(root, v, at); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) != len(choices)-1 {
		return fmt.Errorf("%s: described by %d of %d schemas: %w", at, len(choices)-len(errs), len(choices), errors.Join(errs...))
	}
	return nil
}

func (d document) checkObject(root document, v map[string]any, judged map[string]bool, at string) error {
	required, _ := d["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("%s: no %s", at, name)
		}
	}
	if limit, ok := d["maxProperties"].(int); ok && len(v) > limit {
		return fmt.Errorf("%s: %d properties", at, len(v))
	}
	properties := d.at(root, "properties")
	for name, value := range v {
		where := at + "." + name
		if schema := properties.at(root, name); schema != nil {
			judged[name] = true
			if err := schema.check(root, value, where); err != nil {
				return err
			}
			continue
		}
		switch extra := d["additionalProperties"].(type) {
		case bool:
			if !extra {
				return fmt.Errorf("%s: not in the schema", where)
			}
		case document:
			judged[name] = true
			if err := extra.check(root, value, where); err != nil {
				return err
			}
		}
		if d["unevaluatedProperties"] == false && !judged[name] {
			return fmt.Errorf("%s: not in the schema", where)
		}
	}
	return nil
}

func (d document) checkScalar(v any, at string) error {
	bad := func() error { return fmt.Errorf("%s: %v is not as in %v", at, v, d) }
	if typ, ok := d["type"].(string); ok && typ != typeOf(v) && (typ != "number" || typeOf(v) != "integer") {
		return bad()
	}
	if enum, ok := d["enum"].([]any); ok && !slices.Contains(enum, v) {
		return bad()
	}
	switch v := v.(type) {
	case float64:
		if low, ok := number(d["minimum"]); ok && v < low {
			return bad()
		}
		if high, ok := number(d["maximum"]); ok && v > high {
			return bad()
		}
	case string:
		if low, ok := number(d["minLength"]); ok && len(v) < int(low) {
			return bad()
		}
		if high, ok := number(d["maxLength"]); ok && len(v) > int(high) {
			return bad()
		}
		if pattern, ok := d["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
			return bad()
		}
		if _, err := time.Parse(time.RFC3339Nano, v); d["format"] == "date-time" && err != nil {
			return bad()
		}
	}
	return nil
}

func number(v any) (float64, bool) {
	n, ok := v.(int)
	return float64(n), ok
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return reflect.TypeOf(v).String()
}

// exchange is a request and its answer, for the description to judge.
type exchange struct {
	method, path string // the path as sent
	status       int
	header       map[string][]string
	body         []byte
}

// operation returns the path of the description that a path is an instance of,
// and its operation for the method; nil if there is none.
func (d document) operation(method, path string) (template string, op document) {
	segments := strings.Split(path, "/")
	for template := range d.at(d, "paths") {
		want := strings.Split(template, "/")
		if !slices.EqualFunc(want, segments, func(w, s string) bool { return w == s || strings.HasPrefix(w, "{") && s != "" }) {
			continue
		}
		if method == "HEAD" {
			method = "GET"
		}
		return template, d.at(d, "paths", template, strings.ToLower(method))
	}
	return "", nil
}

// judge returns the operation, status and code of an exchange, as in
// `GET /load_balance/status 200 `, or an error if it is not as described.
func (d document) judge(x exchange) (string, error) {
	path, err := url.PathUnescape(x.path)
	if err != nil {
		path = x.path
	}
	template, op := d.operation(x.method, path)
	var failed struct{ Code string }
	if x.status >= 400 && x.method != "HEAD" {
		if err := json.Unmarshal(x.body, &failed); err != nil {
			return "", fmt.Errorf("body of the error: %w", err)
		}
	}
	key := fmt.Sprintf("%s %s %d %s", x.method, template, x.status, failed.Code)
	response := op.at(d, "responses", fmt.Sprint(x.status))
	listed := response.at(d, "content", "application/json", "schema").codes()
	if op == nil || isOfPath(failed.Code) && !slices.Contains(listed, any(failed.Code)) {
		return key, d.judgeUnlisted(x, template, failed.Code)
	}
	if response == nil && (x.status == 503 || x.status == 507) {
		response = op.at(d, "responses", "default")
	}
	if response == nil {
		return key, fmt.Errorf("%s: the status is not described", key)
	}
	for name := range response.at(d, "headers") {
		value := strings.Join(x.header[textHeader(name)], ", ")
		if err := response.at(d, "headers", name, "schema").check(d, value, "header "+name); err != nil {
			return key, fmt.Errorf("%s: %w", key, err)
		}
	}
	schema := response.at(d, "content", "application/json", "schema")
	if schema == nil || x.method == "HEAD" {
		if len(x.body) > 0 {
			return key, fmt.Errorf("%s: there is a body: %s", key, x.body)
		}
		return key, nil
	}
	var v any
	if err := json.Unmarshal(x.body, &v); err != nil {
		return key, fmt.Errorf("%s: %w", key, err)
	}
	if err := schema.check(d, v, "body"); err != nil {
		return key, fmt.Errorf("%s: %w\n%s", key, err, x.body)
	}
	return key, nil
}

// isOfPath reports whether a code is said of paths, which the description's
// introduction says of all of them.
func isOfPath(code string) bool {
	switch code {
	case codeBadPath, codeNotCanonical, codeUnknownPath, codeMethodNotAllowed:
		return true
	}
	return false
}

// judgeUnlisted judges answers to what no operation is for.
func (d document) judgeUnlisted(x exchange, template, code string) error {
	allow := strings.Join(x.header["Allow"], "")
	var status int
	switch {
	case x.method == "OPTIONS" && template != "" && code == "":
		status = 204
	case code == codeUnknownPath:
		status = 404
	case code == codeMethodNotAllowed:
		status = 405
	case code == codeBadPath || code == codeNotCanonical:
		status = 400
	}
	if x.status != status {
		return fmt.Errorf("%s %s: status %d with code %q", x.method, x.path, x.status, code)
	}
	if status != 204 && status != 405 {
		return nil
	}
	want := []string{"HEAD", "OPTIONS"}
	for method := range d.at(d, "paths", template) {
		if method != "parameters" {
			want = append(want, strings.ToUpper(method))
		}
	}
	slices.Sort(want)
	if allow != strings.Join(want, ", ") {
		return fmt.Errorf("%s %s: Allow is %q, and the description has %q", x.method, x.path, allow, want)
	}
	return nil
}

// textHeader returns the key of a header in http.Header.
func textHeader(name string) string {
	if name == "ETag" {
		return "Etag"
	}
	return name
}
