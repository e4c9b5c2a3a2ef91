package sqlite

import (
	"fmt"

	"github.com/waxwinghq/waxwing"
)

// Healthy says why the ledger cannot write; nil: it can.
func (l *Ledger) Healthy() error {
	if e := l.broken.Load(); e != nil {
		return fmt.Errorf("ledger: the disk has failed: %w", *e)
	}
	if l.Stopped() {
		return waxwing.ErrStopping
	}
	if e := l.full.Load(); e {
		return fmt.Errorf("ledger: the disk is full: %w", waxwing.ErrUnavailable)
	}
	return nil
}
