package pipeline

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/pipeline/queue"
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
	// Failed is the channel whose message there is to be another one of Instead.
	Failed waxwing.Channel

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

// Intake is where events become durable.
type Intake interface {
	// Accept records an event: when it returns without an error the event is on disk, and the
	// same order again gives the same id. ErrUnavailable: later. The event is not written to, and may be kept.
	Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error)
}

// Orders is the ledger's side of normalise..render.
type Orders interface {
	// Work gives what is to be rendered, or a held order whose time at the gate is over. It
	// is shared, and must not be written to. ErrState: there is nothing to do.
	Work(ctx context.Context, id waxwing.ID) (*waxwing.Work, error)
	// DueWork lists what waits for its render, oldest first, from what became due at since
	// on to what will be within ahead. last is when the last of them became due.
	DueWork(ctx context.Context, since time.Time, ahead time.Duration, limit int) (ids []waxwing.ID, last time.Time, err error)
	// DueHolds lists those whose time at the gate is over, oldest first.
	DueHolds(ctx context.Context, limit int) ([]waxwing.ID, error)
	// Ready queues what was rendered, found by lk, to be sent within ttl, and gives the
	// messages' ids in the order of the drafts, which have their sealed content then. ErrState:
	// somebody was faster, and nothing has happened.
	Ready(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, error)
	// Hold keeps an order at the gate until a later event or the given time. ErrState as of Ready.
	Hold(ctx context.Context, w *waxwing.Work, reason string, until time.Time, lk waxwing.Lookup) error
	// Quarantine keeps an order that cannot be read until a person acts. ErrState as of Ready.
	Quarantine(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error
	// Cancel ends an order before anything was rendered. ErrState as of Ready.
	Cancel(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error
}

// Outbox is the ledger's side of send and fallback.
type Outbox interface {
	delivery.Outbox
	// ClaimDue takes due messages of a channel, oldest first.
	ClaimDue(ctx context.Context, ch waxwing.Channel, limit int) ([]*waxwing.Claim, error)
	delivery.Doubts
	// EndDue ends some messages that no provider is needed for: whose time to live is
	// over. more: there may be others.
	EndDue(ctx context.Context) (more bool, err error)
	// ReworkOf gives what a person's resend renders from, in any state: ErrNotFound for another
	// tenant's, ErrState after an erasure.
	ReworkOf(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (*waxwing.Work, error)
	// Add queues one more message of a confirmation. ErrState: something else was done to it
	// at the same moment.
	Add(ctx context.Context, w *waxwing.Work, d *waxwing.Draft, ttl time.Duration) (waxwing.ID, error)
	// Bytes gives a message as it was offered: the newest e-mail where n is 0.
	Bytes(ctx context.Context, t waxwing.TenantID, id waxwing.ID, n int) (*waxwing.Outgoing, error)
}

// Ledger is all that the pipeline needs of the ledger. Where a call's context ends before
// its change is begun, nothing has happened: the error is ErrUnavailable and the context's.
// What has begun is waited for.
type Ledger interface {
	Intake
	Orders
	Outbox
}

// Composer renders an order as a channel's message. It fails only if nothing
// at all can be sent by that channel: the error is the reason, without
// personal data, and waxwing.ErrNotFound means that there is no address.
type Composer interface {
	// Compose renders the channel's message, dated at.
	Compose(ch waxwing.Channel, w *waxwing.Work, o *waxwing.Order, at time.Time) (waxwing.Draft, error)
	// Again makes a new message of a mail that was made before, to the same or a
	// corrected address: all its bytes but To, Message-ID, Date and signature. It
	// fails with ErrNotFound where that mail cannot be had without rendering.
	Again(w *waxwing.Work, sent *waxwing.Outgoing, to string, at time.Time) (waxwing.Draft, error)
}

// Enricher looks something up about an order.
type Enricher interface {
	// Find answers an inquiry until ctx ends. Nil: nothing is known.
	Find(ctx context.Context, q *waxwing.Inquiry) (*waxwing.Finding, error)
}

// Plugins are the tenants' own code.
type Plugins interface {
	// Wants says whether the tenant has plugins, and what they need of an
	// order beyond itself.
	Wants(waxwing.TenantID) (any, candidates, baskets, lane bool)
	// Ask lets the tenant's plugins fill the hooks, in this order. It writes
	// o.Personal and w.Runs; a reason to hold or drop the order is a filter's.
	Ask(w *waxwing.Work, o *waxwing.Order, hooks []waxwing.Hook) (hold, drop string, notes []string)
}

// Meter counts what happens. All methods are called on hot paths.
type Meter interface {
	delivery.Meter
	// Received counts an event that was recorded.
	Received(state waxwing.State, isNew bool)
	// Rendered observes the time from the event to its drafts.
	Rendered(took time.Duration)
	// Shed counts an event that was turned away, since recording it would have taken too long.
	Shed()
	// Carried counts a message of so many bytes that was given to a queue which carries content:
	// with it, or, since that is too large, without.
	Carried(content bool, bytes int)
}

// Parts is what a pipeline is put together from. The lists of components live
// in package daemon.
type Parts struct {
	Config    *config.Config
	Ledger    Ledger
	Formats   map[string]waxwing.Format
	Composer  Composer
	Providers map[string]delivery.Provider
	// Carries are the channels of the providers by their names; one that is not there carries any.
	Carries map[string]waxwing.Channel
	// Own are the tenants' own providers; see Settings.
	Own       map[string][]OwnProvider
	Enrichers map[string]Enricher
	Plugins   Plugins // nil: there are none
	// Numbers gives further spellings of an order's phone numbers, which it is then
	// found and erased by as well. Nil: none.
	Numbers func(*waxwing.Order) []string
	// Brokers are those that queues stand on, by name. Tag is part of their topics'
	// names, so that daemons of other ledgers have topics of their own.
	Brokers map[string]queue.Broker
	Tag     string
	Meter   Meter
	// Resolver looks up the names of shops' APIs; nil: the system's.
	Resolver *net.Resolver
	Clock    waxwing.Clock
	Log      *slog.Logger
	// Asked says that some provider can be asked what became of a message.
	Asked bool
	// Wrap lets a test put itself between the stages and Watermill; NoSweeper
	// switches the sweeper off, for the test that Watermill alone suffices.
	Wrap      func(message.Publisher) message.Publisher
	NoSweeper bool
	// SendsOnly has it take what comes by queues that carry content on a broker, and nothing
	// else: it has no orders, no other stages than send, and no sweeper.
	SendsOnly bool
}
