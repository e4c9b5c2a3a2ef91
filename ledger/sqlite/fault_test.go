package sqlite

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// queued is a ledger with one message that waits, and nothing of it in memory.
func queued(t *testing.T) (*Ledger, waxwing.ID) {
	t.Helper()
	l := openTest(t, t.TempDir(), nil, "resend")
	rc, err := l.Accept(t.Context(), event(1))
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.Work(t.Context(), rc.ID)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := l.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "a@b.example", To: "c@d.example",
		Data: []byte("mail"), MessageID: w.Token, Locale: "en"}}, waxwing.Lookup{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l.hot.Drop(rc.ID)
	return l, ids[0]
}

// TestOneFaultOfReadingIsNoVerdict: a claim whose content cannot be read for a moment goes
// back; only a broken seal or missing content ends it.
func TestOneFaultOfReadingIsNoVerdict(t *testing.T) {
	l, id := queued(t)
	defer closeTest(t, l)
	var m *claimed
	take := func() {
		t.Helper()
		if err := l.do(t.Context(), func(ctx context.Context, t *tx) (err error) {
			s, err := t.load(context.Background(), &store.Keys{Messages: []waxwing.ID{id}})
			if err != nil {
				return err
			}
			m, err = t.claim(context.Background(), s, id)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	state := func() (s waxwing.State, due bool) {
		t.Helper()
		v, err := l.Get(t.Context(), "acme", store.ConfirmationOf(id))
		if err != nil {
			t.Fatal(err)
		}
		return v.Messages[0].State, !v.Messages[0].NextAt.IsZero()
	}
	for _, e := range []error{errors.New("disk I/O error (266)"), errors.New("database is locked (5)"), errors.New("out of memory (7)"),
		waxwing.ErrUnavailable, fmt.Errorf("confirmation: its tenant's key is missing")} {
		take()
		if err := l.unfilled(t.Context(), m, 1, e); !errors.Is(err, e) {
			t.Fatal(err)
		}
		if s, due := state(); s != waxwing.Queued || !due {
			t.Fatalf("after %v it is %s, due: %t", e, s, due)
		}
		if err := l.do(t.Context(), func(ctx context.Context, t *tx) error {
			t.l.rows.forget() // the row is changed behind its back
			_, err := t.exec("UPDATE messages SET next_at=1 WHERE id=?", int64(id))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	take()
	if err := l.unfilled(t.Context(), m, 1, ledger.ErrSeal); !errors.Is(err, ledger.ErrSeal) {
		t.Fatal(err)
	}
	if s, _ := state(); s != waxwing.Failed {
		t.Fatalf("with a broken seal it is %s", s)
	}
}

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
		if err := l.do(t.Context(), func(ctx context.Context, t *tx) error { t.l.rows.forget(); _, err := t.exec(q); return err }); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Work(t.Context(), rc.ID); err == nil {
			t.Errorf("%s: read", name)
		}
		ids, _, err := l.DueWork(t.Context(), time.Time{}, 10)
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
	if err := l.db.View(t.Context(), func(r store.Rows) error {
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
