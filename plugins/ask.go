package plugins

import (
	"fmt"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// asking is one order on its way through its tenant's plugins.
type asking struct {
	h        *Host
	shelf    *shelf
	q        *abi.Question
	id       waxwing.ID
	deadline time.Time
	refused  bool // no slot was to be had
	runs     []waxwing.Run
	notes    []string
	last     string // the kind of the last fault of a version that serves
	share    int    // of 100, by the order
}

// Ask asks the tenant's plugins about an order, hook by hook, and puts what
// they say into o.Personal. It takes no longer than the limit for one order;
// what fails is left out and noted. filter is left out where a person has
// released the order.
func (h *Host) Ask(t waxwing.TenantID, id waxwing.ID, q *abi.Question, hooks []waxwing.Hook) (r Ruling, runs []waxwing.Run, notes []string) {
	s := h.shelves.of(t)
	if s == nil {
		return r, nil, nil
	}
	a := &asking{h: h, shelf: s, q: q, id: id, share: shareOf(t, q.Order)}
	a.deadline = time.Now().Add(h.o.Engine.Limits().Order)
	personal := &waxwing.Personal{}
	said := false
	for _, hook := range hooks {
		if !s.hooks[hook] || hook == waxwing.HookNormalise {
			continue // an order that is here was normalised
		}
		for _, p := range s.plugins {
			ans := a.askPlugin(p, hook)
			if ans == nil {
				continue
			}
			if hook == waxwing.HookFilter {
				if r = rulingOf(p.name, ans); r != (Ruling{}) {
					return r, a.runs, a.fewNotes()
				}
				continue
			}
			said = ans.Apply(personal, q.Order) || said
		}
	}
	if said {
		q.Order.Personal = personal
	}
	return r, a.runs, a.fewNotes()
}

// askPlugin asks the version that serves this order, and the one in shadow
// beside it. Where a canary fails, the old version answers instead.
func (a *asking) askPlugin(p *plugin, h waxwing.Hook) *abi.Answer {
	s := p.slots.Load()
	if s == nil {
		return nil
	}
	v, role := s.active, "active"
	c := s.candidate
	if c != nil && c.rec.State == waxwing.PluginCanary && a.share < c.rec.Percent {
		v, role = c, "canary"
	}
	if v == nil || !v.manifest.Fills(h) {
		v = nil
	}
	var ans *abi.Answer
	if v != nil {
		ans = a.ask(call{p, v, h, role})
		if ans == nil && role == "canary" && s.active != nil && s.active.manifest.Fills(h) {
			ans = a.ask(call{p, s.active, h, "active"})
		}
	}
	if c != nil && c.rec.State == waxwing.PluginShadow && c.manifest.Fills(h) {
		a.ask(call{p, c, h, "shadow"})
	}
	return ans
}

// call is one question to one version of a plugin.
type call struct {
	p    *plugin
	v    *version
	hook waxwing.Hook
	role string // "active", "canary", "shadow"
}

// ask makes one call and judges its output; nil: there is nothing to use.
func (a *asking) ask(c call) *abi.Answer {
	v, h := c.v, c.hook
	now := a.h.o.Clock()
	if !v.breaker.closed(now) {
		a.leaveOut(c, &sandbox.Fault{Kind: sandbox.FaultOff})
		return nil
	}
	var input []byte
	res, ran := a.h.o.Engine.Ask(v.code, a.deadline, &a.refused, func() sandbox.HookCall {
		input = abi.AppendInput(nil, h, a.q, v.manifest.NeedSet, v.config)
		return sandbox.HookCall{Hook: h, Input: input, At: a.q.At, Seed: a.q.Seed}
	})
	if !ran && !sandbox.Blames(res.Fault.Kind) { // what failed to start is a run, without an output
		v.breaker.release()
		if res.Fault.Kind == sandbox.FaultOff {
			a.h.compile.again(v, now)
		}
		a.leaveOut(c, res.Fault)
		return nil
	}
	raw := res.Output
	var ans *abi.Answer
	if res.Fault == nil {
		var candidates []waxwing.Candidate
		if a.q.Order != nil && a.q.Order.Insight != nil {
			candidates = a.q.Order.Insight.Candidates
		}
		var err error
		if ans, err = abi.Decode(h, res.Output, candidates); err != nil {
			ans, res.Fault = nil, &sandbox.Fault{Kind: sandbox.FaultOutput, Text: sandbox.OneLine(err.Error(), 200)}
		} else if h == waxwing.HookFilter {
			ans.Reason = v.manifest.Reason(ans.Reason)
		}
	}
	a.record(c, input, raw, &res)
	if c.p.use.Count(&res); res.Fault != nil {
		a.note(c, res.Fault.Kind)
	}
	a.h.life.judge(c.p, v, &res, c.role, now)
	return ans
}

// leaveOut notes a version that was not asked.
func (a *asking) leaveOut(c call, f *sandbox.Fault) {
	c.p.use.LeftOut(f.Kind)
	a.note(c, f.Kind)
}

func (a *asking) note(c call, kind string) {
	if c.role != "shadow" {
		a.last = kind
		a.notes = append(a.notes, fmt.Sprintf("plugin: %s.%s was left out (%s)", c.p.name, c.hook, kind))
	}
}

// mostNotes is how many notes an order takes from its plugins: the trail is for
// ever, and a tenant may have twenty plugins of which each fails at each hook.
const mostNotes = 8

// fewNotes are the notes, the last ones as a number where they are too many.
func (a *asking) fewNotes() []string {
	if more := len(a.notes) - mostNotes; more > 1 {
		return append(a.notes[:mostNotes:mostNotes], fmt.Sprintf("plugin: %d more calls were left out", more))
	}
	return a.notes
}

func (a *asking) record(c call, input, output []byte, res *sandbox.Result) {
	r := waxwing.Run{Plugin: c.v.rec.Plugin, Hash: c.v.rec.Hash, Hook: c.hook, Role: c.role, Input: input, Output: output, Log: res.Log,
		Fuel: res.Fuel, Costs: sandbox.CostVersion, Micros: res.Took.Microseconds(), At: a.q.At, Seed: a.q.Seed}
	if res.Fault != nil {
		r.Fault = res.Fault.Error()
	}
	a.runs = append(a.runs, r)
}

// Normalise asks a tenant's plugin for the generic order of an event that no
// format of ours reads. Its failure is the event's: it is quarantined until the
// plugin is mended. Where it was not asked at all, for want of a worker or of its
// native code or while it rests, the error is ErrUnavailable: try again.
func (h *Host) Normalise(t waxwing.TenantID, name string, q *abi.Question) ([]byte, []waxwing.Run, error) {
	s := h.shelves.of(t)
	if s == nil {
		return nil, nil, fmt.Errorf("the plugin %s is not there", name)
	}
	i := slices.IndexFunc(s.plugins, func(p *plugin) bool { return p.name == name })
	if i < 0 || !s.hooks[waxwing.HookNormalise] {
		return nil, nil, fmt.Errorf("the plugin %s is not there or does not normalise", name)
	}
	a := &asking{h: h, shelf: s, q: q}
	a.deadline = time.Now().Add(h.o.Engine.Limits().Order)
	if ans := a.askPlugin(s.plugins[i], waxwing.HookNormalise); ans != nil {
		return ans.Order, a.runs, nil
	}
	switch a.last { // not the fault's text: it may quote the event, and reasons stand in the trail
	case "":
		return nil, a.runs, fmt.Errorf("the plugin %s could not read the event: it serves nothing yet", name)
	case sandbox.FaultBusy, sandbox.FaultOff, sandbox.FaultLoad, sandbox.FaultQuota, sandbox.FaultHost:
		return nil, a.runs, fmt.Errorf("the plugin %s could not read the event now (%s): %w", name, a.last, waxwing.ErrUnavailable)
	}
	return nil, a.runs, fmt.Errorf("the plugin %s could not read the event: %s", name, a.last)
}
