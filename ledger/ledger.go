package ledger

import (
	"log/slog"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// Ledger is the ledger over any store: what is read of it, and a type for each of those who
// change it. Its methods are safe for concurrent use.
type Ledger struct {
	*view.Reader
	*Writer
	*Intake
	*Orders
	*Claims
	*Leases
	*Feedback
	*People
	*Suppressions
	*view.Judge
	*Plugins
	*Upkeep
}

// Parts are what a Ledger is made of.
type Parts struct {
	Store    store.Store
	Keys     *seal.Keyring
	Contents *seal.Contents
	Lookups  *view.Lookups
	// Cache keeps what is needed next of confirmations under way.
	Cache  *seal.Cache
	Writer *Writer
	Clock  waxwing.Clock
	Log    *slog.Logger
	// Rule says what becomes of attempts whose answer was lost.
	Rule waxwing.DoubtRule
	// Quota bounds what is kept of each tenant's plugins and their runs.
	Quota waxwing.PluginQuota
	// MaybeSent says that a mail of an event's may have gone out in a time that the ledger
	// lost; nil: it lost none.
	MaybeSent func(ev *waxwing.Event) bool
	// OrderKeys gives the key of an event's order, and the one that it may be known by from
	// former programs; the two are the same where there is nothing of theirs. Nil:
	// seal.OrderKey, and nothing is.
	OrderKeys func(t *seal.Tenant, ev *waxwing.Event) (key, former store.Hash)
}

// New returns a ledger over a store.
func New(p Parts) *Ledger {
	s := &shared{Parts: p, tracer: view.NewTracer(p.Store, p.Keys, p.Contents, p.Lookups),
		reader: view.NewReader(view.ReaderParts{Rows: p.Store, Keys: p.Keys, Contents: p.Contents, Lookups: p.Lookups, Cache: p.Cache, Clock: p.Clock, Instance: among(p.Writer)})}
	plugins := &Plugins{p: s, runDays: map[int64]*runDay{}}
	p.Writer.undone = append(p.Writer.undone, func() { clear(plugins.runDays) })
	claims := &Claims{s}
	leases := &Leases{p: s, claims: claims}
	p.Writer.beat, p.Writer.prolong = leases.beat, leases.prolong
	return &Ledger{Reader: s.reader, Writer: p.Writer, Intake: &Intake{s}, Orders: &Orders{s, plugins}, Claims: claims, Leases: leases, Feedback: &Feedback{s},
		People: &People{s, plugins}, Suppressions: &Suppressions{s}, Judge: &view.Judge{Rows: p.Store, Keys: p.Keys}, Plugins: plugins, Upkeep: &Upkeep{s, plugins}}
}

// shared is what those who change the ledger have in common.
type shared struct {
	Parts
	reader *view.Reader
	tracer *view.Tracer
}

// drop forgets what is kept in memory of a confirmation, once the group is on disk.
func (s *shared) drop(g *Group, id waxwing.ID) { g.After(func() { s.Cache.Drop(id) }) }

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
