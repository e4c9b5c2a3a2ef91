package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/web/metrics"
)

// shard is one ledger of a daemon's, and the pipeline that works on what is in it.
type shard struct {
	name   string // the configuration's; "": that of its section ledger, or the folder's
	ledger Ledger
	upkeep *upkeep
	pipe   *pipeline.Pipeline
}

// shards are all of a daemon's: most have one. A tenant is in one of them.
type shards struct {
	all   []*shard       // by name
	meter *metrics.Meter // of what comes back; set before anything does
	by    atomic.Pointer[map[waxwing.TenantID]*shard]
}

// openShards opens the ledgers that a configuration names, each by open. Where it fails, those
// that are open are there, to be closed.
func openShards(c *config.Config, open func(s *config.Store, dir string, tenants []waxwing.TenantID, log *slog.Logger) (Ledger, error), log *slog.Logger) (*shards, error) {
	x := &shards{}
	for _, name := range LedgerNames(c) {
		s, dir, err := LedgerAt(c, name)
		if err != nil {
			return x, err
		}
		log := log
		if name != "" {
			log = log.With("ledger", name)
		}
		l, err := open(s, dir, tenantIDs(in(name, c.Tenants)), log)
		switch {
		case err != nil && name != "":
			return x, fmt.Errorf("ledgers.%s: %w", name, err)
		case err != nil:
			return x, err
		}
		x.all = append(x.all, &shard{name: name, ledger: l, upkeep: &upkeep{l, log}})
	}
	x.use(c.Tenants)
	return x, nil
}

// LedgerNames are the ledgers of a configuration: "" is the one of the section ledger, or of the folder.
func LedgerNames(c *config.Config) []string {
	names := sortedNames(c.Ledgers)
	if len(names) == 0 || c.Ledger != nil {
		names = append([]string{""}, names...)
	}
	return names
}

// LedgerAt is a ledger of a configuration: its store, which is nil where the folder is the ledger, and
// the folder of what a daemon keeps of its own beside it. "" is the one of the section ledger.
func LedgerAt(c *config.Config, name string) (s *config.Store, dir string, err error) {
	if name != "" {
		named, ok := c.Ledgers[name]
		if !ok {
			return nil, "", fmt.Errorf("the configuration has no ledger %q among its ledgers: %s", name, strings.Join(sortedNames(c.Ledgers), ", "))
		}
		return &named, filepath.Join(c.Data, "ledgers", name), nil
	}
	if c.Ledger == nil && len(c.Ledgers) > 0 {
		return nil, "", fmt.Errorf("the configuration has the ledgers %s: name one of them", strings.Join(sortedNames(c.Ledgers), ", "))
	}
	return c.Ledger, c.Data, nil
}

// in are the tenants of one ledger.
func in(name string, tenants map[string]config.Tenant) map[string]config.Tenant {
	out := make(map[string]config.Tenant, len(tenants))
	for id, t := range tenants {
		if t.Ledger == name {
			out[id] = t
		}
	}
	return out
}

// use has tenants found that these are.
func (x *shards) use(tenants map[string]config.Tenant) {
	by := make(map[waxwing.TenantID]*shard, len(tenants))
	for id, t := range tenants {
		if i := slices.IndexFunc(x.all, func(s *shard) bool { return s.name == t.Ledger }); i >= 0 {
			by[waxwing.TenantID(id)] = x.all[i]
		}
	}
	x.by.Store(&by)
}

// of is a tenant's. Of one that nobody knows it is the first, which has nothing of it.
func (x *shards) of(t waxwing.TenantID) *shard {
	if s := (*x.by.Load())[t]; s != nil {
		return s
	}
	return x.all[0]
}

// connect makes each ledger's pipeline of what all have in common.
func (x *shards) connect(c *config.Config, all *pipeline.Settings, parts pipeline.Parts) (err error) {
	for i, set := range x.settings(all) {
		s, own := x.all[i], *c
		own.Tenants = set.Tenants
		p := parts
		p.Config, p.Ledger, p.Own, p.Tag, p.Log = &own, s.ledger, set.Own, tagOf(s.ledger, s.name), s.upkeep.log
		if s.pipe, err = pipeline.New(p); err != nil {
			return err
		}
	}
	return nil
}

// settings are those of all pipelines, each with its tenants.
func (x *shards) settings(all *pipeline.Settings) []*pipeline.Settings {
	out := make([]*pipeline.Settings, len(x.all))
	for i, s := range x.all {
		set := &pipeline.Settings{Tenants: in(s.name, all.Tenants), Formats: all.Formats, Composer: all.Composer, Own: map[string][]pipeline.OwnProvider{}}
		for t, own := range all.Own {
			if _, here := set.Tenants[t]; here {
				set.Own[t] = own
			}
		}
		out[i] = set
	}
	return out
}

// Accept is web.Intake's.
func (x *shards) Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	return x.of(ev.Tenant).pipe.Accept(ctx, ev)
}

// Resend is web.Desk's.
func (x *shards) Resend(ctx context.Context, t waxwing.TenantID, id waxwing.ID, ask waxwing.Resend) (msg waxwing.ID, rendered bool, err error) {
	return x.of(t).pipe.Resend(ctx, t, id, ask)
}

// Wake is web.Desk's. Whose confirmation it is nobody says: the others have none of this id, and
// look for it in vain.
func (x *shards) Wake(id waxwing.ID) {
	for _, s := range x.all {
		s.pipe.Wake(id)
	}
}

// run runs all pipelines until ctx ends and each is drained. One that ends by itself ends all.
func (x *shards) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	errs := make([]error, len(x.all))
	var all sync.WaitGroup
	for i, s := range x.all {
		all.Go(func() {
			defer end()
			errs[i] = s.pipe.Run(ctx)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// running waits until all take orders.
func (x *shards) running() {
	for _, s := range x.all {
		<-s.pipe.Running()
	}
}

// serve makes the keys of tenants that are new.
func (x *shards) serve(ctx context.Context, tenants map[string]config.Tenant) error {
	for _, s := range x.all {
		if err := s.ledger.Serve(ctx, tenantIDs(in(s.name, tenants))); err != nil {
			return err
		}
	}
	return nil
}

// healthy is nil while a ledger can write: the tenants of the others are told to come again, and
// those of this one must not be kept waiting.
func (x *shards) healthy() error {
	var errs []error
	for _, s := range x.all {
		err := s.ledger.Healthy()
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// waiting is what waits in all ledgers together.
func (x *shards) waiting() (w metrics.Waiting, err error) {
	known := false
	for _, s := range x.all {
		d, err2 := s.ledger.Depth(context.Background())
		if err2 != nil { // the others' is told all the same
			err = err2
			continue
		}
		known = true
		w.Orders, w.Messages = w.Orders+d.Work, w.Messages+d.Messages
		w.Oldest, w.Erasing = earlier(w.Oldest, d.Oldest), earlier(w.Erasing, s.ledger.Scrub().Since)
	}
	if known {
		return w, nil
	}
	return w, err
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// members are the daemons of each ledger that several share.
func (x *shards) members() (out []waxwing.Member, err error) {
	for _, s := range x.all {
		l, ok := s.ledger.(shared)
		if !ok {
			continue
		}
		all, err2 := l.Members(context.Background())
		if err2 != nil { // the others' are told all the same
			err = err2
			continue
		}
		for i := range all {
			all[i].Ledger = s.name
		}
		out = append(out, all...)
	}
	if len(out) > 0 {
		return out, nil
	}
	return nil, err
}

// queues says how many orders wait in each queue between stages.
func (x *shards) queues() map[string]int {
	out := map[string]int{}
	for _, s := range x.all {
		for name, n := range s.pipe.Queues() {
			out[name] += n
		}
	}
	return out
}

// measured has shown what a daemon and a process that only sends tell alike.
func (x *shards) measured(m *metrics.Meter, dir string) {
	x.meter = m
	m.Health(metrics.Health{Version: Version(), Dir: dir, Ledgers: x.ledgers, Providers: x.providers})
}

// ledgers says how it stands with each ledger.
func (x *shards) ledgers() (out []metrics.Ledger) {
	for _, s := range x.all {
		l := metrics.Ledger{Name: s.name, Writes: s.ledger.Healthy() == nil}
		if a, ok := s.ledger.(interface{ AnchorFailures() int64 }); ok {
			l.AnchorFailures = a.AnchorFailures()
		}
		out = append(out, l)
	}
	return out
}

// Providers says how it stands with the providers of a daemon, as its metrics do.
func Providers(d *Daemon) []metrics.Provider { return d.shards.providers() }

// providers counts the providers of all pipelines.
func (x *shards) providers() (out []metrics.Provider) {
	n := map[metrics.Provider]int{}
	for _, s := range x.all {
		for ch, by := range s.pipe.Providers() {
			for name, in := range by {
				for _, state := range delivery.ProviderStates {
					n[metrics.Provider{Channel: string(ch), Name: name, State: string(state)}] += in[state]
				}
			}
		}
	}
	for p, some := range n {
		p.N = some
		out = append(out, p)
	}
	return out
}

// brokers says how it stands with each broker: it is connected where all pipelines are.
func (x *shards) brokers() map[string]metrics.Broker {
	out := map[string]metrics.Broker{}
	for _, s := range x.all {
		for name, b := range s.pipe.Brokers() {
			was, there := out[name]
			out[name] = metrics.Broker{Connected: b.Connected && (was.Connected || !there), Published: was.Published + b.Published, Received: was.Received + b.Received,
				Kept: was.Kept + b.Kept, Failed: was.Failed + b.Failed, Lost: was.Lost + b.Lost}
		}
	}
	return out
}

// fetches says how it stands with each shop that was asked for whole orders, as with a source of events.
func (x *shards) fetches() map[string]metrics.Source {
	out := map[string]metrics.Source{}
	for _, s := range x.all {
		for _, c := range s.pipe.Fetches() {
			as := metrics.Source{State: string(source.Reading), Events: map[string]int64{"answered": c.Answered}, Failures: c.Failed}
			if c.Trouble != "" {
				as.State, as.Detail = string(source.Failing), c.Line()
			}
			if !c.Last.IsZero() {
				as.Last = &c.Last
			}
			out["api of "+string(c.Tenant)+"/"+string(c.Shop)] = as
		}
	}
	return out
}

// close closes all ledgers.
func (x *shards) close() (errs []error) {
	for _, s := range x.all {
		errs = append(errs, s.ledger.Close())
	}
	return errs
}

// books are what all ledgers show and keep: each call is for the ledger of its tenant.
type books struct{ *shards }

var _ Books = books{}

// List is web.Books'.
func (x books) List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error) {
	return x.of(q.Tenant).ledger.List(ctx, q)
}

// Count is web.Books'.
func (x books) Count(ctx context.Context, q waxwing.Query) (map[waxwing.State]int64, error) {
	return x.of(q.Tenant).ledger.Count(ctx, q)
}

// Get is web.Books'.
func (x books) Get(ctx context.Context, t waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error) {
	return x.of(t).ledger.Get(ctx, t, id)
}

// Raw is web.Books'.
func (x books) Raw(ctx context.Context, t waxwing.TenantID, id waxwing.ID) (format, topic string, raw []byte, err error) {
	return x.of(t).ledger.Raw(ctx, t, id)
}

// Known is web.Books'.
func (x books) Known(ctx context.Context, t waxwing.TenantID, orders []waxwing.OrderRef) ([]*waxwing.ConfirmationView, error) {
	return x.of(t).ledger.Known(ctx, t, orders)
}

// Bytes is web.Books'.
func (x books) Bytes(ctx context.Context, t waxwing.TenantID, id waxwing.ID, n int) (*waxwing.Outgoing, error) {
	return x.of(t).ledger.Bytes(ctx, t, id, n)
}

// Stop is web.Books'.
func (x books) Stop(ctx context.Context, t waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	return x.of(t).ledger.Stop(ctx, t, id, act)
}

// Release is web.Books'.
func (x books) Release(ctx context.Context, t waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	return x.of(t).ledger.Release(ctx, t, id, act)
}

// Suppress is web.Books'.
func (x books) Suppress(ctx context.Context, t waxwing.TenantID, address string, act waxwing.Act) error {
	return x.of(t).ledger.Suppress(ctx, t, address, act)
}

// Deliveries is web.Books'.
func (x books) Deliveries(ctx context.Context, q waxwing.Query) (*waxwing.Deliveries, error) {
	return x.of(q.Tenant).ledger.Deliveries(ctx, q)
}

// SuppressAll is web.Books'.
func (x books) SuppressAll(ctx context.Context, t waxwing.TenantID, all []waxwing.Suppress) (int, error) {
	return x.of(t).ledger.SuppressAll(ctx, t, all)
}

// Lift is web.Books'.
func (x books) Lift(ctx context.Context, t waxwing.TenantID, o *waxwing.Suppress) (bool, error) {
	return x.of(t).ledger.Lift(ctx, t, o)
}

// Suppressed is web.Books'.
func (x books) Suppressed(ctx context.Context, q *waxwing.SuppressionQuery) ([]waxwing.Suppression, error) {
	return x.of(q.Tenant).ledger.Suppressed(ctx, q)
}

// SuppressionKey is web.Books'.
func (x books) SuppressionKey(t waxwing.TenantID) (string, error) {
	return x.of(t).ledger.SuppressionKey(t)
}

// Erase is web.Books'.
func (x books) Erase(ctx context.Context, t waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error) {
	return x.of(t).ledger.Erase(ctx, t, ask)
}

// Scrub is web.Books': it is done where it is in all ledgers.
func (x books) Scrub() waxwing.Scrub {
	out := x.all[0].ledger.Scrub()
	for _, s := range x.all[1:] {
		out = out.With(s.ledger.Scrub())
	}
	return out
}

// PluginVersions is web.Shelves' and plugins.Store's.
func (x books) PluginVersions(ctx context.Context, t waxwing.TenantID) ([]waxwing.PluginVersion, error) {
	return x.of(t).ledger.PluginVersions(ctx, t)
}

// PluginModule is web.Shelves' and plugins.Store's: the code of a hash is the same in each ledger.
func (x books) PluginModule(ctx context.Context, hash string) (code []byte, err error) {
	var errs []error
	for _, s := range x.all {
		if code, err = s.ledger.PluginModule(ctx, hash); err == nil {
			return code, nil
		} else if !errors.Is(err, waxwing.ErrNotFound) {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return nil, err
}

// PluginRuns is web.Shelves'.
func (x books) PluginRuns(ctx context.Context, t waxwing.TenantID, plugin string, before int64, limit int) ([]waxwing.Run, error) {
	return x.of(t).ledger.PluginRuns(ctx, t, plugin, before, limit)
}

// PluginRunsFull is web.Shelves'.
func (x books) PluginRunsFull(ctx context.Context, t waxwing.TenantID, plugin string, after int64, limit int) ([]waxwing.Run, error) {
	return x.of(t).ledger.PluginRunsFull(ctx, t, plugin, after, limit)
}

// PluginRun is web.Shelves'.
func (x books) PluginRun(ctx context.Context, t waxwing.TenantID, id int64) (*waxwing.Run, error) {
	return x.of(t).ledger.PluginRun(ctx, t, id)
}

// SavePlugins is plugins.Store's: the versions are of one tenant.
func (x books) SavePlugins(ctx context.Context, versions []waxwing.PluginVersion, module []byte) error {
	if len(versions) == 0 {
		return nil
	}
	return x.of(versions[0].Tenant).ledger.SavePlugins(ctx, versions, module)
}

// PluginTenants is plugins.Store's.
func (x books) PluginTenants(ctx context.Context) (out []waxwing.TenantID, err error) {
	for _, s := range x.all {
		some, err := s.ledger.PluginTenants(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// PluginNumber is plugins.Store's.
func (x books) PluginNumber(ctx context.Context, t waxwing.TenantID, plugin string) (int64, error) {
	return x.of(t).ledger.PluginNumber(ctx, t, plugin)
}

// Derive is the first ledger's, of this machine's own.
func (x books) Derive(purpose string) [32]byte { return x.all[0].ledger.Derive(purpose) }
