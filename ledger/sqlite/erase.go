package sqlite

import (
	"context"
	"time"

	"github.com/waxwinghq/waxwing"
)

// scrubWait is how long an erasure waits for its end before it is answered.
const scrubWait = 2 * time.Second

// Erase destroys what is kept of a person: see ledger.People. Copies in free places of the
// files go later, and for a moment it waits for that: see Scrub.
func (l *Ledger) Erase(ctx context.Context, tid waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error) {
	e, err := l.Ledger.Erase(ctx, tid, ask)
	if err == nil && e.Erased > 0 {
		n, _ := l.scrubs.wanted()
		l.scrubs.await(context.WithoutCancel(ctx), n, scrubWait)
	}
	e.Scrub = l.Scrub()
	return e, err
}
