// Package ledgertest is the suite that every store of the ledger passes.
package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// Store is what a ledger's store can do, as the suite sees it.
type Store interface {
	// Accept records an event; it is on disk when it returns.
	Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error)
	// Work gives what is to be rendered; ErrState: nothing is.
	Work(ctx context.Context, id waxwing.ID) (*waxwing.Work, error)
	// Ready queues drafts; ErrState: somebody was faster.
	Ready(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, error)
	// Hold keeps an order at the gate until then.
	Hold(ctx context.Context, w *waxwing.Work, reason string, until time.Time, lk waxwing.Lookup) error
	// Quarantine keeps an order that cannot be read.
	Quarantine(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error
	// Cancel ends an order that was not rendered.
	Cancel(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error
	// Claim takes a message; ErrState: it cannot be taken.
	Claim(ctx context.Context, id waxwing.ID) (*waxwing.Claim, error)
	// ClaimCarried takes one whose sealed content came by a queue.
	ClaimCarried(ctx context.Context, id waxwing.ID, sealed []byte) (*waxwing.Claim, error)
	// ClaimDue takes due messages of a channel, oldest first.
	ClaimDue(ctx context.Context, ch waxwing.Channel, limit int) ([]*waxwing.Claim, error)
	// Doubts gives messages in doubt to ask about, to nobody else for a while.
	Doubts(ctx context.Context, limit int) ([]*waxwing.Doubt, error)
	// Answered takes what was said; ErrState: something else was done to it meanwhile.
	Answered(ctx context.Context, d *waxwing.Doubt, r *waxwing.Reply) (held bool, err error)
	// EndDue ends messages whose time is over; more: there may be others.
	EndDue(ctx context.Context) (more bool, err error)
	// CommitDot is the commit point; ErrState: it must not be sent.
	CommitDot(ctx context.Context, c *waxwing.Claim, provider string) error
	// Resolve records what an attempt came to.
	Resolve(ctx context.Context, c *waxwing.Claim, r *waxwing.Resolution) error
	// Annotate records what became known of a message, once of a kind.
	Annotate(ctx context.Context, a *ledger.Annotation) error
	// Checks says whether a token begins as that of a tenant's message does.
	Checks(tenant waxwing.TenantID, message waxwing.ID, token string) bool
	// DueWork lists what waits for its render, from what became due at since on, and says
	// when the last of that did.
	DueWork(ctx context.Context, since time.Time, ahead time.Duration, limit int) (ids []waxwing.ID, last time.Time, err error)
	// DueHolds lists what has waited at the gate for long enough.
	DueHolds(ctx context.Context, limit int) ([]waxwing.ID, error)
	// ReworkOf gives what a resend renders from.
	ReworkOf(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (*waxwing.Work, error)
	// Add queues one more message.
	Add(ctx context.Context, w *waxwing.Work, d *waxwing.Draft, ttl time.Duration) (waxwing.ID, error)
	// Release puts what is held back to work.
	Release(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, act waxwing.Act) error
	// Stop cancels what has not passed its commit point.
	Stop(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, act waxwing.Act) error
	// Suppress keeps an address from being written to.
	Suppress(ctx context.Context, tenant waxwing.TenantID, address string, act waxwing.Act) error
	// SuppressAs is Suppress for a reason of any class.
	SuppressAs(ctx context.Context, tenant waxwing.TenantID, o *waxwing.Suppress) error
	// SuppressAll suppresses several, and says how many were not suppressed before.
	SuppressAll(ctx context.Context, tenant waxwing.TenantID, all []waxwing.Suppress) (added int, err error)
	// Lift has an address be written to again.
	Lift(ctx context.Context, tenant waxwing.TenantID, o *waxwing.Suppress) (lifted bool, err error)
	// Suppressed gives suppressions, the newest first.
	Suppressed(ctx context.Context, q *waxwing.SuppressionQuery) ([]waxwing.Suppression, error)
	// Softs counts what came back for a while.
	Softs(ctx context.Context, tenant waxwing.TenantID, address string, since time.Time) (int, error)
	// Erase destroys what is kept of a person.
	Erase(ctx context.Context, tenant waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error)
	// List gives confirmations, the newest first.
	List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error)
	// Deliveries judges a piece of a span of time.
	Deliveries(ctx context.Context, q waxwing.Query) (*waxwing.Deliveries, error)
	// Get gives one with its messages and trail.
	Get(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error)
	// Bytes gives a message as it was offered.
	Bytes(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, n int) (*waxwing.Outgoing, error)
	// Export writes the trail, and tells how many entries it has written so far.
	Export(ctx context.Context, w io.Writer, progress func(entries int64)) error
	// SavePlugins records versions; module is the code of a new one.
	SavePlugins(ctx context.Context, versions []waxwing.PluginVersion, module []byte) error
	// PluginTenants are those that have versions, in no order.
	PluginTenants(ctx context.Context) ([]waxwing.TenantID, error)
	// PluginVersions are those of a tenant, oldest first.
	PluginVersions(ctx context.Context, tenant waxwing.TenantID) ([]waxwing.PluginVersion, error)
	// PluginModule is the code of a hash.
	PluginModule(ctx context.Context, hash string) ([]byte, error)
	// PluginRuns lists runs from below an id, newest first.
	PluginRuns(ctx context.Context, tenant waxwing.TenantID, plugin string, before int64, limit int) ([]waxwing.Run, error)
	// PluginRunsFull gives runs whole from above an id, oldest first.
	PluginRunsFull(ctx context.Context, tenant waxwing.TenantID, plugin string, after int64, limit int) ([]waxwing.Run, error)
	// PluginRun gives one run whole.
	PluginRun(ctx context.Context, tenant waxwing.TenantID, id int64) (*waxwing.Run, error)
	// PrunePluginRuns deletes some runs older than that; more: there may be others.
	PrunePluginRuns(ctx context.Context, age time.Duration) (more bool, err error)
	// Expire deletes some content older than that; more: there may be others.
	Expire(ctx context.Context, age time.Duration) (more bool, err error)
	// Close waits for what is being written.
	Close() error
}

// Bench is one store under test, with a clock that the test moves.
type Bench struct {
	t     *testing.T
	open  func(t *testing.T, dir string, clock waxwing.Clock, policy string) Store
	audit func(t *testing.T, s Store)
	dir   string
	mu    sync.Mutex
	now   time.Time
	s     Store
}

// act is a person's, as the trail must tell it.
var act = waxwing.Act{By: "anna", Reason: "she asked"}

// Tenants are those that the opener must serve.
var Tenants = []waxwing.TenantID{"acme", "bolt"}

// Suite runs the stories. open opens the store of a folder; audit checks that
// its trail verifies.
func Suite(t *testing.T, open func(*testing.T, string, waxwing.Clock, string) Store, audit func(*testing.T, Store)) {
	stories := map[string]func(*Bench){
		"one order, one mail":                oneOrder,
		"the same order again":               duplicates,
		"a newer event replaces":             newerEvent,
		"two shops, one number":              twoShops,
		"held, then released by an event":    held,
		"quarantined, then released":         quarantined,
		"too old, then asked for":            stale,
		"an old order, edited or paid late":  oldOrder,
		"deferred, then sent":                deferred,
		"crash before the dot":               crashClaimed,
		"crash after the dot":                crashDot,
		"uncertain, assumed sent":            assumed,
		"uncertain after each copy":          crashedOften,
		"asked, and taken":                   askedAndTaken("resend"),
		"asked before it is held: taken":     askedAndTaken("hold"),
		"asked before it is assumed: taken":  askedAndTaken("assume_sent"),
		"asked in vain, sent again":          askedInVain("resend", waxwing.Queued),
		"asked in vain, held":                askedInVain("hold", waxwing.Uncertain),
		"asked in vain, assumed":             askedInVain("assume_sent", waxwing.Sent),
		"not asked any more":                 notAskedAnyMore,
		"rejected, then by SMS":              fallback,
		"cancelled before the dot":           cancelled,
		"suppressed is never offered":        suppressed,
		"the delivery rate":                  deliveries,
		"suppressed, and lifted":             lifted,
		"what came back for a while":         softs,
		"expired":                            expired,
		"erased":                             erased,
		"what became known of it":            annotated,
		"a person's resend":                  resend,
		"another tenant sees nothing":        tenants,
		"two workers, one claim":             race,
		"content that came by a queue":       carried,
		"content of nobody's":                forged,
		"content that came too late":         carriedLate,
		"events at once, one confirmation":   acceptRace,
		"the trail cannot take a wrong turn": wrongTurn,
	}
	maps.Copy(stories, pluginStories)
	for name, f := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &Bench{t: t, open: open, audit: audit, dir: t.TempDir(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
			b.start("resend")
			f(b)
			b.audit(t, b.s)
			b.must(b.s.Close())
		})
	}
}

func (b *Bench) start(policy string) { b.s = b.open(b.t, b.dir, b.clock, policy) }

func (b *Bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *Bench) later(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *Bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *Bench) wantState(err error) {
	b.t.Helper()
	if !errors.Is(err, waxwing.ErrState) {
		b.t.Fatalf("want ErrState, got %v", err)
	}
}

func (b *Bench) event(shop waxwing.ShopID, order string, minute int, body string) *waxwing.Event {
	at := b.clock()
	return &waxwing.Event{Tenant: "acme", Shop: shop, Source: "webhook", Format: "generic", Topic: "order", Raw: []byte(body), At: at,
		Key: waxwing.EventKey{OrderID: order, UpdatedAt: time.Date(2026, 11, 24, 8, minute, 0, 0, time.UTC)}}
}

func (b *Bench) accept(ev *waxwing.Event) waxwing.Receipt {
	b.t.Helper()
	rc, err := b.s.Accept(b.t.Context(), ev)
	b.must(err)
	return rc
}

// Person is the address that the stories' mails go to.
const Person = "jane.canary@example.com"

func draft(w *waxwing.Work) waxwing.Draft {
	return waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example", To: Person,
		Data: bytes.Repeat([]byte("Thank you, Jane.\r\n"), 100), MessageID: "<" + w.Token + "@acme.example>", Locale: "en"}
}

var lookup = waxwing.Lookup{Order: []string{"#1001"}, People: []string{Person}}

func (b *Bench) ready(id waxwing.ID) waxwing.ID {
	b.t.Helper()
	w, err := b.s.Work(b.t.Context(), id)
	b.must(err)
	ids, err := b.s.Ready(b.t.Context(), w, []waxwing.Draft{draft(w)}, lookup, 24*time.Hour)
	b.must(err)
	return ids[0]
}

func (b *Bench) queued() (waxwing.ID, waxwing.ID) {
	b.t.Helper()
	rc := b.accept(b.event("web", "1001", 0, `{"id":"1001"}`))
	return rc.ID, b.ready(rc.ID)
}

func (b *Bench) claim(id waxwing.ID) *waxwing.Claim {
	b.t.Helper()
	c, err := b.s.Claim(b.t.Context(), id)
	b.must(err)
	return c
}

func (b *Bench) state(id waxwing.ID) waxwing.State {
	b.t.Helper()
	v, err := b.s.Get(b.t.Context(), "acme", id)
	b.must(err)
	return v.State
}

func (b *Bench) wantIs(id waxwing.ID, want waxwing.State) *waxwing.ConfirmationView {
	b.t.Helper()
	v, err := b.s.Get(b.t.Context(), "acme", id)
	b.must(err)
	if v.State != want {
		b.t.Fatalf("state %q, want %q", v.State, want)
	}
	return v
}

func accepted() waxwing.Resolution {
	return waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted,
		Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok", Ref: "q1"}}
}

func (b *Bench) send(c *waxwing.Claim) {
	b.t.Helper()
	b.must(b.s.CommitDot(b.t.Context(), c, "mail"))
	r := accepted()
	b.must(b.s.Resolve(b.t.Context(), c, &r))
}

func marks(v *waxwing.ConfirmationView, cause string) (n int) {
	for _, e := range v.Trail {
		if e.Cause == cause {
			n++
		}
	}
	return n
}

func (b *Bench) export() string {
	var buf bytes.Buffer
	b.must(b.s.Export(b.t.Context(), &buf, nil))
	return buf.String()
}

func invented(n int) string { return fmt.Sprintf(`{"id":"%d"}`, n) }
