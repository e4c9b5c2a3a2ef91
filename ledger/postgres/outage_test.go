package postgres

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waxwinghq/waxwing/ledger/store"
)

// TestWhatAnErrorMeans: which errors undo a group, which have it run again, and after which
// the server must be looked for anew. Of a commit nothing is known that was not answered.
func TestWhatAnErrorMeans(t *testing.T) {
	said := func(severity, code string) error {
		return store.Fault{Err: fmt.Errorf("x: %w", &pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: severity, Code: code})}
	}
	for name, c := range map[string]struct {
		err                    error
		again, answered, leads bool
	}{
		"the key is taken":           {said("ERROR", "23505"), true, true, true},
		"serialization":              {said("ERROR", "40001"), true, true, true},
		"deadlock":                   {said("ERROR", "40P01"), true, true, true},
		"lock time-out":              {said("ERROR", "55P03"), true, true, true},
		"statement time-out":         {said("ERROR", "57014"), false, true, true},
		"disk full":                  {said("ERROR", "53100"), false, true, true},
		"a fault of ours":            {said("ERROR", "42601"), false, true, true},
		"administrator's command":    {said("FATAL", "57P01"), false, false, false},
		"another backend crashed":    {said("WARNING", "57P02"), false, false, false},
		"starting up":                {said("FATAL", "57P03"), false, false, false},
		"idle time-out":              {said("FATAL", "25P03"), false, false, false},
		"too many connections":       {said("FATAL", "53300"), false, false, false},
		"panic as it syncs a commit": {said("PANIC", "58030"), false, false, false},
		"connection failure":         {said("ERROR", "08006"), false, false, false},
		"read only after fail-over":  {said("ERROR", "25006"), false, true, false},
		"standby":                    {said("ERROR", "55000"), false, true, false},
		"broken pipe":                {store.Fault{Err: io.ErrUnexpectedEOF}, false, false, true},
		"no answer":                  {context.DeadlineExceeded, false, false, true},
	} {
		if a, b, l := again(c.err), answered(c.err), !leadsNowhere(c.err); a != c.again || b != c.answered || l != c.leads {
			t.Errorf("%s: again %v, answered %v, the connection is good %v; want %v, %v, %v", name, a, b, l, c.again, c.answered, c.leads)
		}
	}
}
