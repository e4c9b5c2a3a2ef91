package plugins

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Store keeps versions and their code. Each call is one transaction with its
// entries in the audit trail.
type Store interface {
	// SavePlugins records versions as they stand; module is the code of a new
	// one, kept under its hash.
	SavePlugins(versions []waxwing.PluginVersion, module []byte) error
	// PluginVersions are all that are kept of a tenant, oldest first.
	PluginVersions(waxwing.TenantID) ([]waxwing.PluginVersion, error)
	// PluginModule is the code of a hash.
	PluginModule(hash string) ([]byte, error)
	// PluginNumber is the greatest number of a name's signatures, however long ago; 0: none.
	PluginNumber(waxwing.TenantID, string) (int64, error)
}

// HostOptions say how a Host is made.
type HostOptions struct {
	Engine  *Engine
	Store   Store
	Rollout Rollout
	Clock   waxwing.Clock
	Log     *slog.Logger
	// Configs are the tenants' own settings, by tenant and plugin.
	Configs map[waxwing.TenantID]map[string]map[string]string
	// Signers are the tenants' keys; where Signed is set, code without a
	// signature by one of them is refused.
	Signers map[waxwing.TenantID]map[string]PublicKey
	Signed  bool
	// Quota bounds what a tenant may have, CheckBudget the processor time that its
	// uploads may take in an hour; a minute by default. Checks of so many tenants
	// run at once, two by default.
	Quota       waxwing.PluginQuota
	CheckBudget time.Duration
	Checks      int
}

// Host holds every tenant's plugins and asks them. Its methods are safe for
// concurrent use.
type Host struct {
	o       HostOptions
	tenants sync.Map // TenantID -> *shelf
	ctx     context.Context
	stop    context.CancelFunc
	work    sync.WaitGroup
	changes sync.Mutex // one change of states at a time
	turns   *turns     // of checks

	mostNative, tidied atomic.Int64 // bytes, and when, in ns
}

// shelf is one tenant's plugins. Orders read it without a lock.
type shelf struct {
	plugins []*plugin // in the order of their names
	needs   needs
	hooks   map[waxwing.Hook]bool
}

// plugin is one name of a tenant, with the versions that matter now.
type plugin struct {
	tenant waxwing.TenantID
	name   string
	slots  atomic.Pointer[slots]
	trial  trial
}

type slots struct {
	active, candidate, previous *version
}

type version struct {
	rec      waxwing.PluginVersion
	manifest *Manifest
	code     *Code
	config   map[string]string
	breaker  breaker

	compiling atomic.Bool  // in the background
	compiled  atomic.Int64 // when that was last tried, in ns
}

// NewHost makes a host without plugins; Restore brings back what the store has.
func NewHost(o HostOptions) *Host {
	if o.Clock == nil {
		o.Clock = waxwing.SystemClock
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rollout.Steps == nil {
		o.Rollout = DefaultRollout()
	}
	o.Quota = o.Quota.OrDefault()
	fill(&o.CheckBudget, time.Minute)
	fill(&o.Checks, 2)
	h := &Host{o: o, turns: newTurns(o.Checks, o.CheckBudget, o.Clock)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Close stops work in the background and guests that run. The engine is closed by
// whoever made it.
func (h *Host) Close() {
	h.stop()
	h.o.Engine.Stop()
	h.work.Wait()
}

func (h *Host) shelf(t waxwing.TenantID) *shelf {
	if v, ok := h.tenants.Load(t); ok {
		return v.(*shelf)
	}
	return nil
}

// Wants says what of an order's insight the tenant's plugins need. A tenant
// without plugins wants nothing, and asking costs one look into a table.
func (h *Host) Wants(t waxwing.TenantID) (any, candidates, baskets, lane bool) {
	s := h.shelf(t)
	if s == nil {
		return false, false, false, false
	}
	return len(s.plugins) > 0, s.needs.has(needCandidates), s.needs.has(needBaskets), s.needs.has(needLane)
}

// Ruling is what the plugins said of whether an order may pass.
type Ruling struct {
	Hold, Drop string // the reason; both empty: it may pass
}

// asking is one order on its way through its tenant's plugins.
type asking struct {
	h        *Host
	shelf    *shelf
	q        *Question
	id       waxwing.ID
	tenant   waxwing.TenantID
	deadline time.Time
	spent    time.Duration
	inside   bool // holds a worker's slot
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
func (h *Host) Ask(t waxwing.TenantID, id waxwing.ID, q *Question, hooks []waxwing.Hook) (r Ruling, runs []waxwing.Run, notes []string) {
	s := h.shelf(t)
	if s == nil {
		return r, nil, nil
	}
	a := &asking{h: h, shelf: s, q: q, id: id, tenant: t, share: shareOf(t, q.Order)}
	a.deadline = time.Now().Add(h.o.Engine.o.Limits.Order)
	defer a.leave()
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
					return r, a.runs, a.notes
				}
				continue
			}
			said = apply(personal, hook, ans, q.Order) || said
		}
	}
	if said {
		q.Order.Personal = personal
	}
	return r, a.runs, a.notes
}

// rulingOf is what becomes of the order. The answer's reason is a word of the
// plugin's list by now; what else it said stands in its run, which can be erased.
func rulingOf(name string, a *Answer) Ruling {
	reason := "plugin " + name + ": " + a.Reason
	if a.Reason == "" {
		reason = "plugin " + name + ": its reason is not on its list; see its run"
	}
	switch a.Action {
	case "hold":
		return Ruling{Hold: reason}
	case "drop":
		return Ruling{Drop: reason}
	}
	return Ruling{}
}

// apply adds an answer to what was said before: of two subjects the later
// counts, of two lists of articles both.
func apply(p *waxwing.Personal, h waxwing.Hook, a *Answer, o *waxwing.Order) bool {
	switch h {
	case waxwing.HookPersonalise:
		if a.Subject != "" {
			p.Subject = a.Subject
		}
		if a.Greeting != "" {
			p.Greeting = a.Greeting
		}
		for k, v := range a.Vars {
			if p.Vars == nil {
				p.Vars = map[string]string{}
			}
			p.Vars[k] = v
		}
		for k, v := range a.Blocks {
			if p.Blocks == nil {
				p.Blocks = map[string]bool{}
			}
			p.Blocks[k] = v
		}
		return a.Subject != "" || a.Greeting != "" || len(a.Vars) > 0 || len(a.Blocks) > 0
	case waxwing.HookRecommend:
		for _, sku := range a.SKUs {
			if len(p.Recommended) >= maxRecommended || slices.ContainsFunc(p.Recommended, func(c waxwing.Candidate) bool { return c.SKU == sku }) {
				continue
			}
			i := slices.IndexFunc(o.Insight.Candidates, func(c waxwing.Candidate) bool { return c.SKU == sku })
			p.Recommended = append(p.Recommended, o.Insight.Candidates[i]) // Decode has found it there
		}
		return len(p.Recommended) > 0
	case waxwing.HookPredictDelay:
		if a.Delay != nil {
			p.Delay = a.Delay
		}
		return a.Delay != nil
	}
	return false
}

// shareOf puts an order into one of a hundred parts, the same at each try.
func shareOf(t waxwing.TenantID, o *waxwing.Order) int {
	h := uint32(2166136261)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
		h = (h ^ 0xff) * 16777619
	}
	add(string(t))
	if o != nil {
		add(string(o.Shop))
		add(o.ID)
	}
	h ^= h >> 16 // FNV's low bits alone follow the last characters too closely
	h *= 0x85ebca6b
	h ^= h >> 13
	return int(h % 100)
}

// askPlugin asks the version that serves this order, and the one in shadow
// beside it. Where a canary fails, the old version answers instead.
func (a *asking) askPlugin(p *plugin, h waxwing.Hook) *Answer {
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
	var ans *Answer
	if v != nil {
		ans = a.askVersion(p, v, h, role)
		if ans == nil && role == "canary" && s.active != nil && s.active.manifest.Fills(h) {
			ans = a.askVersion(p, s.active, h, "active")
		}
	}
	if c != nil && c.rec.State == waxwing.PluginShadow && c.manifest.Fills(h) {
		a.askVersion(p, c, h, "shadow")
	}
	return ans
}

// askVersion makes one call and judges its output; nil: there is nothing to use.
func (a *asking) askVersion(p *plugin, v *version, h waxwing.Hook, role string) *Answer {
	now := a.h.o.Clock()
	if !v.breaker.closed(now) {
		a.note(p, h, FaultOff, role)
		return nil
	}
	if !a.enter() {
		v.breaker.release()
		a.note(p, h, FaultBusy, role)
		return nil
	}
	input := appendInput(nil, h, a.q, v.manifest.needs, v.config)
	wall := min(v.code.limits.Wall, time.Until(a.deadline))
	if wall <= 0 {
		v.breaker.release()
		a.note(p, h, FaultBusy, role)
		return nil
	}
	res := a.h.o.Engine.callBy(v.code, h, input, a.q.At, a.q.Seed, wall, a.deadline)
	if res.Fault != nil && res.Fault.Kind == FaultOff {
		a.h.compileAgain(v, now)
	}
	raw := res.Output
	var ans *Answer
	if res.Fault == nil {
		var candidates []waxwing.Candidate
		if a.q.Order != nil && a.q.Order.Insight != nil {
			candidates = a.q.Order.Insight.Candidates
		}
		var err error
		if ans, err = Decode(h, res.Output, candidates); err != nil {
			ans, res.Fault = nil, &Fault{FaultOutput, oneLine(err.Error(), 200)}
		} else if h == waxwing.HookFilter {
			ans.Reason = v.manifest.reason(ans.Reason)
		}
	}
	a.spent += res.Took
	a.record(v, h, role, input, raw, &res)
	if res.Fault != nil && role != "shadow" {
		a.note(p, h, res.Fault.Kind, role)
	}
	a.h.judge(p, v, &res, role, now)
	return ans
}

func (a *asking) enter() bool {
	if !a.inside && !a.refused {
		a.inside = a.h.o.Engine.workers.enter(a.tenant, a.deadline)
		a.refused = !a.inside
	}
	return a.inside
}

func (a *asking) leave() {
	if a.inside {
		a.h.o.Engine.workers.leave(a.tenant, a.spent)
	}
}

func (a *asking) note(p *plugin, h waxwing.Hook, kind, role string) {
	if role != "shadow" {
		a.last = kind
		a.notes = append(a.notes, fmt.Sprintf("plugin: %s.%s was left out (%s)", p.name, h, kind))
	}
}

func (a *asking) record(v *version, h waxwing.Hook, role string, input, output []byte, res *Result) {
	r := waxwing.Run{Plugin: v.rec.Plugin, Hash: v.rec.Hash, Hook: h, Role: role, Input: input, Output: output, Log: res.Log,
		Fuel: res.Fuel, Costs: CostVersion, Micros: res.Took.Microseconds(), At: a.q.At, Seed: a.q.Seed}
	if res.Fault != nil {
		r.Fault = res.Fault.Error()
	}
	a.runs = append(a.runs, r)
}

// Normalise asks a tenant's plugin for the generic order of an event that no
// format of ours reads. Its failure is the event's: it is quarantined until the
// plugin is mended. Where it was not asked at all, for want of a worker or of its
// native code or while it rests, the error is ErrUnavailable: try again.
func (h *Host) Normalise(t waxwing.TenantID, name string, q *Question) ([]byte, []waxwing.Run, error) {
	s := h.shelf(t)
	if s == nil {
		return nil, nil, fmt.Errorf("the plugin %s is not there", name)
	}
	i := slices.IndexFunc(s.plugins, func(p *plugin) bool { return p.name == name })
	if i < 0 || !s.hooks[waxwing.HookNormalise] {
		return nil, nil, fmt.Errorf("the plugin %s is not there or does not normalise", name)
	}
	a := &asking{h: h, shelf: s, q: q, tenant: t}
	a.deadline = time.Now().Add(h.o.Engine.o.Limits.Order)
	defer a.leave()
	if ans := a.askPlugin(s.plugins[i], waxwing.HookNormalise); ans != nil {
		return ans.Order, a.runs, nil
	}
	switch a.last { // not the fault's text: it may quote the event, and reasons stand in the trail
	case "":
		return nil, a.runs, fmt.Errorf("the plugin %s could not read the event: it serves nothing yet", name)
	case FaultBusy, FaultOff, FaultHost:
		return nil, a.runs, fmt.Errorf("the plugin %s could not read the event now (%s): %w", name, a.last, waxwing.ErrUnavailable)
	}
	return nil, a.runs, fmt.Errorf("the plugin %s could not read the event: %s", name, a.last)
}
