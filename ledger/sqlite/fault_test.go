package sqlite

import (
	"context"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// TestAnUnreadableEventIsQuarantined: what can never be read does not go round for ever.
func TestAnUnreadableEventIsQuarantined(t *testing.T) {
	for name, q := range map[string]string{
		"its seal is broken": "UPDATE events SET body=zeroblob(80)",
		"it is gone":         "DELETE FROM events",
		"its key is broken":  "UPDATE confirmations SET dek=zeroblob(60)",
	} {
		l := openTest(t, t.TempDir(), nil, "resend")
		rc, err := l.Accept(t.Context(), event(1))
		if err != nil {
			t.Fatal(err)
		}
		l.hot.Drop(rc.ID)
		if err := l.do(t.Context(), func(ctx context.Context, t *dbTx) error { t.d.rows.forget(); _, err := t.exec(q); return err }); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Work(t.Context(), rc.ID); err == nil {
			t.Errorf("%s: read", name)
		}
		ids, _, err := l.DueWork(t.Context(), time.Time{}, 0, 10)
		if err != nil || len(ids) != 0 {
			t.Errorf("%s: still due: %v %v", name, ids, err)
		}
		if s := l.stateOf(t, rc.ID); s != "quarantined" {
			t.Errorf("%s: it is %s", name, s)
		}
		closeTest(t, l)
	}
}

func (l *Ledger) stateOf(t *testing.T, id waxwing.ID) (s string) {
	t.Helper()
	if err := l.db.View(t.Context(), store.AnyTenant, func(r store.Rows) error {
		set, err := r.Load(t.Context(), &store.Keys{Confirmations: []waxwing.ID{id}})
		if err == nil {
			s = string(set.Confirmations[id].State)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return s
}
