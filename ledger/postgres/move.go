package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// mover is a database's ledger as one that is moved: see package move.
type mover struct {
	o    Options
	conf *pgx.ConnConfig
	keys *seal.Keyring
	c    *pgx.Conn // nil: not open
	mark []byte    // as it was last read or written
}

var _ move.Store = (*mover)(nil)

// Mover gives the ledger in a database to be moved, or to be moved into. Its anchors are in o.Dir.
func Mover(o Options) (move.Store, error) {
	p, err := poolOf(o.DSN.Reveal(), 1)
	if err != nil {
		return nil, err
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	l := &Ledger{o: &o}
	if err := l.makeKeys(); err != nil {
		return nil, err
	}
	return &mover{o: o, conf: p.ConnConfig, keys: l.keys}, nil
}

// Name is the database's.
func (m *mover) Name() string {
	return fmt.Sprintf("the Postgres database %s at %s:%d", m.conf.Database, m.conf.Host, m.conf.Port)
}

// moving is the advisory lock of who moves a ledger: "waxm".
const moving = 0x7761786d

// connect connects, once.
func (m *mover) connect(ctx context.Context) error {
	if m.c != nil && !m.c.IsClosed() {
		return nil
	}
	c, err := pgx.ConnectConfig(ctx, m.conf)
	if err == nil {
		m.c = c
	}
	return err
}

// Hold keeps other moves away; daemons are looked for where it matters, by their leases.
func (m *mover) Hold(ctx context.Context) error {
	if err := m.connect(ctx); err != nil {
		return err
	}
	// A command that was killed is followed by its statement on the server, until that ends or the
	// server notices that nobody waits for it.
	_, _ = m.c.Exec(ctx, "SET client_connection_check_interval = '1s'") // not on each system
	if _, err := m.c.Exec(ctx, "SET lock_timeout = '"+millis(holdTimeout)+"'"); err != nil {
		return err
	}
	_, err := m.c.Exec(ctx, "SELECT pg_advisory_lock($1)", moving)
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) && e.Code == "55P03" {
		return errors.New("another waxwing ledger move is at work on this database: wait for it, or end it")
	}
	if err != nil {
		return err
	}
	// A newer program's tables may have columns that this one would leave behind.
	has, err := Layout(ctx, m.o.DSN)
	if err == nil && has.Layout > schema.Layout {
		err = fmt.Errorf("the ledger has layout %d and this program knows %d: move it with the newer program", has.Layout, schema.Layout)
	}
	return err
}

// holdTimeout is how long another move is waited for: the server may still be at work for one that was killed.
const holdTimeout = 30 * time.Second

// Close lets go of it.
func (m *mover) Close() {
	if m.c != nil {
		ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
		defer cancel()
		_ = m.c.Close(ctx) // all is committed
		m.c = nil
	}
}

// within runs f in a transaction that sees all tenants' rows, and takes what time it needs.
func (m *mover) within(ctx context.Context, f func(tx pgx.Tx) error) error {
	if err := m.connect(ctx); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, m.c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT "+forAll+", set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)"); err != nil {
			return err
		}
		return f(tx)
	})
}

// Mark is what stands in the database.
func (m *mover) Mark(ctx context.Context) (k *move.Mark, err error) {
	err = m.within(ctx, func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('meta') IS NOT NULL").Scan(&there); err != nil || !there {
			return err
		}
		meta, err := metaOf(ctx, tx)
		if err != nil {
			return err
		}
		m.mark = meta[move.MetaKey]
		k, err = move.Decode(m.mark)
		return err
	})
	return k, err
}

// Tell writes the mark.
func (m *mover) Tell(ctx context.Context, k *move.Mark) error {
	return m.within(ctx, func(tx pgx.Tx) error { return m.tell(ctx, tx, k) })
}

// tell writes the mark in place of the one that is known: whoever else moves finds another.
func (m *mover) tell(ctx context.Context, tx pgx.Tx, k *move.Mark) error {
	b := k.Encode()
	q, args := "UPDATE meta SET v = $2 WHERE k = $1 AND v = $3", []any{move.MetaKey, b, m.mark}
	if m.mark == nil {
		q, args = "INSERT INTO meta (k, v) VALUES ($1, $2) ON CONFLICT DO NOTHING", args[:2]
	}
	t, err := tx.Exec(ctx, q, args...)
	if err == nil && t.RowsAffected() != 1 {
		err = errors.New("another waxwing ledger move wrote its mark meanwhile: run this again")
	}
	if err == nil {
		m.mark = b // undone with the transaction, after which nobody goes on
	}
	return err
}

// Unmark takes the mark away, and what keeps others from writing.
func (m *mover) Unmark(ctx context.Context) error {
	return m.within(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DROP TRIGGER IF EXISTS moved ON trail")
		if err == nil {
			_, err = tx.Exec(ctx, "DROP FUNCTION IF EXISTS waxwing_moved()")
		}
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM meta WHERE k = $1", move.MetaKey)
		}
		m.mark = nil
		return err
	})
}

// Parts are the tables.
func (m *mover) Parts() []move.Part { return move.Parts() }

// Count tells how many rows a table has.
func (m *mover) Count(ctx context.Context, p move.Part) (n int64, err error) {
	err = m.within(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, "SELECT count(*) FROM "+p.Table).Scan(&n) })
	return n, err
}

// Read streams a table.
func (m *mover) Read(ctx context.Context, p move.Part, after []string, f func(key []string, r move.Row) error) error {
	t := move.TableOf(p.Table)
	columns, keys := make([]string, len(t.Columns)), make([]string, len(t.Key))
	for i, c := range t.Columns {
		if columns[i] = c.Name; c.Kind == move.Bool {
			columns[i] += "::int::bigint"
		}
	}
	q, args := "", []any(nil)
	for i, k := range t.Key {
		keys[i] = t.Columns[k].Name
	}
	if after != nil {
		var err error
		if args, err = t.KeyValues(after); err != nil {
			return err
		}
		places := make([]string, len(keys))
		for i := range keys {
			places[i] = "$" + strconv.Itoa(i+1)
		}
		q = " WHERE (" + strings.Join(keys, ", ") + ") > (" + strings.Join(places, ", ") + ")"
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return m.within(ctx, func(tx pgx.Tx) error {
		r, err := tx.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.Name+q+" ORDER BY "+strings.Join(keys, ", "), args...)
		if err != nil {
			return err
		}
		defer r.Close()
		for r.Next() {
			v, err := r.Values()
			if err != nil {
				return err
			}
			if err := f(t.KeyText(v), v); err != nil {
				cancel() // the server need not send the rest
				return err
			}
		}
		return r.Err()
	})
}

// Verify proves it as the command line does.
func (m *mover) Verify(ctx context.Context, anchors ...string) (*verify.Report, error) {
	o := m.o
	o.ReadOnly = true
	k, err := m.Mark(ctx)
	if err != nil {
		return nil, err
	}
	if k != nil {
		o.moving = k.ID
	}
	l, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }() // reads only
	if len(anchors) > 0 {
		anchors = append([]string{l.anchors.path}, anchors...)
	}
	return l.Verify(ctx, anchors...)
}

// Secrets are the instances' keys.
func (m *mover) Secrets() (s move.Secrets, err error) {
	ctx := context.Background()
	err = m.within(ctx, func(tx pgx.Tx) error {
		meta, err := metaOf(ctx, tx)
		if err != nil {
			return fmt.Errorf("there is no ledger in it, or an older program's: run waxwing ledger migrate: %w", err)
		}
		keys := m.keys
		if b := meta[metaAnchor]; len(b) > 0 {
			if keys, err = anchoredBy(m.keys, m.o.Master, b); err != nil {
				return err
			}
		}
		copy(s.Anchor[:], keys.AnchorKey().Seed())
		return nil
	})
	s.Master = m.o.Master
	return s, err
}

// alive says which instances live, within a transaction that lets none begin.
func alive(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "LOCK TABLE instances IN EXCLUSIVE MODE"); err != nil {
		return err
	}
	var ids []int64
	var until, now int64
	err := tx.QueryRow(ctx, `SELECT coalesce(array_agg(id ORDER BY id), '{}'), coalesce(max(lease), 0), (extract(epoch FROM clock_timestamp()) * 1000)::bigint
		FROM instances WHERE stopped = 0 AND lease > (extract(epoch FROM clock_timestamp()) * 1000)::bigint`).Scan(&ids, &until, &now)
	if err == nil && len(ids) > 0 {
		err = fmt.Errorf("daemons are running on it (instances %v): stop all of them. One that was killed counts for %d s more",
			ids, (until-now)/1000+1)
	}
	return err
}

// shutTrail has the server itself refuse each entry of the trail: a daemon that was stopped in
// its tracks, and goes on later, or one of an older program, can pass no commit point.
const shutTrail = `CREATE OR REPLACE FUNCTION waxwing_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'this ledger was moved to another store, and is not served here any more: see waxwing ledger move'; END $$;
DROP TRIGGER IF EXISTS moved ON trail;
CREATE TRIGGER moved BEFORE INSERT ON trail FOR EACH STATEMENT EXECUTE FUNCTION waxwing_moved()`

// Shut marks it, takes over what dead instances held as the only instance, and lets nobody write any more.
func (m *mover) Shut(ctx context.Context, k *move.Mark) error {
	if _, err := Migrate(ctx, m.o.DSN, m.o.Log); err != nil {
		return err
	}
	if _, err := m.Mark(ctx); err != nil { // it is known when this is done again
		return err
	}
	if err := m.within(ctx, func(tx pgx.Tx) error {
		if err := alive(ctx, tx); err != nil {
			return err
		}
		// Of a time before, that did not come to its end.
		if _, err := tx.Exec(ctx, "DROP TRIGGER IF EXISTS moved ON trail"); err != nil {
			return err
		}
		return m.tell(ctx, tx, k)
	}); err != nil {
		return err
	}
	o := m.o
	o.alone, o.moving = true, k.ID
	l, err := Open(ctx, o)
	if err != nil {
		return err
	}
	if err := l.Close(); err != nil {
		return err
	}
	return m.within(ctx, func(tx pgx.Tx) error {
		if err := alive(ctx, tx); err != nil {
			return err
		}
		var held int64
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM claims").Scan(&held); err != nil {
			return err
		}
		if held > 0 {
			return fmt.Errorf("a daemon that was stopped in its tracks went on, and holds %d messages: end it, and run this again", held)
		}
		// Who has not ended is dead, and if it awakes it shall know: its epoch is another one.
		_, err := tx.Exec(ctx, "UPDATE instances SET epoch = epoch + 1, stopped = greatest(started, lease) WHERE stopped = 0")
		if err == nil {
			_, err = tx.Conn().PgConn().Exec(ctx, shutTrail).ReadAll()
		}
		return err
	})
}

// End is the newest batch and its head.
func (m *mover) End(ctx context.Context) (end string, err error) {
	err = m.within(ctx, func(tx pgx.Tx) error {
		b, err := rows{tx.Conn(), store.AnyTenant}.Last(ctx)
		end = fmt.Sprintf("%d %x", b.N, b.Head)
		return err
	})
	return end, err
}

// Beside reads what goes with the rows.
func (m *mover) Beside(ctx context.Context) (b *move.Beside, err error) {
	b = &move.Beside{}
	if b.Anchors, err = os.ReadFile(m.anchorsFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return b, m.within(ctx, func(tx pgx.Tx) error {
		meta, err := metaOf(ctx, tx)
		b.Indexed, _ = strconv.ParseInt(string(meta[metaIndexed]), 10, 64) // none is 0
		b.Keyed, _ = strconv.ParseInt(string(meta[metaKeyed]), 10, 64)
		b.Losses, b.Pages = meta[metaLosses], pagesOf(meta)
		return err
	})
}
