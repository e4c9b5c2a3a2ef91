package pipeline

import (
	"log/slog"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
)

// Preview takes an event through the stages of its tenant's pipeline, as a confirmation is,
// and has it composed: by says what becomes of it. Nobody outside is asked and nothing kept,
// and neither gate nor filter holds it. Where the event cannot be read the decision says why.
func Preview(c *config.Config, formats map[string]waxwing.Format, by Composer, w *waxwing.Work) (Decision, error) {
	x := &Pipeline{p: Parts{Config: c, Clock: waxwing.SystemClock, Log: slog.New(slog.DiscardHandler)}, stop: delivery.NewStop(),
		hops: map[string]*hop{}, journal: newJournal(slog.New(slog.DiscardHandler))}
	if err := x.flowsOf(c); err != nil {
		return Decision{}, err
	}
	s := &Settings{Tenants: c.Tenants, Formats: formats, Composer: by}
	if err := x.Prepare(s); err != nil {
		return Decision{}, err
	}
	var said Decision
	j := &Job{Work: w, Settings: s, For: Show}
	err := x.whole(j, s.members[w.Tenant], func(_ *Job, d Decision) (bool, error) {
		if d.To == waxwing.Quarantined {
			said = d
		}
		return said.To != "", nil
	})
	return said, err
}
