package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// flow is one of the configuration's pipelines: the stages up to the render, in runs between
// which a queue stands, and how their messages are sent. It is not written once it is made.
type flow struct {
	name string
	// label is what its messages are marked with: its name, or "" where there is no other.
	label string
	runs  []run

	render *renderer
	topics map[waxwing.Channel]string // of the queue before send
	send   config.Send
	// fallback is nil where there is none.
	fallback *config.Fallback
	// channel is the one that is rendered first, instead those that a message falls back
	// to, in this order.
	channel   waxwing.Channel
	instead   []waxwing.Channel
	providers map[waxwing.Channel][]string
}

// run is stages between two queues, which one worker calls one after the other.
type run struct {
	hop    *hop // the queue in front; nil: the run is the first
	stages []Stage
}

// flowOf puts a pipeline of the configuration together. The order of its stages was checked
// with the file; the checks here are for configurations made in code.
func (x *Pipeline) flowOf(name string, all []config.Stage) (*flow, error) {
	f := &flow{name: name, runs: make([]run, 1), channel: waxwing.Channels[0], providers: map[waxwing.Channel][]string{}, topics: map[waxwing.Channel]string{}}
	f.render = &renderer{clock: x.p.Clock, log: x.p.Log}
	seen := map[string]bool{}
	queue := ""
	for i, s := range all {
		at := &f.runs[len(f.runs)-1]
		switch {
		case s.Queue != nil && slices.ContainsFunc(all[i:], func(s config.Stage) bool { return s.Render != nil }):
			f.runs = append(f.runs, run{hop: x.hopOf(s.Queue.Name)})
		case s.Queue != nil:
			queue, seen["queue"] = s.Queue.Name, true
		case s.Send != nil:
			f.send, seen["send"] = *s.Send, true
			if s.Send.Channel != "" {
				f.channel = waxwing.Channel(s.Send.Channel)
			}
			f.providers[f.channel] = s.Send.Providers
		case s.Fallback != nil:
			f.fallback = s.Fallback
			names := s.Fallback.Channels
			if len(names) == 0 {
				names = []string{string(waxwing.SMS)}
			}
			for _, ch := range names {
				f.instead = append(f.instead, waxwing.Channel(ch))
				f.providers[waxwing.Channel(ch)] = s.Fallback.Providers
			}
		default:
			seen["normalise"], seen["render"] = seen["normalise"] || s.Normalise != nil, seen["render"] || s.Render != nil
			at.stages = append(at.stages, x.stagesOf(f, all, &s)...)
		}
	}
	f.render.channel, f.render.others = f.channel, f.instead
	for _, ch := range waxwing.Channels {
		f.topics[ch] = topic + queue + "." + string(ch)
	}
	for _, must := range []string{"normalise", "render", "queue", "send"} {
		if !seen[must] {
			return f, fmt.Errorf("pipeline: the stage %q is missing", must)
		}
	}
	return f, nil
}

// stagesOf makes the stages that an entry of a pipeline stands for. The gate stands behind
// normalise.
func (x *Pipeline) stagesOf(f *flow, all []config.Stage, s *config.Stage) []Stage {
	p := &x.p
	switch {
	case s.Normalise != nil:
		return []Stage{&normaliser{numbers: p.Numbers}, gate{}}
	case s.Enrich != nil:
		e := &enricher{lookups: p.Enrichers, from: s.Enrich.From, deadline: orDuration(s.Enrich.Deadline.D(), 300*time.Millisecond), log: p.Log}
		if slices.ContainsFunc(all, func(s config.Stage) bool { return s.Plugins != nil && len(s.Plugins.Hooks) > 0 }) {
			e.plugins = p.Plugins
		}
		if len(e.from) == 0 {
			e.from = sortedKeys(p.Enrichers)
		}
		return []Stage{e}
	case s.Plugins != nil:
		a := &asker{plugins: p.Plugins, log: p.Log}
		for _, h := range s.Plugins.Hooks {
			a.hooks = append(a.hooks, waxwing.Hook(h))
		}
		return []Stage{a}
	case s.Render != nil:
		return []Stage{f.render}
	}
	return nil
}

// words are the stages' names up to the render, with | for a queue.
func (f *flow) words() string {
	var b strings.Builder
	for i, r := range f.runs {
		if i > 0 {
			b.WriteString(" |")
		}
		for _, s := range r.stages {
			b.WriteString(" " + s.Name())
		}
	}
	return strings.TrimSpace(b.String())
}

// flowsOf makes all pipelines of a configuration.
func (x *Pipeline) flowsOf(c *config.Config) error {
	x.flows = map[string]*flow{}
	all := c.EveryPipeline()
	for _, name := range sortedKeys(all) {
		f, err := x.flowOf(name, all[name])
		if err != nil {
			return err
		}
		x.flows[name] = f
	}
	for _, f := range x.flows {
		if len(x.flows) > 1 {
			f.label = f.name
		}
	}
	return nil
}

// flowFor is the pipeline of a tenant; nil: there is none of that name.
func (x *Pipeline) flowFor(t *config.Tenant) *flow {
	return x.flows[cmp.Or(t.Pipeline, config.DefaultPipeline)]
}
