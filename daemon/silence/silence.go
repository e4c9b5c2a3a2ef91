// Package silence notices shops from which nothing comes at a time at which, by their own usual hours, something should: a
// webhook that was switched off, a key that was changed, a log that nobody reads. It goes by what the ledger has of the last four
// weeks, so that it needs no memory of its own and knows the usual hours from the first minute.
package silence

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Shop is one shop of one tenant.
type Shop struct {
	Tenant waxwing.TenantID
	Shop   waxwing.ShopID
}

// Silent is a shop that is silent.
type Silent struct {
	Shop
	// For is how long nothing came, at least, and Usual how many orders come in that time of the week, by the last weeks.
	For   time.Duration
	Usual float64
}

// Counter counts confirmations.
type Counter interface {
	// Count tells how many confirmations of the query's tenant and shop there are in its span of time, by outcome.
	Count(ctx context.Context, q waxwing.Query) (map[waxwing.State]int64, error)
}

const (
	week  = 7 * 24 * time.Hour
	weeks = 4
	// enough is how many orders must be usual before none is a sign: chance alone has none once in a thousand times.
	enough = 7
	every  = 15 * time.Minute
)

// spans are over how long nothing may have come, the shortest first: a busy shop is missed within the hour, one of some orders a
// day after a day or two.
var spans = []time.Duration{time.Hour, 3 * time.Hour, 12 * time.Hour, 24 * time.Hour, 72 * time.Hour}

// Watcher looks at shops. It is safe for concurrent use.
type Watcher struct {
	log   *slog.Logger
	now   waxwing.Clock
	count Counter

	mu     sync.Mutex
	silent map[Shop]Silent
	heard  map[Shop]time.Time
}

// New makes a watcher.
func New(c Counter, now waxwing.Clock, log *slog.Logger) *Watcher {
	if now == nil {
		now = waxwing.SystemClock
	}
	return &Watcher{log: log, now: now, count: c, silent: map[Shop]Silent{}, heard: map[Shop]time.Time{}}
}

// Heard notes that an event of a shop was accepted here: it need not be looked at for a while.
func (w *Watcher) Heard(s Shop) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard[s] = w.now()
	if _, was := w.silent[s]; was {
		delete(w.silent, s)
		w.log.Info("a shop is heard again", "tenant", s.Tenant, "shop", s.Shop)
	}
}

// Silent are those that were silent when they were last looked at.
func (w *Watcher) Silent() []Silent {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Silent, 0, len(w.silent))
	for _, s := range w.silent {
		out = append(out, s)
	}
	return out
}

// Run looks at all shops each quarter of an hour, until ctx ends; shops gives those that there are.
func (w *Watcher) Run(ctx context.Context, shops func() []Shop) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			w.round(ctx, shops())
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watcher) round(ctx context.Context, shops []Shop) {
	there := make(map[Shop]bool, len(shops))
	for _, s := range shops {
		there[s] = true
		if ctx.Err() != nil {
			return
		}
		if w.lately(s) {
			continue
		}
		found, silent, err := w.look(ctx, s)
		if err != nil {
			return // the ledger cannot be asked now; the next round does
		}
		w.set(s, found, silent)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.silent { // a reload took it away
		if !there[s] {
			delete(w.silent, s)
		}
	}
	for s := range w.heard {
		if !there[s] {
			delete(w.heard, s)
		}
	}
}

// lately says that a shop was heard here within the shortest span.
func (w *Watcher) lately(s Shop) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok := w.heard[s]
	return ok && w.now().Sub(at) < spans[0]
}

func (w *Watcher) set(s Shop, found Silent, silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, was := w.silent[s]
	switch {
	case silent && !was:
		w.log.Warn("nothing comes from a shop at a time at which orders are usual", "tenant", s.Tenant, "shop", s.Shop, "for", found.For, "usual", found.Usual,
			"remedy", "look at the shop's webhooks and at waxwing source status")
	case !silent && was:
		w.log.Info("a shop is heard again", "tenant", s.Tenant, "shop", s.Shop)
	}
	if silent {
		w.silent[s] = found
	} else {
		delete(w.silent, s)
	}
}

// look says whether a shop is silent: nothing came in a span in which, in the same hours of the last weeks, enough came.
func (w *Watcher) look(ctx context.Context, s Shop) (Silent, bool, error) {
	now := w.now()
	for _, span := range spans {
		n, err := w.between(ctx, s, now.Add(-span), now)
		if err != nil || n > 0 {
			return Silent{}, false, err
		}
		sum, known := int64(0), 0
		for i := range weeks {
			until := now.Add(-time.Duration(i+1) * week)
			n, err := w.between(ctx, s, until.Add(-span), until)
			if err != nil {
				return Silent{}, false, err
			}
			if n > 0 { // a week in which the shop did not sell yet, or was on holiday, says nothing
				sum += n
				known++
			}
		}
		if known > 0 && float64(sum)/float64(known) >= enough {
			return Silent{s, span, float64(sum) / float64(known)}, true, nil
		}
	}
	return Silent{}, false, nil
}

func (w *Watcher) between(ctx context.Context, s Shop, since, until time.Time) (n int64, err error) {
	all, err := w.count.Count(ctx, waxwing.Query{Tenant: s.Tenant, Shop: s.Shop, Since: since, Until: until})
	for _, k := range all {
		n += k
	}
	return n, err
}
