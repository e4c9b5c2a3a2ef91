package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
)

func (m *mover) anchorsFile() string { return filepath.Join(m.o.Dir, ledger.AnchorsFile) }

// Begin makes the tables, with the mark and the anchors' key in their first transaction.
func (m *mover) Begin(ctx context.Context, k *move.Mark, s move.Secrets) error {
	if err := move.SameMaster(m.o.Master, s.Master); err != nil {
		return err
	}
	if st, err := os.Stat(m.anchorsFile()); err == nil && st.Size() > 0 {
		return fmt.Errorf("%s of another ledger is there: name another data folder", m.anchorsFile())
	}
	if err := os.MkdirAll(m.o.Dir, 0o700); err != nil {
		return err
	}
	if _, err := schema.Migrate(ctx, m.conf, m.o.Log, true); err != nil {
		return err
	}
	if _, err := m.Mark(ctx); err != nil {
		return err
	}
	return m.within(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "LOCK TABLE instances IN EXCLUSIVE MODE"); err != nil {
			return err
		}
		var used bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM instances) OR EXISTS (SELECT 1 FROM trail) OR EXISTS (SELECT 1 FROM tenants)").Scan(&used); err != nil {
			return err
		}
		if used {
			return errors.New("there is a ledger in it: name a new database")
		}
		if err := m.tell(ctx, tx, k); err != nil {
			return err
		}
		if err := put(ctx, tx, metaAnchor, anchorSealer(m.keys).Seal(nil, s.Anchor[:], metaAnchor)); err != nil {
			return err
		}
		return force(ctx, tx, "NO FORCE")
	})
}

func put(ctx context.Context, tx pgx.Tx, k string, v []byte) error {
	_, err := tx.Exec(ctx, "INSERT INTO meta (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v", k, v)
	return err
}

// force binds the tables' owner by their policies, or not: COPY writes no table whose policies bind
// the role that runs it. Until the move is done nobody else reads them.
func force(ctx context.Context, tx pgx.Tx, how string) error {
	for _, t := range guarded {
		if _, err := tx.Exec(ctx, "ALTER TABLE "+t+" "+how+" ROW LEVEL SECURITY"); err != nil {
			return err
		}
	}
	return nil
}

// Write writes rows and the mark.
func (m *mover) Write(ctx context.Context, t *move.Table, all []move.Row, k *move.Mark) error {
	columns := make([]string, 0, len(t.Columns)+1)
	for _, c := range t.Columns {
		columns = append(columns, c.Name)
	}
	// An instance that was killed is one of this program's from now on: by the table's default it were one of the
	// oldest, which a contraction keeps out.
	beside := move.Row{}
	if t.Name == "instances" {
		columns, beside = append(columns, "layout"), move.Row{schema.Layout}
	}
	return m.within(ctx, func(tx pgx.Tx) error {
		if err := m.tell(ctx, tx, k); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{t.Name}, columns, pgx.CopyFromSlice(len(all), func(i int) ([]any, error) {
			r := append(move.Row{}, all[i]...)
			for n, c := range t.Columns {
				if c.Kind == move.Bool {
					r[n] = r[n] != int64(0)
				}
			}
			return append(r, beside...), nil
		}))
		return err
	})
}

// Finish has numbers go on behind what is there, and writes what goes with the rows.
func (m *mover) Finish(ctx context.Context, b *move.Beside) error {
	if err := writeAnchors(m.anchorsFile(), b.Anchors); err != nil {
		return err
	}
	return m.within(ctx, func(tx pgx.Tx) error {
		for _, x := range []struct{ table, column string }{{"tenants", "no"}, {"plugin_versions", "saved"}} {
			if _, err := tx.Exec(ctx, fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%[1]s', '%[2]s'), coalesce(max(%[2]s), 1), max(%[2]s) IS NOT NULL) FROM %[1]s",
				x.table, x.column)); err != nil {
				return err
			}
		}
		for k, v := range map[string]int64{metaIndexed: b.Indexed, metaKeyed: b.Keyed} {
			if err := put(ctx, tx, k, strconv.AppendInt(nil, v, 10)); err != nil {
				return err
			}
		}
		for name, page := range b.Pages {
			if err := put(ctx, tx, metaPage+name, page); err != nil {
				return err
			}
		}
		if len(b.Losses) > 0 {
			if err := put(ctx, tx, metaLosses, b.Losses); err != nil {
				return err
			}
		}
		if err := force(ctx, tx, "FORCE"); err != nil {
			return err
		}
		var tables []string
		for _, t := range move.Tables {
			tables = append(tables, t.Name)
		}
		_, err := tx.Exec(ctx, "ANALYZE "+strings.Join(tables, ", ")) // plans go by how large they are
		return err
	})
}

// writeAnchors writes the file, durably, unless it is there.
func writeAnchors(path string, b []byte) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
