package pipeline

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// plugins is a tenant's answer.
type plugins struct {
	none       bool
	hold, drop string
	panics     bool
	hooks      []waxwing.Hook // asked
}

func (p *plugins) Wants(waxwing.TenantID) (some, candidates, baskets, lane bool) {
	return !p.none, false, false, false
}

func (p *plugins) Ask(w *waxwing.Work, o *waxwing.Order, hooks []waxwing.Hook) (hold, drop string, notes []string) {
	if p.panics {
		panic("x")
	}
	p.hooks = hooks
	w.Runs = append(w.Runs, waxwing.Run{})
	o.Personal = &waxwing.Personal{Subject: "hello"}
	return p.hold, p.drop, []string{"plugin: p was left out (fuel)"}
}

// TestPlugins: what a filter says is the decision, and a fault of ours is the plugins' loss.
func TestPlugins(t *testing.T) {
	for name, c := range map[string]struct {
		p     *plugins
		want  Decision
		notes []string
		runs  int
	}{
		"there are none":          {p: nil},
		"of another tenant":       {p: &plugins{none: true}},
		"they speak":              {p: &plugins{}, notes: []string{"plugin: p was left out (fuel)"}, runs: 1},
		"a filter holds":          {p: &plugins{hold: "plugin f: vip"}, want: hold("plugin f: vip"), notes: []string{"plugin: p was left out (fuel)"}, runs: 1},
		"a filter drops":          {p: &plugins{drop: "plugin f: test order"}, want: cancel("plugin f: test order"), notes: []string{"plugin: p was left out (fuel)"}, runs: 1},
		"they fail in an odd way": {p: &plugins{panics: true}, notes: []string{"plugins: left out (internal error)"}},
	} {
		s := &asker{hooks: []waxwing.Hook{waxwing.HookFilter}, log: slog.New(slog.DiscardHandler)}
		if c.p != nil {
			s.plugins = c.p
		}
		j := &Job{Work: &waxwing.Work{}, Order: &waxwing.Order{}}
		d, err := s.Run(t.Context(), j)
		if err != nil || d != c.want || !slices.Equal(j.Notes, c.notes) || len(j.Work.Runs) != c.runs {
			t.Errorf("%s: %+v, %v, %q, %d runs", name, d, err, j.Notes, len(j.Work.Runs))
		}
		if c.runs > 0 && (j.Order.Personal == nil || !slices.Equal(c.p.hooks, s.hooks)) {
			t.Errorf("%s: %+v, asked %v", name, j.Order.Personal, c.p.hooks)
		}
	}
}
