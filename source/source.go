// Package source is the seam for where events come from beside webhooks and the API: a
// shop's transaction log, a table that it fills, a broker. A source is a package below
// this one with its block of keys (see config.Component) and a line in the list of
// package daemon, which opens it, runs it and starts it again where it fails.
//
// A source keeps its own position. It moves on only when Accept has returned: until then
// nothing is on disk, and after a crash the event comes again, which the ledger absorbs.
// Window does this for a source that has several events accepted at a time, and sourcetest
// holds a source to it.
//
// Run is all that a source must have. It may be more: a Reporter says how it is, a Keeper
// remembers something in the ledger, and its settings may be a Checker.
package source

import (
	"context"
	"io"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Source brings events.
type Source interface {
	// Run hands every event to accept, in the order in which they happened or several at a
	// time, until ctx ends, and then returns nil. An error of its own ends it as well: it is
	// run anew a little later, and goes on where the last accepted event was. It is called by
	// one goroutine.
	Run(ctx context.Context, accept Accept) error
}

// Accept makes an event durable: it returns nil when the event is on disk, and only then
// may the source forget it. The shop's format reads it. ErrNotFound says that the
// configuration has no such tenant or shop; any other error, ErrUnavailable with it, that
// the same event must come again. raw is not kept. It is safe for concurrent use.
type Accept func(ctx context.Context, tenant waxwing.TenantID, shop waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error)

// Reporter is a source that says how it is.
type Reporter interface {
	// Status is how it is now, from memory: it asks nobody. It is safe for concurrent use, also before Run.
	Status() Status
}

// State is what a source is doing.
type State string

// The states of a source.
const (
	// Starting: it has not reached what it reads from yet.
	Starting State = "starting"
	// Reading: it is connected.
	Reading State = "reading"
	// Standby: another daemon of the same ledger reads, and this one takes over when that one ends.
	Standby State = "standby"
	// Gap: something is missing between where it stood and where it can go on, and it is being looked
	// for, or a person must say what to do.
	Gap State = "gap"
	// Failing: it ended with an error and is started again in a moment.
	Failing State = "failing"
)

// Status is how a source is.
type Status struct {
	State State
	// Detail says why, and what to do, where State alone does not; it holds no personal data and no password.
	Detail string
	// Position is how far it is on disk here, in the words of what it reads from: an LSN, a GTID, an offset.
	Position string
	// Lag is how much older what was read last is than the newest that there is; negative: it is not known.
	Lag time.Duration
	// Behind is how many bytes, rows or messages are to be read yet; negative: it is not known.
	Behind int64
	// Heard is when the other side last said anything, and LastEvent when an event was last accepted. Zero: never.
	Heard, LastEvent time.Time
	// Gaps is how many gaps were found since the start.
	Gaps int64
}

// Keeper is a source that keeps something in the ledger, beside its position in what it reads
// from: so it can tell that this position was lost.
type Keeper interface {
	// Keep is called once, before Run.
	Keep(Book)
}

// Book is a page of the ledger that is a source's own: daemons that share a ledger share it.
type Book interface {
	// Read gives what was written last; nil where nothing was.
	Read(ctx context.Context) ([]byte, error)
	// Write replaces it; with nil it is on disk. It is meant for some writes a minute, of up to 4 KiB.
	Write(ctx context.Context, page []byte) error
}

// Checker are settings of a source that can look at what it reads from, before anything is
// read. name is the source's.
type Checker interface {
	// Examine looks, changes nothing, and gives what it found in the order in which it is to be
	// read. The error says that it could not look.
	Examine(ctx context.Context, name string) ([]Finding, error)
	// Setup does, or where dry only prints, what makes Examine content; it says each statement to w.
	Setup(ctx context.Context, name string, dry bool, w io.Writer) error
}

// Lister are settings of a source that can also be asked which orders were completed, apart from its log:
// for a gap in it, and for whoever holds the shop's orders against the ledger. name is the source's.
type Lister interface {
	// List calls each with the event of every order that was completed at since or later, as Run would bring it, and
	// perhaps of some before; each's error ends it. An event's bytes are each's own.
	List(ctx context.Context, name string, since time.Time, each func(Event) error) error
}

// Finding is one thing that was looked at.
type Finding struct {
	// OK: it is as it must be. Else Remedy says what to do: in words, or as a statement that ends with a semicolon.
	OK     bool
	What   string
	Remedy string
}
