package sqlite

import (
	"context"
	"database/sql/driver"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// TestContentsOfAGroup are there for whoever reads or deletes them within it, and after it
// whatever their order was; of a group that was undone there is none.
func TestContentsOfAGroup(t *testing.T) {
	l := openTest(t, t.TempDir(), nil, "resend")
	defer closeTest(t, l)
	put := func(tx *dbTx, ids ...waxwing.ID) error {
		c := store.Changes{}
		for _, id := range ids {
			c.Contents = append(c.Contents, store.Content{ID: id, Body: []byte(id.String()), Ingredients: []byte("of " + id.String())})
		}
		_, err := tx.Apply(t.Context(), &c)
		return err
	}
	all := func() (ids []waxwing.ID) {
		err := l.do(t.Context(), func(_ context.Context, tx *dbTx) error { // the scrubber is about to write, too
			return tx.c.Query("SELECT id, body, ingredients FROM contents ORDER BY id", func(v []driver.Value) error {
				id := waxwing.ID(db.Int(v[0]))
				if string(db.Blob(v[1])) != id.String() || string(db.Blob(v[2])) != "of "+id.String() {
					t.Errorf("%s has %q and %q", id, v[1], v[2])
				}
				ids = append(ids, id)
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	err := l.do(t.Context(), func(ctx context.Context, tx *dbTx) error {
		if err := put(tx, 64*9+1, 64*3+1); err != nil {
			return err
		}
		s, err := tx.Load(ctx, &store.Keys{Contents: []waxwing.ID{64*3 + 1}})
		if err != nil || len(s.Contents) != 1 {
			t.Error("what the group wrote is not read:", s.Contents, err)
		}
		if err := put(tx, 64*7+1, 64*5+1); err != nil {
			return err
		}
		_, err = tx.Apply(ctx, &store.Changes{Destroyed: []waxwing.ID{64 * 7}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := all(); len(got) != 3 || got[0] != 64*3+1 || got[1] != 64*5+1 || got[2] != 64*9+1 {
		t.Error(got)
	}
	if err := l.do(t.Context(), func(_ context.Context, tx *dbTx) error { return put(tx, 64*2+1, 64*9+1) }); err == nil {
		t.Error("a second content of one message is taken")
	}
	if got := all(); len(got) != 3 {
		t.Error("what was undone is there:", got)
	}
}
