package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func pluginsStage() kind {
	return stage(config.Component{Name: "plugins", Settings: func() config.Block { return &PluginsStage{} }, Usual: always(func() config.Block { return &PluginsStage{} })}, (*PluginsStage).stages)
}

// PluginsStage asks the tenants' own code about the order. It may be left out, or stand
// several times with other hooks.
type PluginsStage struct {
	// Hooks are asked in this order.
	Hooks []string `yaml:"hooks,omitempty" of:"hook" default:"[*]"`
}

// Check finds a hook that is named twice.
func (s *PluginsStage) Check(r *config.Report) {
	for i, h := range s.Hooks {
		if at := fmt.Sprintf("hooks[%d]", i); slices.Contains(s.Hooks[:i], h) {
			r.Fail(at, fmt.Sprintf("%s names %s twice", r.Path("hooks"), r.Quote(at)), "Take one of them out")
		}
	}
}

func (s *PluginsStage) stages(p *site) []Stage {
	a := &asker{plugins: p.Plugins, log: p.Log}
	for _, h := range s.Hooks {
		a.hooks = append(a.hooks, waxwing.Hook(h))
	}
	return []Stage{a}
}

// asker lets the tenant's plugins speak of an order.
type asker struct {
	plugins Plugins // nil: there are none
	hooks   []waxwing.Hook
	log     *slog.Logger
}

func (*asker) Name() string { return "plugins" }

// Run asks the hooks in their order. What plugins did is in Work.Runs, what they said in
// Order.Personal. A fault of ours among them is the plugins' loss, not the order's. They are
// not asked about a message that only takes another's place: it has no record of runs, and
// says less.
func (s *asker) Run(_ context.Context, j *Job) (d Decision, err error) {
	var notes []string
	if j.For != Instead && has(s.plugins, j.Work.Tenant) {
		d, notes = s.ask(j)
	}
	j.Notes = append(j.Notes, notes...)
	j.Said = append(j.Said, "runs", len(j.Work.Runs), "notes", len(notes))
	return d, nil
}

func (s *asker) ask(j *Job) (d Decision, notes []string) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("plugins failed; this is a fault of ours", "confirmation", j.Work.ID, "panic", fmt.Sprint(p))
			d, notes = Decision{}, append(notes, "plugins: left out (internal error)")
		}
	}()
	keep, drop, notes := s.plugins.Ask(j.Work, j.Order, s.hooks)
	switch {
	case drop != "":
		d = cancel(drop)
	case keep != "":
		d = hold(keep)
	}
	return d, notes
}

// has costs a tenant without plugins one look into a table.
func has(p Plugins, t waxwing.TenantID) bool {
	if p == nil {
		return false
	}
	some, _, _, _ := p.Wants(t)
	return some
}
