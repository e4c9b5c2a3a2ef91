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
	switch stages, named := x.c.Pipelines[DefaultPipeline]; {
	case x.given("pipeline"):
		x.pipeline("pipeline", x.c.Pipeline)
	case named:
		x.c.Pipeline = stages
		x.pipeline("pipelines."+DefaultPipeline, stages)
	default:
		x.c.Pipeline = x.usual()
	}
	delete(x.c.Pipelines, DefaultPipeline)
	for _, name := range sorted(x.c.Pipelines) {
		x.pipeline("pipelines."+name, x.c.Pipelines[name])
	}
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
	p := order{checker: x, path: path, all: all, seen: map[string]string{}, at: map[Place]string{}, queues: map[string]string{}}
	whole := true
	for i := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		if all[i].Name == "" {
			whole, p.queued, p.before = false, true, Between // unknown, and reported
			continue
		}
		whole = whole && !x.isBad(at)
		p.next(at, i)
		x.block(at+"."+all[i].Name, all[i].Settings)
	}
	if whole {
		p.end()
	}
}

// Place is where a stage may stand in a pipeline.
type Place uint8

// The places: in their order each stands once, but for the stages between the first one and
// the rendering, which stand as often as one likes, and queues.
const (
	// Between is between the first one and the rendering, in any order, any number of times.
	Between Place = iota
	// First is where an event becomes an order.
	First
	// Rendering is where the order becomes messages.
	Rendering
	// Queueing is between any two stages up to the sending, and once right in front of that.
	Queueing
	// Sending is where messages are offered.
	Sending
	// Last is behind the sending, and may be left out.
	Last
)

// rank is the order of the places.
func (p Place) rank() int {
	return [...]int{Between: 1, First: 0, Rendering: 2, Queueing: 3, Sending: 4, Last: 5}[p]
}

// Waits is the block of a queue.
type Waits interface {
	// QueueName names the queue: no two of a pipeline have one name.
	QueueName() string
	// QueueOn names the broker that it stands on, "" if it stays in this process.
	QueueOn() string
}

// order is how far the order of a pipeline's stages has been checked.
type order struct {
	*checker
	path   string
	all    []Stage
	seen   map[string]string // where each stands first
	at     map[Place]string  // the stage that stands in each place
	queues map[string]string // where each queue stands, by its name
	last   Stage             // the one that stands furthest on
	before Place             // that of the stage in front
	queued bool              // a queue stands behind the rendering, or that none does has been said
}

// standsIn is a stage's place.
func (x *checker) standsIn(s Stage) Place {
	for _, c := range x.words.Stages {
		if c.Name == s.Name {
			return c.Place
		}
	}
	return Between
}

// named are the stages of some places, as a file names them.
func (x *checker) named(in ...Place) (out []string) {
	for _, c := range x.words.Stages {
		if slices.Contains(in, c.Place) {
			out = append(out, c.Name)
		}
	}
	return out
}

// next checks where a stage stands.
func (p *order) next(at string, i int) {
	s := p.all[i]
	place, usual := p.standsIn(s), "Put the stages in this order: "+strings.Join(p.words.names(kindStage), ", ")
	first, again := p.seen[s.Name]
	switch {
	case place == Queueing:
		p.queue(at, i)
	case again && place != Between:
		p.failKey(at, fmt.Sprintf("the stage %q stands %s twice", s.Name, p.here()), fmt.Sprintf("Keep one of them; the first is on line %d", p.spots[first].key.line))
	case p.last.Name != "" && place.rank() < p.standsIn(p.last).rank():
		p.failKey(at, fmt.Sprintf("the stage %q stands after %q", s.Name, p.last.Name), usual)
	case place == Rendering && p.before == Queueing && !slices.ContainsFunc(p.all[i:], func(s Stage) bool { return p.standsIn(s) == Queueing }):
		p.failKey(at, fmt.Sprintf("the stage %q stands after %q", s.Name, p.at[Queueing]), usual)
		p.queued = true
	case place == Sending && p.at[Rendering] != "" && p.at[Queueing] != "" && !p.queued:
		p.failKey(at, fmt.Sprintf("no queue stands between %q and %q", p.at[Rendering], s.Name), "Put one there, - "+p.at[Queueing]+": {name: mail}: what is rendered is queued in the ledger")
	}
	if !again {
		p.seen[s.Name] = at
	}
	if place != Queueing && (p.last.Name == "" || place.rank() > p.standsIn(p.last).rank()) {
		p.last = s
	}
	p.at[place], p.before = s.Name, place
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
	name := ""
	if q, ok := p.all[i].Settings.(Waits); ok {
		name = q.QueueName()
	}
	first, twice := p.queues[name]
	switch {
	case i == 0:
		p.failKey(at, "a queue stands first", "Begin with "+choices(p.named(First))+": what has been accepted waits in the ledger already")
	case p.at[Sending] != "", p.at[Last] != "":
		p.failKey(at, "a queue stands behind "+choices(p.named(Sending)), "Take it out: what is put off, and a fallback's message, wait in the ledger already")
	case p.before == Queueing:
		p.failKey(at, "two queues stand in a row", "Keep one of them: nothing happens between them")
	case twice && name != "":
		p.fail(at+"."+p.all[i].Name+".name", fmt.Sprintf("the queue %q stands %s twice", name, p.here()), fmt.Sprintf("Give it a name of its own; the first is on line %d", p.spots[first].key.line))
	}
	if !twice {
		p.queues[name] = at
	}
	if q, ok := p.all[i].Settings.(Waits); ok && q.QueueOn() != "" {
		p.stands(at+"."+p.all[i].Name+".on", q.QueueOn())
	}
	p.queued = p.queued || p.at[Rendering] != ""
}

// stands checks the broker of a queue.
func (p *order) stands(path, broker string) {
	known := sorted(p.c.Brokers)
	_, ok := p.c.Brokers[broker]
	switch {
	case p.isBad("brokers"), p.isBad("brokers." + broker):
	case !ok && len(p.words.Brokers) > 0:
		x := p.words.names(kindBroker)
		p.fail(path, fmt.Sprintf("there is no broker %s", p.quote(path)), meant(broker, append(known, "gochannel"),
			"Write gochannel, or define it under brokers:, of type "+choices(x)))
	case !ok:
		p.fail(path, fmt.Sprintf("there is no broker %s", p.quote(path)), "Write gochannel")
	case p.at[Rendering] == "":
		p.fail(path, "a queue between stages stays in its process: what the order has come to so far is there", "Take on: out; the queue in front of "+choices(p.named(Sending))+" may stand on a broker")
	}
}

// end checks that nothing is missing.
func (p *order) end() {
	for _, must := range []Place{First, Rendering, Queueing, Sending} {
		if _, ok := p.at[must]; ok {
			continue
		}
		what := "the pipeline"
		if p.path != "pipeline" {
			what = p.path
		}
		free := choices(p.named(Between, Last))
		p.failKey(p.path, fmt.Sprintf("%s has no stage %q", what, choices(p.named(must))), "The stages are "+strings.Join(p.words.names(kindStage), ", ")+
			"; only "+strings.Replace(free, " or ", " and ", 1)+" may be left out")
		return
	}
}

// Lookups checks a list of names of lookups.
func (r *Report) Lookups(key string, list []string) {
	r.x.refers(r.Path(key), list, sorted(r.x.c.Enrich), "enrich", "lookup")
}

// Carriers checks a list of names of providers, each of which must carry what is sent by one of
// these channels, which message says in words, "an e-mail"; and each channel must have one.
func (r *Report) Carriers(key string, list []string, message string, channels ...waxwing.Channel) {
	r.x.carriers(r.Path(key), list, message, channels)
}

// Name checks a name of the file's author.
func (r *Report) Name(key, name string) {
	if !validName(name) {
		r.Fail(key, fmt.Sprintf("%s %s is no name", r.Path(key), r.Quote(key)), "Use a-z, 0-9, - and _, up to 64")
	}
}

// Alike checks that a key has one value in all pipelines; why ends the remedy.
func (r *Report) Alike(key string, value any, why string) {
	first, ok := r.x.alike[key]
	switch {
	case !ok && r.x.alike == nil:
		r.x.alike = map[string]any{key: value}
	case !ok:
		r.x.alike[key] = value
	case !reflect.DeepEqual(first, value):
		r.FailKey(key, key+" is not as in the "+DefaultPipeline+" pipeline", "Write it there as here: "+why)
	}
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

// carriers checks a list of providers, that each can carry the message, and that none of its channels is without.
func (x *checker) carriers(path string, list []string, message string, channels []waxwing.Channel) {
	var types []string
	for _, ch := range channels {
		types = append(types, x.words.carrying(ch)...)
	}
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
	for _, ch := range channels {
		of := x.words.carrying(ch)
		if carries := x.carrying(of); len(channels) > 1 && len(list) > 0 && !slices.ContainsFunc(list, func(name string) bool {
			p, known := x.c.Providers[name]
			return !known || slices.Contains(carries, name) || p.Type == ""
		}) {
			x.fail(path, fmt.Sprintf("%s has no provider for the channel %s", path, ch), "Name one of type "+choices(of)+", or take the channel out")
		}
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
	if len(x.carrying(types)) == 0 {
		x.failKey("providers", "no provider can carry an e-mail", "Define one of type "+choices(types))
		return nil
	}
	var out []Stage
	for _, c := range x.words.Stages {
		if c.Usual == nil {
			continue
		}
		b := c.Usual(func(ch waxwing.Channel) []string { return x.carrying(x.words.carrying(ch)) })
		if b == nil {
			continue
		}
		v := reflect.ValueOf(b).Elem()
		for _, f := range shape(v.Type()) {
			if in := f.in(v); in.IsZero() {
				x.words.fill(in, f)
			}
		}
		x.block("pipeline."+c.Name, b)
		out = append(out, Stage{c.Name, b})
	}
	return out
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
