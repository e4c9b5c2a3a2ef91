package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// pipelines checks all of them, or makes the usual one where the file has none of its own.
func (x *checker) pipelines() {
	if _, ok := x.c.Pipelines[DefaultPipeline]; ok && x.given("pipeline") {
		x.failKey("pipelines."+DefaultPipeline, "pipelines.default stands beside pipeline, which is the one of that name", "Keep one of them")
	}
	if len(x.c.Pipelines) == 0 && x.given("pipelines") && !x.isBad("pipelines") {
		x.fail("pipelines", "pipelines is empty", "Name one, or leave the key out")
	}
	for _, name := range sorted(x.c.Pipelines) {
		x.pipeline("pipelines."+name, x.c.Pipelines[name])
	}
	switch stages, named := x.c.Pipelines[DefaultPipeline]; {
	case x.given("pipeline"):
		x.pipeline("pipeline", x.c.Pipeline)
	case named:
		x.c.Pipeline = stages
	default:
		x.c.Pipeline = x.usual()
	}
	delete(x.c.Pipelines, DefaultPipeline)
	x.oneRule()
}

// pipeline checks the stages of one, whose path is given.
func (x *checker) pipeline(path string, all []Stage) {
	if x.isBad(path) {
		return
	}
	if len(all) == 0 {
		if path == "pipeline" {
			x.fail(path, "the pipeline has no stages", "List them, or leave pipeline out for the usual ones")
		} else {
			x.fail(path, path+" has no stages", "List them, or take it out")
		}
		return
	}
	p := order{checker: x, path: path, all: all, words: names(shape(stageType)), seen: map[string]string{}, queues: map[string]string{}, last: -1}
	whole := true
	for i := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		name := all[i].name()
		if name == "" {
			whole, p.queued, p.before = false, true, "" // unknown, and reported
			continue
		}
		whole = whole && !x.isBad(at)
		p.next(at, name, i)
		x.stage(at+"."+name, &all[i])
	}
	if whole {
		p.end()
	}
}

// order is how far the order of a pipeline's stages has been checked.
type order struct {
	*checker
	path   string
	all    []Stage
	words  []string          // all stages, in the usual order
	seen   map[string]string // where each stands first
	queues map[string]string // where each queue stands, by its name
	last   int               // the rank that has been reached
	before string            // the stage in front, "" if it is not known
	queued bool              // a queue stands behind render, or that none does has been said
}

// next checks where a stage stands. enrich and plugins stand in any order, as often as one
// likes, and queues between any two stages up to send.
func (p *order) next(at, name string, i int) {
	rank := slices.Index(p.words, name)
	if name == "plugins" {
		rank = slices.Index(p.words, "enrich")
	}
	first, again := p.seen[name]
	switch {
	case name == "queue":
		p.queue(at, i)
		rank = p.last
	case again && name != "enrich" && name != "plugins":
		p.failKey(at, fmt.Sprintf("the stage %q stands %s twice", name, p.here()), fmt.Sprintf("Keep one of them; the first is on line %d", p.spots[first].key.line))
	case rank < p.last:
		p.failKey(at, fmt.Sprintf("the stage %q stands after %q", name, p.words[p.last]), "Put the stages in this order: "+strings.Join(p.words, ", "))
	case name == "render" && p.before == "queue" && !slices.ContainsFunc(p.all[i:], func(s Stage) bool { return s.Queue != nil }):
		p.failKey(at, `the stage "render" stands after "queue"`, "Put the stages in this order: "+strings.Join(p.words, ", "))
		p.queued = true
	case name == "send" && p.seen["render"] != "" && p.seen["queue"] != "" && !p.queued:
		p.failKey(at, `no queue stands between "render" and "send"`, "Put one there, - queue: {name: mail}: what is rendered is queued in the ledger")
	}
	if !again {
		p.seen[name] = at
	}
	p.last, p.before = max(p.last, rank), name
}

// here says where the stages stand, if not in the usual place.
func (p *order) here() string {
	if p.path == "pipeline" {
		return "here"
	}
	return "in " + p.path
}

// queue checks where a queue stands, and that none has another's name.
func (p *order) queue(at string, i int) {
	name := p.all[i].Queue.Name
	first, twice := p.queues[name]
	sent := p.seen["send"] != "" || p.seen["fallback"] != ""
	switch {
	case i == 0:
		p.failKey(at, "a queue stands first", "Begin with normalise: what has been accepted waits in the ledger already")
	case sent:
		p.failKey(at, "a queue stands behind send", "Take it out: what is put off, and a fallback's message, wait in the ledger already")
	case p.before == "queue":
		p.failKey(at, "two queues stand in a row", "Keep one of them: nothing happens between them")
	case twice && name != "":
		p.fail(at+".queue.name", fmt.Sprintf("the queue %q stands %s twice", name, p.here()), fmt.Sprintf("Give it a name of its own; the first is on line %d", p.spots[first].key.line))
	}
	if !twice {
		p.queues[name] = at
	}
	p.queued = p.queued || p.seen["render"] != ""
}

// end checks that nothing is missing.
func (p *order) end() {
	for _, must := range []string{"normalise", "render", "queue", "send"} {
		if _, ok := p.seen[must]; !ok {
			what := "the pipeline"
			if p.path != "pipeline" {
				what = p.path
			}
			p.failKey(p.path, fmt.Sprintf("%s has no stage %q", what, must), "The stages are "+strings.Join(p.words, ", ")+"; only enrich, plugins and fallback may be left out")
			return
		}
	}
}

// oneRule holds the rules for lost answers of all pipelines against the default's: what a crash
// leaves in doubt is for the ledger to resolve, which knows one rule.
func (x *checker) oneRule() {
	rule := doubtOf(x.c.Pipeline)
	for _, name := range sorted(x.c.Pipelines) {
		for i, s := range x.c.Pipelines[name] {
			if s.Send != nil && rule != nil && s.Send.Uncertain != *rule {
				x.failKey(fmt.Sprintf("pipelines.%s[%d].send.uncertain", name, i), "uncertain is not as in the default pipeline",
					"Write it there as here: what a crash leaves in doubt is resolved by one rule")
			}
		}
	}
}

func doubtOf(all []Stage) *Doubt {
	for _, s := range all {
		if s.Send != nil {
			return &s.Send.Uncertain
		}
	}
	return nil
}

// choosesPipeline checks a tenant's choice.
func (x *checker) choosesPipeline(path, name string) {
	known := append(sorted(x.c.Pipelines), DefaultPipeline)
	if name == "" || slices.Contains(known, name) || x.isBad(path) {
		return
	}
	remedy := "Define it under pipelines:, or take it out"
	if len(known) > 1 {
		remedy += "; there are " + strings.Join(known, ", ")
	}
	x.fail(path, fmt.Sprintf("there is no pipeline %s", x.quote(path)), meant(name, known, remedy))
}

// unusedPipelines reports those that no tenant has chosen. Where tenants have files of their own they
// come and go, and Warnings tells of it instead.
func (x *checker) unusedPipelines() {
	for _, name := range x.c.unusedPipelines() {
		if at := "pipelines." + name; x.c.TenantsDir == "" && !x.isBad("tenants") {
			x.failKey(at, fmt.Sprintf("no tenant has chosen the pipeline %q", name), "Write pipeline: "+name+" at one, or take it out")
		}
	}
}

func (c *Config) unusedPipelines() (out []string) {
	used := map[string]bool{}
	for _, t := range c.Tenants {
		if _, ok := c.Pipelines[t.Pipeline]; !ok && t.Pipeline != DefaultPipeline {
			return nil // it may be meant
		}
		used[t.Pipeline] = true
	}
	for _, name := range sorted(c.Pipelines) {
		if !used[name] {
			out = append(out, name)
		}
	}
	return out
}

// name is the stage's word, "" if it has none.
func (s Stage) name() string {
	v := reflect.ValueOf(s)
	for _, f := range shape(stageType) {
		if !v.Field(f.index).IsNil() {
			return f.name
		}
	}
	return ""
}

func (x *checker) stage(path string, s *Stage) {
	switch {
	case s.Enrich != nil:
		x.refers(path+".from", s.Enrich.From, sorted(x.c.Enrich), "enrich", "lookup")
	case s.Plugins != nil:
		for i, h := range s.Plugins.Hooks {
			if at := fmt.Sprintf("%s.hooks[%d]", path, i); slices.Contains(s.Plugins.Hooks[:i], h) {
				x.fail(at, fmt.Sprintf("%s.hooks names %s twice", path, x.quote(at)), "Take one of them out")
			}
		}
	case s.Queue != nil:
		if !validName(s.Queue.Name) {
			x.fail(path+".name", fmt.Sprintf("%s.name %s is no name", path, x.quote(path+".name")), "Use a-z, 0-9, - and _, up to 64")
		}
	case s.Send != nil:
		x.carriers(path+".providers", s.Send.Providers, waxwing.Email, "an e-mail")
		if len(s.Send.Retry) == 0 {
			x.fail(path+".retry", path+".retry is empty", "List how long to wait after each try, such as [1m, 5m, 15m], or leave it out")
		}
	case s.Fallback != nil:
		x.carriers(path+".providers", s.Fallback.Providers, waxwing.SMS, "a text")
		for _, l := range []struct {
			key  string
			list []string
		}{{"channels", s.Fallback.Channels}, {"after", s.Fallback.After}} {
			if len(l.list) == 0 {
				x.fail(path+"."+l.key, path+"."+l.key+" is empty", "Leave it out for the usual, or take the fallback out")
			}
		}
	}
}

// refers checks that a list names what another section defines, each once.
func (x *checker) refers(path string, list, defined []string, section, what string) {
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case slices.Contains(list[:i], name):
			x.fail(at, fmt.Sprintf("%s names %s twice", path, x.quote(at)), "Take one of them out")
		case !slices.Contains(defined, name) && !x.isBad(section):
			otherwise := fmt.Sprintf("Define it under %s:, or take it out", section)
			if len(defined) > 0 {
				otherwise += "; there are " + strings.Join(defined, ", ")
			}
			x.fail(at, fmt.Sprintf("there is no %s %s", what, x.quote(at)), meant(name, defined, otherwise))
		}
	}
}

// carriers checks a list of providers and that each can carry the message.
func (x *checker) carriers(path string, list []string, ch waxwing.Channel, message string) {
	types := x.words.carrying(ch)
	if len(list) == 0 {
		x.fail(path, path+" is empty", "Name one of "+choices(append(x.carrying(types), "a new provider of type "+choices(types))))
	}
	x.refers(path, list, sorted(x.c.Providers), "providers", "provider")
	for i, name := range list {
		p, ok := x.c.Providers[name]
		if !ok || slices.Contains(types, p.Type) || p.Type == "" || x.isBad("providers."+name) || x.isBad("providers."+name+".type") {
			continue
		}
		remedy := "Define a provider of type " + choices(types)
		if others := x.carrying(types); len(others) > 0 {
			remedy = "Name one of type " + choices(types) + ": " + choices(others)
		}
		x.fail(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("provider %q is of type %s and cannot carry %s", name, p.Type, message), remedy)
	}
}

// carrying are the names of the providers of some types.
func (x *checker) carrying(types []string) []string {
	var out []string
	for _, n := range sorted(x.c.Providers) {
		if slices.Contains(types, x.c.Providers[n].Type) {
			out = append(out, n)
		}
	}
	return out
}

// usual is the pipeline of a file that has none.
func (x *checker) usual() []Stage {
	types := x.words.carrying(waxwing.Email)
	mails, texts := x.carrying(types), x.carrying(x.words.carrying(waxwing.SMS))
	if len(mails) == 0 {
		x.failKey("providers", "no provider can carry an e-mail", "Define one of type "+choices(types))
		return nil
	}
	s := []Stage{{Normalise: &Normalise{}}, {Enrich: &EnrichStage{}}, {Plugins: &PluginsStage{}}, {Render: &Render{}}, {Queue: &Queue{Name: "mail"}},
		{Send: &Send{Providers: mails}}}
	if len(texts) > 0 {
		s = append(s, Stage{Fallback: &Fallback{Providers: texts}})
	}
	for i := range s {
		v := reflect.ValueOf(&s[i]).Elem()
		for _, f := range shape(stageType) {
			if p := v.Field(f.index); !p.IsNil() {
				for _, g := range shape(p.Type().Elem()) {
					x.fill(p.Elem().Field(g.index), g)
				}
			}
		}
	}
	return s
}

// DefaultPipeline is the name of the pipeline that is not named.
const DefaultPipeline = "default"

// EveryPipeline gives all pipelines by name.
func (c *Config) EveryPipeline() map[string][]Stage {
	all := map[string][]Stage{DefaultPipeline: c.Pipeline}
	for name, stages := range c.Pipelines {
		all[name] = stages
	}
	return all
}
