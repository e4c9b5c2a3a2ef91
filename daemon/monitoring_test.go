package daemon

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/web/metrics"
)

const monitoring = "../config/deploy/monitoring/"

// known are the metrics of a real daemon, what Prometheus adds, and a histogram's series.
func knownMetrics(t *testing.T) map[string][]string {
	t.Helper()
	x := newTown(t, map[string]string{"tenants/acme.yaml": generation("acme", 1)})
	all := map[string][]string{"up": nil}
	for what, l := range map[string]any{"SQLite": x.d.Ledger(), "Postgres": (*postgres.Ledger)(nil)} {
		if _, ok := l.(interface{ AnchorFailures() int64 }); !ok {
			t.Errorf("a ledger on %s does not tell of anchors that fail", what)
		}
	}
	for name, m := range x.d.shards.meter.Known() {
		all[name] = m.Labels
	}
	scraped := x.metrics()
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(scraped, -1) {
		if _, ok := all[m[1]]; !ok {
			t.Errorf("%s is in /metrics and not known", m[1])
		}
	}
	// What nothing else is asked of than that it is there.
	for _, name := range []string{"waxwing_build_info", "waxwing_time_seconds", "waxwing_ledger_up", "waxwing_data_free_bytes", "waxwing_data_size_bytes",
		"waxwing_provider_state", "waxwing_queue_oldest_due_seconds", "waxwing_ledger_anchor_failures_total", "process_open_fds"} {
		if !strings.Contains(scraped, "\n"+name) {
			t.Errorf("%s is not in /metrics", name)
		}
	}
	for _, name := range []string{"waxwing_render_seconds", "waxwing_accepted_to_sent_seconds", "waxwing_released_to_sent_seconds"} {
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			all[name+end] = append(slices.Clone(all[name]), "le")
		}
	}
	return all
}

type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

type ruleTests struct {
	Tests []struct {
		Name   string
		Series []struct{ Series, Values string } `yaml:"input_series"`
		Alerts []struct {
			Alert    string `yaml:"alertname"`
			Expected []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

type dashboard struct {
	UID, Title string
	Schema     int `json:"schemaVersion"`
	Panels     []struct {
		ID          int
		Type, Title string
		Description string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ RefID, Expr, LegendFormat string }
	}
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
}

func monitored(t *testing.T, file string, into any) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(monitoring + file))
	if err == nil && strings.HasSuffix(file, ".json") {
		err = json.Unmarshal(b, into)
	} else if err == nil {
		err = yaml.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return string(b)
}

// expression is what a PromQL expression names.
type expression struct {
	metrics  map[string]bool
	matchers [][3]string // metric, label, value
	grouped  []string    // labels by which it is grouped or joined
	replaced bool        // labels of other names are made
}

var (
	quoted    = regexp.MustCompile(`"[^"]*"`)
	ranges    = regexp.MustCompile(`\[[^\]]*\]`)
	groupings = regexp.MustCompile(`\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	selector  = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\}|\()?`)
	matcher   = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*"([^"]*)"`)
	words     = map[string]bool{"and": true, "or": true, "unless": true, "offset": true, "bool": true, "by": true, "on": true}
)

func parse(expr string) (e expression) {
	e.metrics, e.replaced = map[string]bool{}, strings.Contains(expr, "label_replace")
	expr = ranges.ReplaceAllString(expr, "")
	expr = groupings.ReplaceAllStringFunc(expr, func(s string) string {
		for _, l := range strings.Split(groupings.FindStringSubmatch(s)[1], ",") {
			if l = strings.TrimSpace(l); l != "" {
				e.grouped = append(e.grouped, l)
			}
		}
		return " "
	})
	expr = regexp.MustCompile(`offset\s+\w+`).ReplaceAllString(expr, "")
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		if m[2] == "(" || words[m[1]] {
			continue
		}
		if strings.Contains(expr, `"`+m[1]) || regexp.MustCompile(`"[^"{}]*\b`+m[1]+`\b[^"{}]*"`).MatchString(expr) && !strings.Contains(m[1], "waxwing_") {
			continue // within a string, as of label_replace
		}
		e.metrics[m[1]] = true
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			e.matchers = append(e.matchers, [3]string{m[1], l[1], l[2]})
		}
	}
	return e
}

// values are all that labels of a fixed set may have.
func values() map[string][]string {
	out := map[string][]string{"kind": nil, "state": append([]string{"received", "held", "quarantined", "ignored", "queued", "uncertain", "sent", "failed", "cancelled"}, metrics.SourceStates...),
		"channel": nil, "verdict": {string(waxwing.Accepted), string(waxwing.Deferred), string(waxwing.Rejected), string(waxwing.UncertainVerdict)},
		"class": {"hard", "full", "soft", "policy", "content"}, "new": {"true", "false"}}
	for _, k := range waxwing.AnnotationKinds {
		out["kind"] = append(out["kind"], string(k))
	}
	for _, s := range delivery.ProviderStates {
		out["state"] = append(out["state"], string(s))
	}
	for _, c := range waxwing.Channels {
		out["channel"] = append(out["channel"], string(c))
	}
	return out
}

// holds checks one expression, and the labels that a text beside it shows.
func holds(t *testing.T, at, expr, shown string, known map[string][]string) {
	t.Helper()
	e := parse(expr)
	if len(e.metrics) == 0 {
		t.Errorf("%s names no metric: %s", at, expr)
	}
	have := []string{"job", "instance"}
	for name := range e.metrics {
		labels, ok := known[name]
		if !ok {
			t.Errorf("%s: there is no %s in /metrics", at, name)
		}
		have = append(have, labels...)
	}
	for _, m := range e.matchers {
		if !slices.Contains(append([]string{"job", "instance"}, known[m[0]]...), m[1]) {
			t.Errorf("%s: %s has no label %s, but %v", at, m[0], m[1], known[m[0]])
		}
		fixed, ok := values()[m[1]]
		for _, v := range strings.Split(m[2], "|") {
			if ok && !slices.Contains(fixed, v) {
				t.Errorf("%s: %s is never %q", at, m[1], v)
			}
		}
	}
	for _, l := range e.grouped {
		if !slices.Contains(have, l) {
			t.Errorf("%s is grouped by %s, which none of its metrics has", at, l)
		}
	}
	if len(e.grouped) > 0 {
		have = e.grouped
	}
	for _, l := range regexp.MustCompile(`\{\{ ?(?:\$labels\.)?(\w+) ?\}\}`).FindAllStringSubmatch(shown, -1) {
		if !slices.Contains(have, l[1]) {
			t.Errorf("%s shows %s, which its expression does not leave", at, l[1])
		}
	}
}

// anchorOf is GitHub's for a heading.
func anchorOf(heading string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// TestMonitoring: every metric and label that rules, dashboard and documents name is there; every
// alert has its entry in the runbook, and tests that have it fire and be silent.
func TestMonitoring(t *testing.T) {
	known := knownMetrics(t)
	t.Run("rules", func(t *testing.T) { rulesHold(t, known) })
	t.Run("dashboard", func(t *testing.T) { dashboardHolds(t, known) })
	t.Run("documents", func(t *testing.T) { documentsHold(t, known) })
	t.Run("table", func(t *testing.T) { tableHolds(t, known) })
}

func rulesHold(t *testing.T, known map[string][]string) {
	var r rules
	var tests ruleTests
	monitored(t, "waxwing.rules.yml", &r)
	monitored(t, "waxwing.rules.test.yml", &tests)
	page, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(page), -1) {
		headings[anchorOf(m[1])] = true
	}
	fires, silent := map[string]int{}, map[string]int{}
	series := map[string]map[string]bool{} // by alert: metrics that its silent tests have
	for _, x := range tests.Tests {
		for _, a := range x.Alerts {
			if len(a.Expected) > 0 {
				fires[a.Alert]++
				continue
			}
			silent[a.Alert]++
			if series[a.Alert] == nil {
				series[a.Alert] = map[string]bool{}
			}
			for _, s := range x.Series {
				name, _, _ := strings.Cut(s.Series, "{")
				series[a.Alert][name] = true
			}
		}
	}
	alerts := map[string]bool{}
	for _, g := range r.Groups {
		for _, a := range g.Rules {
			if alerts[a.Alert] {
				t.Errorf("%s is there twice", a.Alert)
			}
			alerts[a.Alert] = true
			holds(t, a.Alert, a.Expr, a.Annotations["summary"], known)
			if s := a.Labels["severity"]; s != "page" && s != "ticket" || a.Annotations["summary"] == "" {
				t.Errorf("%s: severity %q, summary %q", a.Alert, s, a.Annotations["summary"])
			}
			if url := "https://github.com/waxwinghq/waxwing/blob/main/docs/alerts.md#"; a.Annotations["runbook_url"] != url+strings.ToLower(a.Alert) || !headings[strings.ToLower(a.Alert)] {
				t.Errorf("%s: docs/alerts.md has no heading for %s", a.Alert, a.Annotations["runbook_url"])
			}
			if fires[a.Alert] == 0 || silent[a.Alert] == 0 {
				t.Errorf("%s: %d tests have it fire, and %d be silent", a.Alert, fires[a.Alert], silent[a.Alert])
			}
			for name := range parse(a.Expr).metrics {
				if !series[a.Alert][name] {
					t.Errorf("%s is silent in its test for want of %s", a.Alert, name)
				}
			}
		}
	}
	for _, of := range []map[string]int{fires, silent} {
		for name := range of {
			if !alerts[name] {
				t.Errorf("there is a test for %s, and no such alert", name)
			}
		}
	}
	for h := range headings {
		if strings.HasPrefix(h, "waxwing") && !slices.ContainsFunc(slices.Collect(maps.Keys(alerts)), func(a string) bool { return strings.ToLower(a) == h }) {
			t.Errorf("docs/alerts.md tells of %s, and there is no such alert", h)
		}
	}
}

// inDashboard puts values in the place of a dashboard's variables.
var inDashboard = strings.NewReplacer("$__rate_interval", "5m", "$job", "waxwing", "$instance", ".*")

func dashboardHolds(t *testing.T, known map[string][]string) {
	var d dashboard
	monitored(t, "dashboard.json", &d)
	if d.UID != "waxwing" || d.Title == "" || d.Schema < 36 {
		t.Errorf("uid %q, title %q, schema %d", d.UID, d.Title, d.Schema)
	}
	variables := []string{"$__rate_interval"}
	for _, v := range d.Templating.List {
		if variables = append(variables, "$"+v.Name); v.Type == "query" {
			m := regexp.MustCompile(`label_values\((.*), (\w+)\)`).FindStringSubmatch(v.Definition)
			if m == nil {
				t.Fatalf("variable %s: %s", v.Name, v.Definition)
			}
			holds(t, "variable "+v.Name, inDashboard.Replace(m[1]), "", known)
		}
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("panel %d, %q, says %q and has %d targets", p.ID, p.Title, p.Description, len(p.Targets))
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
					t.Fatalf("%s and %s lie at %d, %d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			for _, v := range regexp.MustCompile(`\$\w+`).FindAllString(target.Expr, -1) {
				if !slices.Contains(variables, v) {
					t.Errorf("%s: there is no variable %s", p.Title, v)
				}
			}
			holds(t, p.Title, inDashboard.Replace(target.Expr), target.LegendFormat, known)
		}
	}
}

// others are what looks like a metric's name and is something else.
var others = map[string]string{
	"waxwing_queue": "a table", "waxwing_ref": "what a provider is given with a message", "waxwing_refused": "a table of an outbox", "waxwing_read": "a table of an outbox",
	"waxwing_backup": "a role", "waxwing_push": "an attribute of an order",
}

func documentsHold(t *testing.T, known map[string][]string) {
	files, err := filepath.Glob("../docs/*.md")
	more, err2 := filepath.Glob("../docs/design/*.md")
	if err != nil || err2 != nil || len(files) < 5 || len(more) < 2 {
		t.Fatal(err, err2, files, more)
	}
	met := map[string]bool{}
	for _, f := range append(append(files, more...), "../README.md") {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\bwaxwing_[a-z0-9_]*[a-z0-9]\b`).FindAllString(string(b), -1) {
			met[name] = true
			if _, ok := known[name]; !ok && others[name] == "" {
				t.Errorf("%s: there is no %s in /metrics", f, name)
			}
		}
	}
	for name := range others {
		if !met[name] {
			t.Errorf("no document names %s any more", name)
		}
	}
}

// tableHolds holds docs/operations.md's table against what there is, both ways.
func tableHolds(t *testing.T, known map[string][]string) {
	b, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(waxwing_[a-z_]+)` \\| (gauge|counter|histogram) \\| ([a-z_, ]*)\\|").FindAllStringSubmatch(string(b), -1) {
		if counts := strings.HasSuffix(m[1], "_total"); counts != (m[2] == "counter") {
			t.Errorf("%s is no %s", m[1], m[2])
		}
		rows[m[1]] = strings.Join(strings.Fields(strings.ReplaceAll(m[3], ",", " ")), " ")
	}
	for name, labels := range known {
		_, series := known[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")]
		if !strings.HasPrefix(name, "waxwing_") || series && slices.Contains(labels, "le") {
			continue
		}
		want := slices.Sorted(slices.Values(labels))
		got, ok := rows[name]
		if has := slices.Sorted(slices.Values(strings.Fields(got))); !ok || !slices.Equal(has, want) {
			t.Errorf("docs/operations.md tells of %s with %v, and it has %v (it is there: %t)", name, has, want, ok)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("docs/operations.md tells of %s, which there is not", name)
	}
}

// TestServicePromtool has Prometheus' own tool read the rules and the dashboard's expressions, and
// evaluate each alert with its fault and without.
func TestServicePromtool(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("WAXWING_REQUIRE_SERVICES") != "" {
			t.Fatal("promtool is missing: install Debian's package prometheus")
		}
		t.Skip("promtool is not installed")
	}
	var d dashboard
	monitored(t, "dashboard.json", &d)
	var b strings.Builder
	b.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	n := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			n++
			fmt.Fprintf(&b, "      - record: panel:%d\n        expr: %q\n", n, inDashboard.Replace(target.Expr))
		}
	}
	asRules := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(asRules, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", "waxwing.rules.yml"}, {"check", "config", "prometheus.yml"}, {"check", "rules", asRules}, {"test", "rules", "waxwing.rules.test.yml"}} {
		cmd := exec.CommandContext(t.Context(), tool, args...)
		cmd.Dir = filepath.FromSlash(monitoring)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "SUCCESS") {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
