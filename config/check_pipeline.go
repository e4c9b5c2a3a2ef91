package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// pipeline checks the stages, or makes them where the file has none.
func (x *checker) pipeline() {
	if !x.given("pipeline") {
		x.c.Pipeline = x.usual()
		return
	}
	if x.isBad("pipeline") {
		return
	}
	if len(x.c.Pipeline) == 0 {
		x.fail("pipeline", "the pipeline has no stages", "List them, or leave pipeline out for the usual ones")
		return
	}
	order := names(shape(stageType))
	seen := map[string]int{} // the line
	last, whole := -1, true
	for i := range x.c.Pipeline {
		path := fmt.Sprintf("pipeline[%d]", i)
		name := x.c.Pipeline[i].name()
		if name == "" {
			whole = false // unknown, and reported
			continue
		}
		whole = whole && !x.isBad(path)
		rank := slices.Index(order, name)
		if name == "plugins" { // and enrich stand in any order, as often as one likes
			rank = slices.Index(order, "enrich")
		}
		first, again := seen[name]
		switch {
		case again && name != "enrich" && name != "plugins":
			x.failKey(path, fmt.Sprintf("the stage %q stands here twice", name), fmt.Sprintf("Keep one of them; the first is on line %d", first))
		case rank < last:
			x.failKey(path, fmt.Sprintf("the stage %q stands after %q", name, order[last]), "Put the stages in this order: "+strings.Join(order, ", "))
		}
		if !again {
			seen[name] = x.spots[path].key.line
		}
		last = max(last, rank)
		x.stage(path+"."+name, &x.c.Pipeline[i])
	}
	for _, must := range []string{"normalise", "render", "queue", "send"} {
		if _, ok := seen[must]; !ok && whole {
			x.failKey("pipeline", fmt.Sprintf("the pipeline has no stage %q", must), "The stages are "+strings.Join(order, ", ")+"; only enrich, plugins and fallback may be left out")
			break
		}
	}
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
