package pipeline

import (
	"context"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/config"
)

// mailer is a provider without keys.
type mailer struct{}

func (*mailer) Check(*config.Report) {}

// load reads a pipeline as a file has it, with a provider and a lookup of each kind.
func load(t *testing.T, pipeline string) (*config.Config, error) {
	t.Helper()
	return config.Parse("w.yaml", []byte("providers: {mail: {type: post}, more: {type: post}, texts: {type: talk}}\nenrich: {crm: {type: any}}\n"+
		"tenants: {acme: {name: Acme, from: a@acme.example}}\n"+pipeline), func(string) (string, bool) { return "", false }, registryOf())
}

// TestBlocks: what each stage's own settings may be, and what they are where the file says
// nothing.
func TestBlocks(t *testing.T) {
	for in, want := range map[string]string{
		"enrich":                             "",
		"enrich: {from: [crm]}":              "",
		"enrich: {from: [crn]}":              `4:34: there is no lookup "crn". Did you mean "crm"?`,
		"enrich: {from: [crm, crm]}":         `4:39: pipeline[1].enrich.from names "crm" twice`,
		"enrich: {deadline: 11s}":            "4:37: pipeline[1].enrich.deadline",
		"plugins":                            "",
		"plugins: {hooks: [filter]}":         "",
		"plugins: {hooks: [filter, filter]}": `4:44: pipeline[1].plugins.hooks names "filter" twice`,
		"plugins: {hooks: [fliter]}":         `4:36: pipeline[1].plugins.hooks[0]: there is no "fliter". Did you mean "filter"?`,
		"queue: {name: apart}":               "",
		"queue: {name: Apart}":               `4:32: pipeline[1].queue.name "Apart" is no name`,
		"queue: {name: mail}":                `4:63: the queue "mail" stands here twice`,
		"queue":                              `4:18: pipeline[1].queue: "name" is missing`,
	} {
		if strings.Contains(in, ":") {
			in = "{" + in + "}"
		}
		_, err := load(t, "pipeline: [normalise, "+in+", render, {queue: {name: mail}}, {send: {providers: [mail]}}]\n")
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "w.yaml:")
		}
		if (want == "") != (got == "") || !strings.Contains(got, want[strings.Index(want, " ")+1:]) {
			t.Errorf("%s:\n got %s\nwant %s", in, got, want)
		}
	}
}

// TestSendAndFallback likewise.
func TestSendAndFallback(t *testing.T) {
	for in, want := range map[string]string{
		"{send: {providers: [mail, more]}}":                                           "",
		"{send: {providers: []}}":                                                     "send.providers is empty. Name one of mail, more or a new provider of type post",
		"{send: {providers: [texts]}}":                                                `provider "texts" is of type talk and cannot carry an e-mail`,
		"{send: {providers: [mail], retry: []}}":                                      "send.retry is empty",
		"{send: {providers: [mail]}}, {fallback: {providers: [texts]}}":               "",
		"{send: {providers: [mail]}}, {fallback: {providers: [mail]}}":                `provider "mail" is of type post and cannot carry a text`,
		"{send: {providers: [mail]}}, {fallback: {providers: [texts], after: []}}":    "fallback.after is empty",
		"{send: {providers: [mail]}}, {fallback: {providers: [texts], channels: []}}": "fallback.channels is empty",
	} {
		_, err := load(t, "pipeline: [normalise, render, {queue: {name: mail}}, "+in+"]\n")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// TestUsualPipeline: what a file without one has, and its defaults.
func TestUsualPipeline(t *testing.T) {
	c, err := load(t, "")
	if err != nil {
		t.Fatal(err)
	}
	x := &flows{p: &Parts{}, hops: newHops()}
	f, err := x.of("default", c.Pipeline)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.words(); got != "normalised gate enriched plugins rendered" {
		t.Error(got)
	}
	if s := SendOf(c.Pipeline); s == nil || len(s.Providers) != 2 || len(s.Retry) != 7 || s.Uncertain.Rule(false).Copies != 3 || f.fallback == nil || len(f.fallback.After) != 3 {
		t.Errorf("%+v %+v", s, f.fallback)
	}
	if SendOf(nil) != nil {
		t.Error("none sends")
	}
}

// toy is a stage of a test: all that a new one takes, but for its line in kinds.
type toy struct {
	Word string `yaml:"word"`
}

func toyStage() kind {
	return stage(config.Component{Name: "toy", Settings: func() config.Block { return &toy{} }}, func(b *toy, _ *site) []Stage { return []Stage{b} })
}

func (b *toy) Check(r *config.Report) {
	if b.Word == "" {
		r.Fail("word", r.Path("word")+" is empty", "Say something")
	}
}
func (*toy) Name() string { return "toy" }
func (b *toy) Run(_ context.Context, j *Job) (Decision, error) {
	j.Order.Notices = append(j.Order.Notices, b.Word)
	return Decision{}, nil
}

// TestToyStage: one line in the list, and the stage stands in files, in messages and in the way
// of an order.
func TestToyStage(t *testing.T) {
	was := kinds
	kinds = append(append([]kind{}, was[:2]...), append([]kind{toyStage()}, was[2:]...)...)
	defer func() { kinds = was }()
	c, err := load(t, "pipeline: [normalise, {toy: {word: ha}}, {queue: {name: a}}, {toy: {word: ho}}, render, {queue: {name: mail}}, {send: {providers: [mail]}}]\n")
	if err != nil {
		t.Fatal(err)
	}
	b := newBook()
	b.hear = make(chan string, 9)
	p := partsOf(b, paid, &taker{}, &taker{})
	p.Config.Pipeline = c.Pipeline
	x := newPipeline(t, p)
	if got := x.flows.all["default"].words(); got != "normalised gate toy | toy rendered" {
		t.Error(got)
	}
	running(t, x)
	accept(t, x, 7)
	hear(t, b.hear, "ready email queued for 24h0m0s")
	b.mu.Lock()
	if notes := strings.Join(b.drafts[65].Notes, " "); notes != "composed ha ho" && len(b.drafts) > 0 {
		t.Errorf("%q", notes)
	}
	b.mu.Unlock()
	for in, want := range map[string]string{"{toy: {word: \"\"}}": "pipeline[1].toy.word is empty", "{tpy: {word: ha}}": `unknown stage "tpy". Did you mean "toy"?`, "toy": `"word" is missing`} {
		_, err := load(t, "pipeline: [normalise, "+in+", render, {queue: {name: mail}}, {send: {providers: [mail]}}]\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	if _, err := load(t, "pipeline: [normalise, {toy: {word: ha}}]\n"); err == nil || !strings.Contains(err.Error(), "only enrich, toy, plugins and fallback may be left out") {
		t.Errorf("%v", err)
	}
}

// TestStagesMadeInCode know their names.
func TestStagesMadeInCode(t *testing.T) {
	for name, b := range map[string]config.Block{"normalise": &Normalise{}, "enrich": &EnrichStage{}, "plugins": &PluginsStage{}, "render": &Render{}, "queue": &Queue{},
		"send": &Send{}, "fallback": &Fallback{}} {
		if s := At(b); s.Name != name || s.Settings != b {
			t.Errorf("%+v", s)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a block of no stage is taken")
		}
	}()
	At(&mailer{})
}
