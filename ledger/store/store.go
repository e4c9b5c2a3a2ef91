package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Tx is one group commit under way. It is used from one goroutine, and not after the
// group's function has returned.
type Tx interface {
	// Load gives all rows that keys name, at once, as they are within the transaction. The
	// set is the caller's until the next Load; the caller keeps it as the rows stand.
	Load(ctx context.Context, keys *Keys) (*Set, error)
	// Apply writes changes, at once; the entries among them are the caller's to write, with
	// its batch. A row that is not in the set that was loaded last is new. lost are new
	// confirmations whose key is taken: somebody else made one meanwhile, and nothing of
	// these changes was written. Any error is the database's, after which the whole group
	// is undone.
	Apply(ctx context.Context, c *Changes) (lost []waxwing.ID, err error)
}

// Ahead is a Tx that is told once, before its first command, what the group's commands will
// load: where each load is a round trip, that is one for all of them. It is a hint, and
// commands load what they need as ever; a Tx that needs none is no Ahead.
type Ahead interface {
	// Ahead loads what keys name of the orders' rows, and gives nothing.
	Ahead(ctx context.Context, keys *Keys) error
}

// Store is one database that keeps a ledger.
type Store interface {
	Viewer
	// Group runs f in one transaction, which is on disk when Group returns nil. With an error
	// nothing of it has happened: ErrUnavailable with the cause, and with ErrStopping where
	// nothing will ever be written again. An error of f's undoes the group; ctx is f's, and
	// what has begun is not given up where it ends. It is safe for concurrent use.
	Group(ctx context.Context, f func(ctx context.Context, tx Tx) error) error
}

// Fault is an error of the database, after which the whole group is undone.
type Fault struct{ Err error }

// Error is the database's own, as the ledger's.
func (f Fault) Error() string { return "ledger: " + f.Err.Error() }

// Unwrap gives the database's error.
func (f Fault) Unwrap() error { return f.Err }

// ErrAgain says that a group was undone for what others did to its rows meanwhile, and that
// it may well be done when it is run again, whole.
var ErrAgain = errors.New("others were faster")

// NotBegun is the error of what was not done because its context had ended.
func NotBegun(ctx context.Context) error {
	return fmt.Errorf("ledger: not begun: %w: %w", waxwing.ErrUnavailable, context.Cause(ctx))
}

// AnyTenant is no tenant's number: it is for the daemon's own work, which is all tenants'.
// 0 is no tenant's, either, and nothing is theirs.
const AnyTenant int64 = -1

// Teller is a Tx that can tell other instances of work.
type Teller interface {
	// Tell has them look for it when the Tx is committed. Nothing may depend on that they hear it.
	Tell()
}

// Viewer reads a database.
type Viewer interface {
	// View runs f over one state of the database, which lasts until f returns: f is short,
	// and waits for nobody. tenant is the number of whom it is asked for, and AnyTenant where
	// the daemon asks for its own work: a database that can see to it shows others' rows to
	// nobody. The error is f's, ErrStopping after the store was closed, or
	// ErrUnavailable with the context's where ctx ends before a connection is free. It is
	// safe for concurrent use.
	View(ctx context.Context, tenant int64, f func(Rows) error) error
	// Browse is View for what may take long, as lists do: each call of f's sees the database
	// as it is then, so that nothing is kept from going on meanwhile. Each tenant has one at a
	// time, so that its own wait for it, and neither another tenant's nor the work under way.
	Browse(ctx context.Context, tenant int64, f func(Rows) error) error
	// Survey is Browse over one state of the database, for exact figures: what the database
	// writes meanwhile it cannot make room for until f returns.
	Survey(ctx context.Context, tenant int64, f func(Rows) error) error
}

// Rows reads one state of a database. It is f's of a View alone, which calls it from one
// goroutine. What it gives may be kept.
type Rows interface {
	// Load gives all rows that keys name, at once.
	Load(ctx context.Context, keys *Keys) (*Set, error)
	// Find gives some of the confirmations below q.Below that may be what q asks for, newest
	// first. None: there are no more.
	Find(ctx context.Context, q *Query) ([]waxwing.ID, error)
	// Count tells exactly how many confirmations of a tenant there are, of one shop or all,
	// from q.From on and below q.Below, whatever became of them.
	Count(ctx context.Context, q *Query) (int64, error)
	// Due gives up to d.Limit confirmations whose time has come, the longest due first. last
	// is when the last of them became due.
	Due(ctx context.Context, d *Due) (ids []waxwing.ID, last time.Time, err error)
	// Suppressions gives a tenant's suppressions, the newest first, and those of one moment by
	// their hash, the greatest first.
	Suppressions(ctx context.Context, q *SuppressionQuery) ([]Suppression, error)
	// Depth counts what waits as of now, up to MaxDepth of each.
	Depth(ctx context.Context, now time.Time) (Depth, error)
	// Runs gives runs of a tenant's plugins.
	Runs(ctx context.Context, q *RunQuery) ([]Run, error)
	// Last is the newest batch of the trail, without its entries. N is 0 where there is none.
	Last(ctx context.Context) (Batch, error)
	// Walk calls f with each batch of the trail above a number, in their order, until f
	// fails; ErrStop ends it without an error. A batch is valid until f returns.
	Walk(ctx context.Context, after int64, f func(*Batch) error) error
}

// Audit reads all there is of one state of a database, for whoever verifies it.
type Audit interface {
	Rows
	// All calls f with each row of a table, as a pointer to its struct, which is valid until
	// f returns. A database that an older program made has no rows of a table that it has not.
	// ErrDamaged: the table cannot be read whole.
	All(ctx context.Context, table Table, f func(row any) error) error
}

// Table is one of a ledger's, by the struct of its rows.
type Table int

// The tables that Audit reads.
const (
	Confirmations  Table = iota // Confirmation
	Messages                    // Message
	Claims                      // Claim
	Contents                    // Content
	Attempts                    // Attempt
	Suppressions                // Suppression
	PluginVersions              // PluginVersion
	PluginNumbers               // PluginNumber
	PluginModules               // PluginModule
)

// ErrDamaged says that the database is damaged: what it cannot read now it never can.
var ErrDamaged = errors.New("the database is damaged")

// ErrStop ends a walk before its end.
var ErrStop = errors.New("stop")

// Newest is an id above all others.
const Newest = waxwing.ID(math.MaxInt64)

// Query asks for a tenant's confirmations.
type Query struct {
	Tenant int64
	// State is a confirmation's, or one that a message of it is in; empty: all. What is
	// found may be in another one by now, or as a whole.
	State waxwing.State
	// Lookups: it has all of these.
	Lookups []Hash
	// Unread: no lookup says whom its events name, since an older program wrote it.
	Unread bool
	// Shop is the only one; empty: all. Find may give others' where it asks for a state or lookups.
	Shop waxwing.ShopID
	// Their ids: from From on, and below Below.
	From, Below waxwing.ID
}

// SuppressionQuery asks for up to Limit of a tenant's suppressions.
type SuppressionQuery struct {
	Tenant int64
	// First and Last are the hashes that they have at least and at most.
	First, Last Hash
	// Before is a row that they stand behind, by its At and Hash; nil: the newest are asked for.
	Before *Suppression
	Limit  int
}

// Due asks for confirmations in a state whose time has come from Since to At, in ms.
type Due struct {
	State     waxwing.State
	Since, At int64
	Limit     int
	// Share keeps instances out of each other's way; nil: all are asked for.
	Share *Share
}

// Depth is what waits in the ledger, for metrics.
type Depth struct {
	Work, Messages int64
	// Oldest is when the oldest due message was due; zero: none is.
	Oldest time.Time
}

// MaxDepth bounds the counting: a gauge need not walk a million rows.
const MaxDepth = 100_000

// RunQuery asks for runs of a tenant's plugins, of one alone where Plugin is given: the
// one with ID, or those above After, oldest first, or those below Before, newest first.
type RunQuery struct {
	Tenant        int64
	Plugin        string
	ID            int64
	After, Before int64
	Limit         int
	Bodies        bool // with what is sealed of them
}
