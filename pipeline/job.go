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
	// For is what the stages are run for, To a corrected address, "" none: the runner sets them.
	For Purpose
	To  string

	flow  *flow
	began time.Time
}

// Purpose is what an order is taken through its stages for. It is the same sequence each time;
// what a stage decides counts for the confirmation alone.
type Purpose uint8

const (
	// Confirm is the usual: the order's first message.
	Confirm Purpose = iota
	// Again is a person's resend, rendered anew: neither the gate nor a filter holds it.
	Again
	// Instead is the message of another channel, where the first one cannot deliver.
	Instead
	// Show is a preview: nobody outside is asked, and nothing is kept.
	Show
)

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
