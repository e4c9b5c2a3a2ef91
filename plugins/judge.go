package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// life changes which versions of a plugin serve and are tried, and records each step.
type life struct {
	store   Store
	rollout Rollout
	now     waxwing.Clock
	log     *slog.Logger
	shelves *shelves
	rates   *rates
	work    *background
	changes sync.Mutex // one change of states at a time
}

// judge counts a run, and stops, promotes or rolls back where that is due.
func (l *life) judge(p *plugin, v *version, res *sandbox.Result, role string, now time.Time) {
	failed := res.Fault != nil && sandbox.Blames(res.Fault.Kind)
	opened, tooOften := false, false
	if res.Fault == nil || failed {
		opened, tooOften = v.breaker.note(failed, now)
	} else {
		v.breaker.release()
	}
	if opened {
		p.use.Rests.Add(1)
		l.log.Warn("a plugin rests after failures", "tenant", p.tenant, "plugin", p.name, "version", v.rec.No, "fault", res.Fault.Kind)
	}
	if tooOften && role == "active" {
		kind := res.Fault.Kind // not the text: it may quote an order, and the trail is for ever
		l.later(func() { l.rollBackIf(p, v, "it failed too often, last by "+kind) })
	}
	if p.slots.Load().candidate == nil {
		return
	}
	t := &p.trial
	t.mu.Lock()
	defer t.mu.Unlock()
	s := p.slots.Load()
	switch {
	case s.candidate == nil:
		return
	case v == s.candidate:
		t.new.add(res)
	case v == s.active:
		t.old.add(res)
	default:
		return
	}
	t.orders++
	if t.decided {
		return // what follows waits for the store
	}
	why, step := t.verdict(), t.step
	switch {
	case why != "":
		t.decided = true
		l.later(func() { l.end(p, s.candidate, waxwing.PluginStopped, why) })
	case t.done(l.rollout) && l.rates.mayChange(p.tenant, p.name): // else by a later run
		t.decided = true
		l.later(func() { l.promote(p, s.candidate, step) })
	}
}

// later does what needs the store outside of an order's way.
func (l *life) later(f func()) {
	if l.work.ctx.Err() != nil {
		return
	}
	l.work.Go(func() {
		l.changes.Lock()
		defer l.changes.Unlock()
		f()
	})
}

func (l *life) save(p *plugin, next *slots, changed ...waxwing.PluginVersion) error {
	if err := l.store.SavePlugins(context.Background(), changed, nil); err != nil {
		if !errors.Is(err, waxwing.ErrStopping) {
			l.log.Error("a plugin's state was not recorded; it stays as it was", "tenant", p.tenant, "plugin", p.name, "err", err)
		}
		return err
	}
	for _, r := range changed {
		l.log.Info("plugin", "tenant", p.tenant, "plugin", p.name, "version", r.No, "state", r.State, "percent", r.Percent, "why", r.Why)
	}
	l.settle(p, next, changed)
	return nil
}

// end takes a candidate out.
func (l *life) end(p *plugin, c *version, to waxwing.PluginState, why string) {
	s := *p.slots.Load()
	if s.candidate == nil || s.candidate.rec.No != c.rec.No {
		p.trial.mu.Lock()
		p.trial.decided = false // somebody was faster; the one there now has its own trial
		p.trial.mu.Unlock()
		return
	}
	c = s.candidate // it may have come a step further since
	s.candidate = nil
	if l.save(p, &s, l.moved(c, to, sandbox.OneLine(why, 300))) != nil {
		p.trial.mu.Lock()
		p.trial.decided = false
		p.trial.mu.Unlock()
	}
}

// promote takes a candidate one step on, from step (-1: shadow).
func (l *life) promote(p *plugin, c *version, step int) {
	s := *p.slots.Load()
	t := &p.trial
	// Only at the end, or a run in the meantime would decide by a version that
	// is about to be replaced. Where the store fails the next run tries again.
	defer func() {
		t.mu.Lock()
		t.decided = false
		t.mu.Unlock()
	}()
	t.mu.Lock()
	current := s.candidate == c && t.step == step
	t.mu.Unlock()
	if !current {
		return
	}
	steps := l.rollout.Steps
	if step+1 < len(steps) {
		r := l.moved(c, waxwing.PluginCanary, "")
		r.Percent = steps[step+1]
		if l.save(p, &s, r) == nil {
			t.mu.Lock()
			t.next()
			t.mu.Unlock()
		}
		return
	}
	l.serve(p, &s, c)
}

// serve makes a version the one that serves all.
func (l *life) serve(p *plugin, s *slots, v *version) {
	changed := []waxwing.PluginVersion{l.moved(v, waxwing.PluginActive, "")}
	if s.active != nil {
		changed = append(changed, l.moved(s.active, waxwing.PluginRetired, ""))
	}
	s.previous, s.active, s.candidate = s.active, v, nil
	_ = l.save(p, s, changed...)
}

func (l *life) rollBackIf(p *plugin, v *version, why string) {
	if s := p.slots.Load(); s.active == v {
		_, _ = l.rollBack(p, why) // save has logged it
	}
}

// rollBack puts the previous version back, or none where there is none.
func (l *life) rollBack(p *plugin, why string) (waxwing.PluginVersion, error) {
	s := *p.slots.Load()
	if s.active == nil {
		return waxwing.PluginVersion{}, fmt.Errorf("nothing of it serves: %w", waxwing.ErrState)
	}
	changed := []waxwing.PluginVersion{l.moved(s.active, waxwing.PluginRolled, sandbox.OneLine(why, 300))}
	if s.candidate != nil {
		changed = append(changed, l.moved(s.candidate, waxwing.PluginStopped, "the plugin was rolled back"))
	}
	s.active, s.previous, s.candidate = s.previous, nil, nil
	if s.active != nil {
		changed = append(changed, l.moved(s.active, waxwing.PluginActive, "rolled back to"))
	}
	return changed[len(changed)-1], l.save(p, &s, changed...)
}
