package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/web/metrics"
)

// sourceType is a component that makes sources of its settings.
type sourceType struct {
	config.Component
	open func(b config.Block, name string, log *slog.Logger) (source.Source, error)
}

// sourceOf lists a type whose settings S are opened as an O.
func sourceOf[S config.Block, O source.Source](c config.Component, open func(S, string, *slog.Logger) (O, error)) sourceType {
	return sourceType{c, func(b config.Block, name string, log *slog.Logger) (source.Source, error) {
		return open(b.(S), name, log)
	}}
}

// acceptFrom is how the pipeline takes an event of a source.
type acceptFrom func(context.Context, *waxwing.Event) (waxwing.Receipt, error)

// sources are those of a configuration, running.
type sources struct {
	open   map[string]*reading
	log    *slog.Logger
	cancel context.CancelFunc
	wg     sync.WaitGroup
	// books are what orders are held against; nil: they are not.
	books *source.Books
	shelf shelf // the ledger's; nil: it keeps none
}

// reading is one source, and what came of it since the start.
type reading struct {
	source.Source
	list  source.Lister // nil: its orders are not held against the ledger
	every time.Duration

	mu       sync.Mutex
	events   map[string]int64
	last     time.Time
	failures int64
	failed   string // why it rests just now; "": it does not
	started  bool
	held     map[source.ShopName]int // how many orders were missing when they were last held against the ledger
}

// openSources makes every source that the configuration names; none runs yet.
func openSources(c *config.Config, types []sourceType, log *slog.Logger) (*sources, error) {
	s := &sources{open: map[string]*reading{}, log: log, cancel: func() {}}
	for name, x := range c.Sources {
		i := slices.IndexFunc(types, func(t sourceType) bool { return t.Name == x.Type })
		if i < 0 {
			return nil, fmt.Errorf("source %s: there is no type %q", name, x.Type)
		}
		made, err := types[i].open(x.Settings, name, log)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", name, err)
		}
		r := &reading{Source: made, every: x.Reconcile.D()}
		if r.every > 0 {
			var ok bool
			if r.list, ok = x.Settings.(source.Lister); !ok {
				return nil, fmt.Errorf("source %s: a source of type %s cannot be asked for its orders: take reconcile out", name, x.Type)
			}
		}
		s.open[name] = r
	}
	return s, nil
}

// shelf is a ledger that keeps pages for others.
type shelf interface {
	// Page is what was kept under a name; nil: nothing was.
	Page(ctx context.Context, name string) ([]byte, error)
	// SetPage keeps something in place of what was there.
	SetPage(ctx context.Context, name string, page []byte) error
}

// book is a source's page in a ledger.
type book struct {
	shelf
	name string
}

// Read is source.Book's.
func (b book) Read(ctx context.Context) ([]byte, error) { return b.Page(ctx, b.name) }

// Write is source.Book's.
func (b book) Write(ctx context.Context, page []byte) error { return b.SetPage(ctx, b.name, page) }

// since is from when on orders are held against the ledger: what was completed before the first time is not ours, and to
// have it accepted could mail somebody twice.
func (s *sources) since(ctx context.Context, name string, now time.Time) (time.Time, error) {
	since := now.Add(-heldFor)
	if s.shelf == nil {
		return since, nil
	}
	b := book{s.shelf, "held/" + name}
	page, err := b.Read(ctx)
	if err != nil {
		return since, err
	}
	began, err := time.Parse(time.RFC3339, string(page))
	if err != nil {
		began = now
		if err := b.Write(ctx, []byte(now.UTC().Format(time.RFC3339))); err != nil {
			return since, err
		}
	}
	if began.After(since) {
		return began, nil
	}
	return since, nil
}

// keepIn gives those that remember something their page in a ledger.
func (s *sources) keepIn(l any) error {
	s.shelf, _ = l.(shelf)
	for name, x := range s.open {
		k, ok := x.Source.(source.Keeper)
		if !ok {
			continue
		}
		at, ok := l.(shelf)
		if !ok {
			return fmt.Errorf("source %s: the ledger cannot keep how far it has read", name)
		}
		k.Keep(book{at, "source/" + name})
	}
	return nil
}

// run starts them, when ready is closed. They end with ctx, or by stop.
func (s *sources) run(ctx context.Context, ready <-chan struct{}, accept acceptFrom) {
	ctx, s.cancel = context.WithCancel(ctx)
	if s.books != nil {
		s.reconcile(ctx, *s.books)
	}
	for name, x := range s.open {
		s.wg.Go(func() {
			select {
			case <-ready:
				s.keep(ctx, name, x, accept)
			case <-ctx.Done():
			}
		})
	}
}

// stop ends them and waits until each has returned. Nil: there are none.
func (s *sources) stop() {
	if s != nil {
		s.cancel()
		s.wg.Wait()
	}
}

// How long a source that failed is left alone; each time twice as long.
const (
	firstRest = time.Second
	longRest  = 30 * time.Second
)

// keep runs a source until ctx ends, and anew where it fails.
func (s *sources) keep(ctx context.Context, name string, x *reading, accept acceptFrom) {
	rest := firstRest
	for {
		var took atomic.Bool
		x.begin()
		err := x.Run(ctx, func(ctx context.Context, t waxwing.TenantID, shop waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error) {
			// The ledger's cache and the order's strings share what they get: the source's
			// own bytes are its own again.
			rc, err := accept(ctx, &waxwing.Event{Tenant: t, Shop: shop, Source: name, Topic: topic, Raw: bytes.Clone(raw)})
			if err == nil {
				took.Store(took.Load() || rc.New)
				x.count(rc)
			}
			return rc, err
		})
		if ctx.Err() != nil {
			return
		}
		if took.Load() {
			rest = firstRest
		}
		x.fail(err)
		s.log.Error("a source ended; it is started again", "source", name, "in", rest, "err", err)
		again := time.NewTimer(rest)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return
		}
		rest = min(2*rest, longRest)
	}
}

func (x *reading) begin() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.started = true
}

func (x *reading) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failures++
	if x.failed = "it ended without an error"; err != nil {
		x.failed = err.Error()
	}
}

// count notes what became of an event. The first that is accepted after a failure ends it.
func (x *reading) count(rc waxwing.Receipt) {
	became := "known"
	if rc.New {
		switch rc.State {
		case waxwing.Ignored, waxwing.Quarantined, waxwing.Held:
			became = string(rc.State)
		default:
			became = "new"
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.events == nil {
		x.events = map[string]int64{}
	}
	x.events[became]++
	x.last, x.failed = time.Now(), ""
}

// status is how a source is, by itself and by what came of it.
func (x *reading) status() metrics.Source {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := metrics.Source{State: string(source.Starting), Events: maps.Clone(x.events), Failures: x.failures}
	for shop, n := range x.held {
		out.Without = append(out.Without, metrics.Without{Tenant: string(shop.Tenant), Shop: string(shop.Shop), Orders: n})
	}
	if out.Events == nil {
		out.Events = map[string]int64{}
	}
	if x.started {
		out.State = string(source.Reading)
	}
	last := x.last
	own, ok := x.Source.(source.Reporter)
	if ok {
		st := own.Status()
		out.State, out.Detail, out.Position, out.Gaps = string(st.State), st.Detail, st.Position, st.Gaps
		if st.Lag >= 0 {
			lag := st.Lag.Seconds()
			out.Lag = &lag
		}
		if st.Behind >= 0 {
			out.Behind = &st.Behind
		}
		if !st.Heard.IsZero() {
			out.Heard = &st.Heard
		}
		if st.LastEvent.After(last) {
			last = st.LastEvent
		}
	}
	if x.failed != "" && (!ok || out.State == string(source.Starting)) {
		out.State, out.Detail = string(source.Failing), x.failed
	}
	if !last.IsZero() {
		out.Last = &last
	}
	return out
}

// statuses are how they are, by name.
func (s *sources) statuses() map[string]metrics.Source {
	out := make(map[string]metrics.Source, len(s.open))
	for name, x := range s.open {
		out[name] = x.status()
	}
	return out
}

const (
	// heldFor is how far back orders are held against the ledger, and grace how young those are that may be under way.
	heldFor = 24 * time.Hour
	grace   = 15 * time.Minute
	// firstHeld is how long after the start they are held against it first.
	firstHeld = 5 * time.Minute
)

// reconcile holds each source's orders against the ledger, as often as it says, until ctx ends.
func (s *sources) reconcile(ctx context.Context, b source.Books) {
	for name, x := range s.open {
		if x.list == nil {
			continue
		}
		s.wg.Go(func() {
			// Not at once: what came while the daemon was away is read first.
			t := time.NewTimer(min(x.every, firstHeld))
			defer t.Stop()
			for {
				select {
				case <-t.C:
				case <-ctx.Done():
					return
				}
				s.hold(ctx, name, x, b)
				t.Reset(x.every)
			}
		})
	}
}

func (s *sources) hold(ctx context.Context, name string, x *reading, b source.Books) {
	ctx, cancel := context.WithTimeout(ctx, max(x.every, time.Minute))
	defer cancel()
	now := time.Now()
	since, err := s.since(ctx, name, now)
	if err != nil {
		s.log.Warn("a source's orders could not be held against the ledger", "source", name, "err", err)
		return
	}
	a, err := source.Hold(ctx, source.Span{Lister: x.list, Name: name, Since: since, Until: now.Add(-grace)}, b)
	if err != nil {
		s.log.Warn("a source's orders could not be held against the ledger", "source", name, "err", err)
		return
	}
	x.mu.Lock()
	x.held = a.Without
	x.mu.Unlock()
	if a.Unread > 0 {
		s.log.Warn("a source lists events that name no order", "source", name, "events", a.Unread)
	}
	for t, orders := range a.Missing {
		for _, o := range orders {
			s.log.Error("an order has no confirmation", "source", name, "tenant", t, "shop", o.Shop, "order", o.ID,
				"remedy", "waxwing reconcile --source "+name+" --accept")
		}
	}
}
