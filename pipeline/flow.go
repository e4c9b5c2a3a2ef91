package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
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
	on     string                     // the broker that this queue stands on; "": none
	// carries says that its messages have their content with them.
	carries bool
	send    Send
	// fallback is nil where there is none.
	fallback *Fallback
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

// flows are all pipelines of a configuration, by name.
type flows struct {
	p    *Parts
	all  map[string]*flow
	hops *hops
	// connect has a new queue worked on; nil: nobody does, as in a preview.
	connect func(*hop)
}

// of puts a pipeline of the configuration together. The order of its stages was checked
// with the file; the checks here are for configurations made in code.
func (x *flows) of(name string, all []config.Stage) (*flow, error) {
	f := &flow{name: name, runs: make([]run, 1), channel: waxwing.Channels[0], providers: map[waxwing.Channel][]string{}, topics: map[waxwing.Channel]string{}}
	f.render = &renderer{clock: x.p.Clock, log: x.p.Log}
	seen := map[config.Place]bool{}
	last := "" // queue
	for i, s := range all {
		k := kindOf(s)
		if k == nil {
			return f, fmt.Errorf("pipeline: there is no stage %q", s.Name)
		}
		at := &f.runs[len(f.runs)-1]
		switch b := s.Settings.(type) {
		case *Queue:
			if slices.ContainsFunc(all[i:], func(s config.Stage) bool { _, ok := s.Settings.(*Render); return ok }) {
				f.runs = append(f.runs, run{hop: x.hop(b.Name)})
				continue
			}
			last, f.on, f.carries = b.Name, b.QueueOn(), b.Carry == carryContent && b.QueueOn() != ""
		case *Send:
			f.send = *b
			if b.Channel != "" {
				f.channel = waxwing.Channel(b.Channel)
			}
			f.providers[f.channel] = b.Providers
		case *Fallback:
			x.fallsBack(f, b)
		default:
			if x.p.SendsOnly {
				break // whoever takes an order in runs it
			}
			at.stages = append(at.stages, k.open(b, &site{x.p, f, all})...)
		}
		seen[k.Place] = true
	}
	f.render.channel, f.render.others = f.channel, f.instead
	for _, ch := range waxwing.Channels {
		f.topics[ch] = topicOf(f.on, last+"."+string(ch))
	}
	for _, k := range kinds {
		if !seen[k.Place] && k.Place != config.Between && k.Place != config.Last {
			return f, fmt.Errorf("pipeline: the stage %q is missing", k.Name)
		}
	}
	return f, nil
}

// topicOf names a queue's topic.
func topicOf(broker, name string) string {
	if broker == "" {
		return topic + name
	}
	return queue.TopicOn(broker, name)
}

// fallsBack notes where messages go that the first channel cannot deliver.
func (x *flows) fallsBack(f *flow, b *Fallback) {
	f.fallback = b
	names := b.Channels
	if len(names) == 0 {
		names = []string{string(waxwing.SMS)}
	}
	for _, ch := range names {
		f.instead = append(f.instead, waxwing.Channel(ch))
		for _, p := range b.Providers {
			if carries := x.p.Carries[p]; carries == "" || carries == waxwing.Channel(ch) {
				f.providers[waxwing.Channel(ch)] = append(f.providers[waxwing.Channel(ch)], p)
			}
		}
	}
}

// beyond are the channels that a message of this one may fall back to, in their order.
func (f *flow) beyond(ch waxwing.Channel) []waxwing.Channel {
	if ch == f.channel {
		return f.instead
	}
	return f.instead[slices.Index(f.instead, ch)+1:]
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

// open makes all pipelines of a configuration.
func (x *flows) open(c *config.Config) error {
	x.all = map[string]*flow{}
	all := c.EveryPipeline()
	for _, name := range sortedKeys(all) {
		f, err := x.of(name, all[name])
		if err != nil {
			return err
		}
		x.all[name] = f
	}
	for _, f := range x.all {
		if len(x.all) > 1 {
			f.label = f.name
		}
	}
	return nil
}

// chosen is the pipeline of a tenant; nil: there is none of that name.
func (x *flows) chosen(t *config.Tenant) *flow {
	return x.all[cmp.Or(t.Pipeline, config.DefaultPipeline)]
}

// hop makes the queue of a name, or gives the one that another pipeline has of it.
func (x *flows) hop(name string) *hop {
	if h := x.hops.named[name]; h != nil {
		return h
	}
	h := &hop{name: name, jobs: map[waxwing.ID]carried{}}
	x.hops.named[name], x.hops.all = h, append(x.hops.all, h)
	if x.connect != nil {
		x.connect(h)
	}
	return h
}

// ofMessage is the pipeline of a message: the one that made it, or, where it does not say so or
// that one is gone, its tenant's. Nil: the tenant is gone, too.
func (x *flows) ofMessage(m *member, name string) *flow {
	if f := x.all[name]; f != nil {
		return f
	}
	if m != nil {
		return m.flow
	}
	return x.all[config.DefaultPipeline]
}

// members finds the pipeline of each tenant.
func (x *flows) members(s *Settings) error {
	s.members = make(map[waxwing.TenantID]*member, len(s.Tenants))
	for name := range s.Tenants {
		t := s.Tenants[name]
		m := &member{config: &t, flow: x.chosen(&t)}
		if m.flow == nil {
			return fmt.Errorf("tenants.%s.pipeline: there is no pipeline %q", name, t.Pipeline)
		}
		s.members[waxwing.TenantID(name)] = m
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
