package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const monitoring = "examples/monitoring/"

// alertRule is a rule of alerts.yml.
type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// readYAML reads a file strictly.
func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(readFile(t, name)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func readAlerts(t *testing.T) (rules []alertRule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string      `yaml:"name"`
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, monitoring+"alerts.yml", &file)
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("there are no alert rules")
	}
	return rules
}

// exampleMetrics runs the example and scrapes it: its admin endpoint, and its
// site, which has the same.
func exampleMetrics(t *testing.T) scraped {
	t.Helper()
	p, r := startExample(t, monitoring[len("examples/"):]+"Caddyfile", 9001, 9002, 9003)
	client := newClient(t, nil)
	waitServing(t, client, "http://"+r.addr(t, 8080))
	site := parseMetrics(t, get(t, client, "http://"+r.addr(t, 8081)+"/metrics").body)
	found := p.metrics(t)
	for name := range found {
		if strings.HasPrefix(name, metricPrefix) && site[name] == nil {
			t.Errorf("the site does not show %s", name)
		}
	}
	return found
}

// TestMonitoringAlerts makes sure that alert rules are about metrics that there
// are, say what they are to say, and have tests.
func TestMonitoringAlerts(t *testing.T) {
	found := exampleMetrics(t)
	var tests struct {
		RuleFiles []string `yaml:"rule_files"`
		Interval  string   `yaml:"evaluation_interval"`
		Tests     []struct {
			Name     string `yaml:"name"`
			Interval string `yaml:"interval"`
			Input    []struct {
				Series string `yaml:"series"`
				Values string `yaml:"values"`
			} `yaml:"input_series"`
			Alerts []struct {
				At        string `yaml:"eval_time"`
				Alert     string `yaml:"alertname"`
				ExpAlerts []struct {
					Labels      map[string]string `yaml:"exp_labels"`
					Annotations map[string]string `yaml:"exp_annotations"`
				} `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	readYAML(t, monitoring+"alerts_test.yml", &tests)
	fires, silent := make(map[string]bool), make(map[string]bool)
	for _, test := range tests.Tests {
		for _, input := range test.Input {
			for _, problem := range found.checkQuery(input.Series) {
				t.Errorf("alerts_test.yml: %s: %s", input.Series, problem)
			}
		}
		for _, a := range test.Alerts {
			fires[a.Alert] = fires[a.Alert] || len(a.ExpAlerts) > 0
			silent[a.Alert] = silent[a.Alert] || len(a.ExpAlerts) == 0
		}
	}
	label := regexp.MustCompile(`\$labels\.([a-z_]+)`)
	for _, rule := range readAlerts(t) {
		for _, problem := range found.checkQuery(rule.Expr) {
			t.Errorf("%s: %s", rule.Alert, problem)
		}
		if _, err := time.ParseDuration(rule.For); rule.For != "" && err != nil {
			t.Errorf("%s: %v", rule.Alert, err)
		}
		if s := rule.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", rule.Alert, s)
		}
		for _, what := range []string{"summary", "description"} {
			text := rule.Annotations[what]
			if text == "" {
				t.Errorf("%s has no %s", rule.Alert, what)
			}
			for _, m := range label.FindAllStringSubmatch(text, -1) {
				if found.checkQuery(fmt.Sprintf("sum by (%s) (%s)", m[1], rule.Expr)) != nil {
					t.Errorf("%s: its series have no label %s", rule.Alert, m[1])
				}
			}
		}
		if !fires[rule.Alert] || !silent[rule.Alert] {
			t.Errorf("%s: alerts_test.yml does not show both that it fires and that it does not", rule.Alert)
		}
		delete(fires, rule.Alert)
	}
	for alert := range fires {
		t.Errorf("alerts_test.yml is about %s, which is no rule", alert)
	}
}

// TestMonitoringPrometheus makes sure that prometheus.yml finds the rules, and
// the Caddy of the example.
func TestMonitoringPrometheus(t *testing.T) {
	var file struct {
		Global    map[string]string `yaml:"global"`
		RuleFiles []string          `yaml:"rule_files"`
		Scrape    []struct {
			Job    string `yaml:"job_name"`
			Static []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, monitoring+"prometheus.yml", &file)
	for _, name := range file.RuleFiles {
		readFile(t, monitoring+name)
	}
	if len(file.Scrape) != 1 || !slices.Equal(file.Scrape[0].Static[0].Targets, []string{"localhost:2019"}) {
		t.Fatalf("it scrapes %v", file.Scrape)
	}
	job := fmt.Sprintf("job=%q", file.Scrape[0].Job)
	if !slices.ContainsFunc(readAlerts(t), func(r alertRule) bool { return strings.Contains(r.Expr, job) }) {
		t.Errorf("no rule has %s", job)
	}
	p, r := startExample(t, monitoring[len("examples/"):]+"Caddyfile")
	url := "http://" + r.text(t, file.Scrape[0].Static[0].Targets[0]) + "/metrics"
	if a := get(t, newClient(t, nil), url); a.StatusCode != http.StatusOK {
		t.Errorf("%s: status %d; the admin endpoint is %s", url, a.StatusCode, p.Admin)
	}
}

// dashboard is the part of Grafana's model that is checked.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name  string          `json:"name"`
			Query json.RawMessage `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID         int                      `json:"id"`
		Title      string                   `json:"title"`
		Type       string                   `json:"type"`
		Datasource struct{ UID string }     `json:"datasource"`
		GridPos    struct{ X, Y, W, H int } `json:"gridPos"`
		Targets    []struct {
			Expr         string `json:"expr"`
			LegendFormat string `json:"legendFormat"`
		} `json:"targets"`
	} `json:"panels"`
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, monitoring+"grafana/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestMonitoringDashboard makes sure that all panels are about metrics that there
// are, and that none lies upon another.
func TestMonitoringDashboard(t *testing.T) {
	found, d := exampleMetrics(t), readDashboard(t)
	variables := []string{"__rate_interval", "__interval"}
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
		var q struct{ Query string }
		if json.Unmarshal(v.Query, &q) == nil {
			for _, problem := range found.checkQuery(q.Query) {
				t.Errorf("variable %s: %s", v.Name, problem)
			}
		}
	}
	ids, cells := make(map[int]bool), make(map[[2]int]string)
	legend, variable := regexp.MustCompile(`\{\{([a-z_]+)\}\}`), regexp.MustCompile(`\$([a-z_]+)`)
	queries := 0
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s: its id is not its own", p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies upon %s, or beyond the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" && p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: its data source is %s", p.Title, p.Datasource.UID)
		}
		for _, target := range p.Targets {
			queries++
			for _, problem := range found.checkQuery(target.Expr) {
				t.Errorf("%s: %s", p.Title, problem)
			}
			for _, m := range variable.FindAllStringSubmatch(target.Expr, -1) {
				if !slices.Contains(variables, m[1]) {
					t.Errorf("%s: there is no variable %s", p.Title, m[1])
				}
			}
			for _, m := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				if found.checkQuery(fmt.Sprintf("sum by (%s) (%s)", m[1], target.Expr)) != nil {
					t.Errorf("%s: there is no label %s for the legend", p.Title, m[1])
				}
			}
		}
	}
	if queries == 0 {
		t.Error("there are no queries")
	}
}

// TestMonitoringPromtool has Prometheus's own tool check the configuration, the
// rules, and the queries of the dashboard, and run the tests of the rules, where
// it is there; .ci/run takes care that it is. The tests above do what can be done
// without it.
func TestMonitoringPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not there: queries are only searched for names")
		return
	}
	values := strings.NewReplacer("$__rate_interval", "1m", "$__interval", "1m", "$instance", ".*", "$pool", ".*", "$backend", ".*")
	rules := make(map[string]string)
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			rules[values.Replace(target.Expr)] = fmt.Sprintf("panel:%d", len(rules))
		}
	}
	var text bytes.Buffer
	text.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for _, expr := range slices.Sorted(maps.Keys(rules)) {
		fmt.Fprintf(&text, "      - {record: %q, expr: %q}\n", rules[expr], expr)
	}
	dir := filepath.Join("..", filepath.FromSlash(monitoring))
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"},
		{"check", "rules", "--lint-fatal", "alerts.yml"},
		{"test", "rules", "alerts_test.yml"},
		{"check", "rules", writeTemp(t, "dashboard.yml", text.String())},
	} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
