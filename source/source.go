// Package source is the seam for where events come from beside webhooks and the API: a
// shop's transaction log, a table that it fills, a broker. A source is a package below
// this one with its block of keys (see config.Component) and a line in the list of
// package daemon, which opens it, runs it and starts it again where it fails.
//
// A source keeps its own position. It moves on only when Accept has returned: until then
// nothing is on disk, and after a crash the event comes again, which the ledger absorbs.
package source

import (
	"context"

	"github.com/waxwinghq/waxwing"
)

// Source brings events.
type Source interface {
	// Run hands every event to accept, in the order in which they happened, until ctx ends,
	// and then returns nil. An error of its own ends it as well: it is run anew a little
	// later, and goes on where the last accepted event was. It is called by one goroutine.
	Run(ctx context.Context, accept Accept) error
}

// Accept makes an event durable: it returns nil when the event is on disk, and only then
// may the source forget it. The shop's format reads it. ErrNotFound says that the
// configuration has no such tenant or shop; any other error, ErrUnavailable with it, that
// the same event must come again. raw is not kept.
type Accept func(ctx context.Context, tenant waxwing.TenantID, shop waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error)
