package pipeline

import (
	"context"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Job is one order on its way through the stages. Each field has one writer, which its
// comment names.
type Job struct {
	// Work is the ledger's, which is shared and not written; plugins, which write Runs,
	// are given a copy. The runner sets it.
	Work *waxwing.Work
	// Tenant is the configuration's, and Settings are those that it is one of: the same for
	// all of the job's stages. The runner sets them.
	Tenant   *config.Tenant
	Settings *Settings
	// Order is normalise's; enrich fills what the event leaves open, plugins write Personal.
	Order *waxwing.Order
	// Found is what the confirmation is found by: normalise's; render adds the recipients.
	Found waxwing.Lookup
	// Notes are for the trail: what enrich and plugins had to leave out.
	Notes []string
	// Drafts are render's.
	Drafts []waxwing.Draft
	// Said are names and values for the log of a step, of whichever stage runs.
	Said []any
}

// Decision is what a stage says of an order; the zero value: go on.
type Decision struct {
	// To is Held, Cancelled or Quarantined.
	To     waxwing.State
	Reason string // for the trail: without personal data
}

func hold(reason string) Decision       { return Decision{waxwing.Held, reason} }
func cancel(reason string) Decision     { return Decision{waxwing.Cancelled, reason} }
func quarantine(reason string) Decision { return Decision{waxwing.Quarantined, reason} }

// Stage does one thing to a job. It is safe for concurrent use by several jobs.
type Stage interface {
	// Name is the word for the step in the log.
	Name() string
	// Run does the stage's part. It returns within the time that its configuration
	// gives it, and soon after ctx ends. An error leaves the order as it is: it is tried
	// again, and nothing of the job is kept.
	Run(ctx context.Context, j *Job) (Decision, error)
}

// stagesOf puts the stages before the queue together, in the order of the configuration.
// The gate stands behind normalise.
func (x *Pipeline) stagesOf() []Stage {
	p := &x.p
	render := &renderer{channel: x.plan.channel, others: x.plan.instead, clock: p.Clock, log: p.Log}
	x.render = render
	x.normalise = &normaliser{numbers: p.Numbers}
	var out []Stage
	asks := len(x.plan.hooks) > 0
	for _, s := range p.Config.Pipeline {
		switch {
		case s.Normalise != nil:
			out = append(out, x.normalise, gate{})
		case s.Enrich != nil:
			e := &enricher{lookups: p.Enrichers, from: s.Enrich.From, deadline: orDuration(s.Enrich.Deadline.D(), 300*time.Millisecond), log: p.Log}
			if asks {
				e.plugins = p.Plugins
			}
			if len(e.from) == 0 {
				e.from = sortedKeys(p.Enrichers)
			}
			out = append(out, e)
		case s.Plugins != nil:
			a := &asker{plugins: p.Plugins, log: p.Log}
			for _, h := range s.Plugins.Hooks {
				a.hooks = append(a.hooks, waxwing.Hook(h))
			}
			out = append(out, a)
		case s.Render != nil:
			out = append(out, render)
		}
	}
	return out
}
