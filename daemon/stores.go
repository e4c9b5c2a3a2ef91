package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/feedback/bounce"
	"github.com/waxwinghq/waxwing/feedback/inbound"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/plugins"
	"github.com/waxwinghq/waxwing/web"
)

// storeTypes are the databases that can keep a ledger beside the embedded one, which has
// no keys but data and witness: a configuration names one of these as its ledger.type.
var storeTypes = []storeType{
	storeOf(postgres.Component(), (*postgres.Settings).Open),
}

// Ledger is the record that a daemon keeps, in whichever store: what the pipeline, the
// pages and the plugins ask of it, and what the daemon itself does. It is safe for
// concurrent use.
type Ledger interface {
	pipeline.Ledger
	web.Books
	web.Shelves
	plugins.Store
	keeping
	teaching
	hearing

	// Instance is the number of this start of a daemon, from 1.
	Instance() int64
	// TakenOver is how many attempts of an instance that died Open took over.
	TakenOver() int
	// Close ends it; whatever is called later fails with ErrStopping.
	Close() error
}

// keeping is what becomes of a ledger with time.
type keeping interface {
	// Healthy is nil while the ledger can write.
	Healthy() error
	// Depth counts what waits.
	Depth(ctx context.Context) (store.Depth, error)
	// Alone runs f, unless another daemon of the ledger does something of this name; did says
	// whether it ran. It ends before f where the ledger cannot be asked.
	Alone(ctx context.Context, what string, f func() error) (did bool, err error)
	// Expire deletes some content that is older than an age; more says that there is more.
	Expire(ctx context.Context, age time.Duration) (more bool, err error)
	// PrunePluginRuns likewise deletes recorded runs of plugins.
	PrunePluginRuns(ctx context.Context, age time.Duration) (more bool, err error)
}

// shared is a ledger that several daemons may share.
type shared interface {
	// Members are those that do, by number.
	Members(ctx context.Context) ([]waxwing.Member, error)
}

// teaching is what a ledger learns of a configuration.
type teaching interface {
	// Serve makes the keys of tenants that are new.
	Serve(ctx context.Context, tenants []waxwing.TenantID) error
	// Teach keeps a dictionary of this name for the contents to come, made of passages that
	// their extents name and of a sample of what stands between them.
	Teach(ctx context.Context, name string, passages [][]byte, sample []byte) error
	// Derive makes a key for a purpose from the master key.
	Derive(purpose string) [32]byte
}

// hearing is what a ledger is told of messages after they were sent.
type hearing interface {
	// Annotate records what became known of a message, once of a kind; see ledger.Feedback.
	Annotate(ctx context.Context, a *ledger.Annotation) error
	// SuppressAs keeps an address from being written to, for a reason of any class.
	SuppressAs(ctx context.Context, tenant waxwing.TenantID, o *waxwing.Suppress) error
	// Softs tells how many mails to an address came back since then, each for a while.
	Softs(ctx context.Context, tenant waxwing.TenantID, address string, since time.Time) (int, error)
	// Checks says whether a token begins as that of a tenant's message does.
	Checks(tenant waxwing.TenantID, message waxwing.ID, token string) bool
}

// returns tells each tenant's ledger what came back.
type returns struct {
	*shards
	soft  *config.Soft // how often is often enough; nil: never
	clock waxwing.Clock
}

// newReturns has what comes back suppress as the configuration says.
func newReturns(d *Daemon, clock waxwing.Clock) returns {
	r := returns{shards: d.shards, soft: &config.Soft{Count: 5, Within: config.Duration(7 * 24 * time.Hour)}, clock: clock}
	if f := d.cfg.Feedback; f != nil {
		r.soft = &f.Soft
	}
	if !slices.Contains(suppressing(d.cfg.Feedback), "soft") {
		r.soft = nil
	}
	if r.clock == nil {
		r.clock = time.Now
	}
	return r
}

// bars suppresses whom a message went to where that is due by what is told of it.
func (x returns) bars(ctx context.Context, l Ledger, t *inbound.Told) error {
	class := waxwing.SuppressionClass(t.Class)
	why := t.Class + ": " + t.Reason
	soft := x.soft != nil && t.Kind == waxwing.Bounced && (t.Class == string(bounce.Soft) || t.Class == string(bounce.Full))
	if !t.Suppress && !soft {
		return nil
	}
	out, err := l.Bytes(ctx, t.Tenant, store.ConfirmationOf(t.Message), int(t.Message&(store.IDStep-1)))
	if err != nil {
		return err
	}
	if soft {
		n, err := l.Softs(ctx, t.Tenant, out.To, x.clock().Add(-x.soft.Within.D()))
		if err != nil || n < x.soft.Count {
			return err
		}
		class, why = waxwing.SuppressedSoft, fmt.Sprintf("soft: %d in %s, the last: %s", n, x.soft.Within, t.Reason)
	}
	return l.SuppressAs(ctx, t.Tenant, &waxwing.Suppress{Address: out.To, Class: class, Act: waxwing.Act{By: waxwing.ByFeedback, Reason: why}})
}

// Checks is inbound.Teller's.
func (x returns) Checks(t waxwing.TenantID, message waxwing.ID, token string) bool {
	return x.of(t).ledger.Checks(t, message, token)
}

// Tell is inbound.Teller's. An address is suppressed when what is told of it stands in the
// ledger, and then what is sent instead is queued; whoever ends between them is told again.
func (x returns) Tell(ctx context.Context, t *inbound.Told) error {
	l := x.of(t.Tenant).ledger
	a := &ledger.Annotation{Tenant: t.Tenant, Message: t.Message, Kind: t.Kind, Provider: cmp.Or(t.By, "return path"),
		Class: t.Class, Reason: t.Reason, Evidence: t.Evidence}
	err := l.Annotate(ctx, a)
	if err == nil && a.New && x.meter != nil {
		by := a.Provider
		if pipeline.IsOwn(by) {
			by = "own"
		}
		x.meter.FedBack(by, t.Kind, t.Class)
	}
	if err == nil {
		err = x.bars(ctx, l, t)
	}
	if err == nil && t.Kind == waxwing.Bounced && t.Class == string(bounce.Hard) {
		err = x.of(t.Tenant).pipe.Bounced(ctx, t.Tenant, store.ConfirmationOf(t.Message))
	}
	if errors.Is(err, waxwing.ErrNotFound) || errors.Is(err, waxwing.ErrState) {
		return nil // it is gone, or was never sent: nobody is to send this again
	}
	return err
}

// Offered is callback.Books'.
func (x returns) Offered(ctx context.Context, tenant waxwing.TenantID, message waxwing.ID) (to string, by []string, err error) {
	v, err := x.of(tenant).ledger.Get(ctx, tenant, store.ConfirmationOf(message))
	switch {
	case errors.Is(err, waxwing.ErrNotFound):
		return "", nil, err
	case err != nil:
		return "", nil, fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
	}
	for i := range v.Messages {
		m := &v.Messages[i]
		if m.ID != message {
			continue
		}
		for j := range m.Attempts {
			by = append(by, m.Attempts[j].Provider)
		}
		if m.State == waxwing.Dot { // the provider is faster than its own answer: it tells again
			return "", nil, waxwing.ErrUnavailable
		}
		return m.To, by, nil
	}
	return "", nil, waxwing.ErrNotFound
}

// suppressing are the classes that suppress, by default all.
func suppressing(f *config.Feedback) []string {
	if f == nil {
		return []string{"hard", "soft", "complaint"}
	}
	return f.Suppress
}

// takeReturns takes mails that come back, where the configuration says how; nil: it does not.
func takeReturns(d *Daemon, x Extras) (*inbound.Service, error) {
	if f := d.cfg.Feedback; f == nil || f.Listen == "" && f.Maildir == "" {
		return nil, nil
	}
	s, err := inbound.Open(d.cfg.Feedback, newReturns(d, x.Clock), func() (out []waxwing.TenantID) {
		d.reloads.Lock()
		defer d.reloads.Unlock()
		for t := range d.loaded.Tenants {
			out = append(out, waxwing.TenantID(t))
		}
		return out
	}, d.log)
	if err != nil {
		return nil, fmt.Errorf("feedback.listen: %w", err)
	}
	return s, nil
}

// storeType is a component that opens ledgers of its settings.
type storeType struct {
	config.Component
	open func(ctx context.Context, b config.Block, o ledger.Options) (Ledger, error)
}

// storeOf lists a type whose settings S open a ledger L. The options are those
// that each store is told.
func storeOf[S config.Block, L Ledger](c config.Component, open func(S, context.Context, ledger.Options) (L, error)) storeType {
	return storeType{c, func(ctx context.Context, b config.Block, o ledger.Options) (Ledger, error) {
		l, err := open(b.(S), ctx, o)
		if err != nil {
			return nil, err // and no Ledger that holds a nil
		}
		return l, nil
	}}
}

// Books are what a daemon's ledgers show and keep, each of its tenants.
type Books interface {
	web.Books
	web.Shelves
	plugins.Store
	// Derive makes a key for a purpose from the master key.
	Derive(purpose string) [32]byte
}

// openStore opens a ledger in the store that is given, or, where that is nil, in a folder.
func openStore(ctx context.Context, s *config.Store, types []storeType, o sqlite.Options) (Ledger, error) {
	if s == nil {
		l, err := sqlite.Open(ctx, o)
		if err != nil {
			return nil, err // and no Ledger that holds a nil
		}
		return l, nil
	}
	i := slices.IndexFunc(types, func(t storeType) bool { return t.Name == s.Type })
	if i < 0 {
		return nil, fmt.Errorf("ledger: there is no type %q", s.Type)
	}
	return types[i].open(ctx, s.Settings, o.Options)
}
