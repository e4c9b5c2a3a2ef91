package move

import (
	"context"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// Store is a ledger that can be moved, or that another is moved into. One goroutine uses it.
type Store interface {
	Reader
	Source
	Target
	// Name says which ledger it is, for people and in marks, without a password. Each has one.
	Name() string
	// Hold keeps daemons and other moves away until Close. The error says who has it.
	Hold(ctx context.Context) error
	// Mark is what stands in it; nil: nothing does, or there is no ledger.
	Mark(ctx context.Context) (*Mark, error)
	// Tell puts a mark in place of the one of the same move.
	Tell(ctx context.Context, m *Mark) error
	// Unmark takes the mark away: daemons may serve it.
	Unmark(ctx context.Context) error
	// Close lets go of it.
	Close()
}

// Reader reads what is in a ledger.
type Reader interface {
	// Parts are what it is read as, in the order of Tables.
	Parts() []Part
	// Count tells how many rows a part has, or about how many.
	Count(ctx context.Context, p Part) (int64, error)
	// Read calls f with each row of a part behind a key, in the order of keys; a key of nil is
	// before all. One key may have several rows, one after the other. The row is f's to keep.
	// An error of f's ends it, and is given back.
	Read(ctx context.Context, p Part, after []string, f func(key []string, r Row) error) error
	// Verify proves it, with anchors of the files named, or its own.
	Verify(ctx context.Context, anchors ...string) (*verify.Report, error)
}

// Source is where a ledger is.
type Source interface {
	// Secrets are its keys, which the target needs to be the same ledger.
	Secrets() (Secrets, error)
	// Shut takes over what dead instances hold, and writes the mark, with no instance living.
	// From then on nothing is written to it. It may be called again for the same move.
	Shut(ctx context.Context, m *Mark) error
	// End names its newest batch.
	End(ctx context.Context) (string, error)
	// Beside is what has to go with the rows. It is asked for when it is shut.
	Beside(ctx context.Context) (*Beside, error)
}

// Target is where it will be.
type Target interface {
	// Begin makes its tables, with the mark and the keys. The error says what is in the way
	// where it is not empty. It may be called again for the same move.
	Begin(ctx context.Context, m *Mark, s Secrets) error
	// Write writes rows and the mark, in one transaction.
	Write(ctx context.Context, t *Table, rows []Row, m *Mark) error
	// Finish does what is left when all rows are there. It may be called again.
	Finish(ctx context.Context, b *Beside) error
}

// Secrets are a ledger's keys.
type Secrets struct {
	Master waxwing.Secret
	Anchor [32]byte // the seed of the key that signs anchors
}

// Beside is what a ledger has beside its rows.
type Beside struct {
	// Anchors are the signed heads, one a line.
	Anchors []byte
	// Indexed and Keyed are the last confirmations of older programs, which knew fewer lookups,
	// and other keys of orders; 0: there are none.
	Indexed, Keyed int64
	// Losses are those that a person accepted, as JSON; empty: there are none.
	Losses []byte
	// Pages are what the ledger keeps for others, by name.
	Pages map[string][]byte
}
