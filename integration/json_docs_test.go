package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	_ "github.com/caddy-loadbalance/caddy-loadbalance/balancer"
	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	_ "github.com/caddy-loadbalance/caddy-loadbalance/discovery"
)

// documentedTypes are the sections of docs/json.md that describe a type.
var documentedTypes = map[string]any{
	"App":           config.App{},
	"Handler":       config.Handler{},
	"Backend":       config.Backend{},
	"LoadBalancing": config.LoadBalancing{},
	"Sticky":        config.Sticky{},
	"HealthChecks":  config.HealthChecks{},
	"ActiveHealth":  config.ActiveHealth{},
	"PassiveHealth": config.PassiveHealth{},
	"Transport":     config.Transport{},
	"Resolver":      config.Resolver{},
	"TLS":           config.TLS{},
	"KeepAlive":     config.KeepAlive{},
}

// TestJSONDocsFields compares the tables of docs/json.md with the fields of
// the types, in their order.
func TestJSONDocsFields(t *testing.T) {
	doc := readFile(t, "docs/json.md")
	for section, value := range documentedTypes {
		t.Run(section, func(t *testing.T) {
			want := jsonFields(reflect.TypeOf(value))
			if got := firstColumn(doc, section); !slices.Equal(got, want) {
				t.Errorf("the table has\n%q\nand the type\n%q", got, want)
			}
		})
	}
}

// TestJSONDocsModules compares the tables of modules with those that there are,
// and with the fields of each.
func TestJSONDocsModules(t *testing.T) {
	doc := readFile(t, "docs/json.md")
	for heading, namespace := range map[string]string{"Policies": "policies", "Sources": "sources"} {
		var names []string
		for _, module := range caddy.GetModules("http.handlers.load_balance." + namespace) {
			name := module.ID.Name()
			names = append(names, name)
			want := jsonFields(reflect.TypeOf(module.New()).Elem())
			got := lastColumn(doc, heading, name)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: the table has the options %q, and the module %q", name, got, want)
			}
		}
		got := firstColumn(doc, heading)
		slices.Sort(got)
		slices.Sort(names)
		if len(names) == 0 || !slices.Equal(got, names) {
			t.Errorf("the table has\n%q\nand Caddy\n%q", got, names)
		}
	}
}

// TestJSONDocsExample validates the example, and makes sure that every handler
// of it has nothing but fields of the type.
func TestJSONDocsExample(t *testing.T) {
	blocks, err := parseMarkdown(readFile(t, "docs/json.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, b := range blocks {
		if b.lang != "json" {
			continue
		}
		examples++
		file := writeTemp(t, "config.json", b.text)
		if out, err := runCaddy(t, "validate", "--config", file); err != nil {
			t.Errorf("docs/json.md:%d: %v\n%s", b.line, err, out)
		}
		if err := checkHandlers([]byte(b.text)); err != nil {
			t.Errorf("docs/json.md:%d: %v", b.line, err)
		}
	}
	if examples == 0 {
		t.Error("docs/json.md has no example")
	}
}

// checkHandlers decodes the load_balance handlers of a config strictly.
func checkHandlers(text []byte) error {
	var cfg struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Routes []struct {
						Handle []json.RawMessage
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text, &cfg); err != nil {
		return err
	}
	handlers := 0
	for _, server := range cfg.Apps.HTTP.Servers {
		for _, route := range server.Routes {
			for _, raw := range route.Handle {
				var handler struct {
					Name string `json:"handler"`
					config.Handler
				}
				dec := json.NewDecoder(bytes.NewReader(raw))
				dec.DisallowUnknownFields()
				if err := dec.Decode(&handler); err != nil {
					return err
				}
				handlers++
			}
		}
	}
	if handlers == 0 {
		return fmt.Errorf("no handlers")
	}
	return nil
}

// firstColumn returns what stands in backquotes in the first column of the
// table below the heading.
func firstColumn(doc, heading string) []string {
	var names []string
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\|").FindAllStringSubmatch(docSection(doc, heading), -1) {
		names = append(names, match[1])
	}
	return names
}

// lastColumn returns what stands in backquotes in the last column of the row
// that begins with the name, of the table below the heading.
func lastColumn(doc, heading, name string) []string {
	var names []string
	for line := range strings.Lines(docSection(doc, heading)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " |")
		if cells[0] != "`"+name+"`" || len(cells) < 3 {
			continue
		}
		for _, match := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(cells[2], -1) {
			names = append(names, match[1])
		}
	}
	return names
}

// docSection returns what stands below a heading, up to the next one.
func docSection(doc, heading string) string {
	_, section, _ := strings.Cut(doc, "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// jsonFields returns the names of a struct's fields in JSON, with those of
// embedded structs in their place.
func jsonFields(typ reflect.Type) []string {
	var names []string
	for field := range typ.Fields() {
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case tag != "":
			names = append(names, tag)
		case field.Anonymous:
			names = append(names, jsonFields(field.Type)...)
		}
	}
	return names
}
