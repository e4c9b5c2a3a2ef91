package sqlite

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
)

// TestHistories: the database keeps what the machine says as memory does.
func TestHistories(t *testing.T) {
	l := openTest(t, t.TempDir(), time.Now, waxwing.ResendDoubt)
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	ledgertest.Histories(t, file{l.database, l.db}, 1<<40, 200)
}
