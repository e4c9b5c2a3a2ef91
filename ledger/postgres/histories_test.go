package postgres

import (
	"flag"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/ledger/ledgertest"
)

var histories = flag.Int("postgres.histories", 200, "random histories to keep; 10000 take some minutes")

// TestPostgresHistories: the database keeps what the machine says as memory does.
func TestPostgresHistories(t *testing.T) {
	l := beside(t, running(t).database(t), t.TempDir(), time.Now)
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	ledgertest.Histories(t, l.database, 1<<40, *histories)
}
