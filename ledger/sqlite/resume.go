package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/layout"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/sqlite/sums"
)

// Migrate brings a ledger that nobody has open to this program's layout, and tells which it
// had. It is what Open does before anything else, and nothing more: no instance begins, and
// no entry is written. A ledger that is not the newest that there was is refused, as by Open.
func Migrate(o Options) (from int64, err error) {
	l := newLedger(o)
	defer l.release()
	wrap := func(err error) error { return fmt.Errorf("ledger %s: %w", o.Dir, err) }
	if _, err := os.Stat(l.path); err != nil {
		return 0, wrap(err)
	}
	if err := l.takeLock(); err != nil {
		return 0, wrap(err)
	}
	if err := l.loadKeys(); err != nil {
		return 0, wrap(err)
	}
	if _, err := l.past(); err != nil {
		return 0, wrap(err)
	}
	if l.w, err = db.Open(dsn(l.path, false)); err != nil {
		return 0, wrap(err)
	}
	if from, err = schema.Of(l.w); err == nil {
		err = schema.Migrate(l.w)
	}
	if err != nil {
		return from, wrap(err)
	}
	return from, nil
}

// Lacks gives the migrations that a file of a layout lacks.
func Lacks(at int64) ([]layout.Migration, error) { return schema.After(at) }

// Layout is the file's.
func (l *Ledger) Layout(ctx context.Context) (at int64, err error) {
	return at, l.db.read(ctx, func(c *db.Conn) error {
		at, err = schema.Of(c)
		return err
	})
}

// opening is a ledger that is being opened to be written, before its writer runs.
type opening struct{ *Ledger }

func (l opening) openWriter(ctx context.Context) error {
	lost, err := l.past()
	if err != nil {
		return err
	}
	if l.w, err = db.Open(dsn(l.path, false)); err != nil {
		return err
	}
	if n := l.o.CacheBytes; n > 0 {
		if _, err := l.w.Exec(fmt.Sprintf("PRAGMA cache_size=-%d", n>>10)); err != nil {
			return err
		}
	}
	if err := os.Chmod(l.path, 0o600); err != nil {
		return err
	}
	was, err := schema.Of(l.w)
	if err != nil {
		return err
	}
	if err := l.refuseMoved(l.w); err != nil {
		return err
	}
	if err := schema.Migrate(l.w); err != nil {
		return err
	}
	// The right master key before a line is written with it.
	if err := l.loadTenants(l.w); err != nil {
		return err
	}
	return l.goOn(ctx, was == 0, lost)
}

// goOn begins this instance's part of the ledger: behind the newest entry, with
// what a dead instance left behind taken over, and a loss, if a person accepts one, settled.
func (l opening) goOn(ctx context.Context, fresh bool, lost *LossError) error {
	var from ledger.Before
	err := l.atOnce(func() (err error) {
		if err = l.loadSums(); err == nil {
			from, err = before(l.w)
		}
		return err
	})
	if err != nil {
		return err
	}
	l.at = from.Last
	if lost != nil {
		// No chain has the number of one that is lost: their anchors would contradict.
		from.Instance = max(from.Instance, lost.last+1)
	}
	if err := l.guard.Open(); err != nil {
		return err
	}
	l.assemble(from)
	if err := l.Now(ctx, l.Begin, within(l.noteName)); err != nil {
		return err
	}
	first := l.Chain()
	resume := func(_ context.Context, t *dbTx) error { return l.resumeScrub(t, fresh) }
	tenants := func(ctx context.Context, g *ledger.Group) error { return ledger.MakeKeys(ctx, g, l.keys, l.o.Tenants) }
	if err := l.Now(ctx, l.sayResealed, tenants, within(resume)); err != nil {
		return err
	}
	var v [1]driver.Value
	if _, err := l.w.Row("SELECT v FROM meta WHERE k='"+metaKeyed+"'", v[:]); err != nil {
		return err
	}
	l.former = db.Int(v[0]) != 0
	if err := l.loadSuppressions(); err != nil {
		return err
	}
	// One process has the folder: whoever else holds a claim is dead.
	if err := l.Now(ctx, func(ctx context.Context, g *ledger.Group) (err error) {
		l.taken, err = l.TakeOver(ctx, g, func(int64) bool { return true })
		return err
	}); err != nil {
		return err
	}
	// What tells of a loss goes only when it is settled: a start that is killed before
	// finds it again.
	if err := l.settleLoss(ctx, lost); err != nil {
		return err
	}
	if lost != nil {
		if err := l.setAnchorsAside(); err != nil {
			return err
		}
	}
	// Each chain has an anchor of its first entry: two ledgers that went on from one
	// copy then have two anchors of one number, and they differ.
	if err := l.anchorOf(&first); err != nil {
		l.o.Log.Error("anchor not written", "err", err)
	}
	return l.openWitnesses()
}

// atOnce reads with the writer's lock held: one state of the file, whatever comes between.
func (l opening) atOnce(f func() error) error {
	if _, err := l.w.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	_, e := l.w.Exec("ROLLBACK") // it only read
	return errors.Join(err, e)
}

// before is what a further instance goes on from.
func before(c *db.Conn) (b ledger.Before, err error) {
	var v [4]driver.Value
	if _, err := c.Row("SELECT (SELECT coalesce(max(id),0) FROM confirmations), (SELECT coalesce(max(id),0) FROM plugin_runs), "+
		"(SELECT coalesce(max(id),0) FROM instances)", v[:]); err != nil {
		return b, err
	}
	b = ledger.Before{ID: waxwing.ID(db.Int(v[0])), Run: db.Int(v[1]), Instance: db.Int(v[2]) + 1, Rows: rowsSealed}
	b.Last, err = rows{c, nil}.Last(bg)
	return b, err
}

// rowsSealed says in the trail that this program sums the rows. A test takes it away, to
// write what an older one wrote.
var rowsSealed = "sealed"

// noteName says which ledger this is.
func (l opening) noteName(_ context.Context, t *dbTx) error { return setMeta(t, "ledger", l.name) }

// notePlace says which file this is; from then on it is no copy.
func (l opening) notePlace(_ context.Context, t *dbTx) error {
	return setMeta(t, "place", placeOf(l.path))
}

func setMeta(t *dbTx, k, v string) error {
	_, err := t.exec("INSERT INTO meta (k,v) VALUES (?,?) ON CONFLICT (k) DO UPDATE SET v=excluded.v", k, v)
	return err
}

// metaPage begins the rows of meta that are kept for others under names of theirs.
const metaPage = "page/"

// Page is what was kept under a name; nil: nothing was.
func (l *Ledger) Page(ctx context.Context, name string) (page []byte, err error) {
	err = l.do(ctx, func(_ context.Context, t *dbTx) error {
		v := make([]driver.Value, 1)
		found, err := t.c.Row("SELECT v FROM meta WHERE k=?", v, metaPage+name)
		if found {
			page = bytes.Clone(db.Blob(v[0]))
		}
		return err
	})
	return page, err
}

// SetPage keeps something under a name in place of what was there; with nil it is on disk.
func (l *Ledger) SetPage(ctx context.Context, name string, page []byte) error {
	return l.do(ctx, func(_ context.Context, t *dbTx) error { return setMeta(t, metaPage+name, string(page)) })
}

func (l opening) sayResealed(_ context.Context, g *ledger.Group) error {
	if l.resealed != "" {
		g.Entry(&machine.Entry{Cause: machine.CauseResealed, Detail: [][2]string{{"reason", l.resealed}}})
	}
	return nil
}

// loadSums reads the sums that go on, or counts them: once where an older program
// wrote the ledger, and where they do not fit the trail, which is then said in it.
func (l opening) loadSums() error {
	name, _, err := identity(l.w)
	if err != nil {
		return err
	}
	l.name = name
	if name != "" {
		if l.sums.Tables, err = l.sums.Stored(l.w); err == nil {
			return l.sums.Watch(l.w)
		}
		if !errors.Is(err, sums.ErrBroken) {
			return err
		}
		l.o.Log.Error("the seal over the ledger's rows is broken: run waxwing ledger verify", "err", err)
		l.resealed = "broken"
	} else {
		// New, or killed in its very first start, before anything was written: then there is
		// no trail either, and nothing was left unsealed.
		l.name = strings.ToLower(rand.Text())
		var v [1]driver.Value
		used, err := l.w.Row("SELECT 1 FROM trail LIMIT 1", v[:])
		if err != nil {
			return err
		}
		if used {
			l.o.Log.Info("sealing the rows of a ledger that an older program wrote: once, some seconds for a million orders")
			l.resealed = "upgraded"
		}
	}
	whole := func(_ string, err error) error { return err }
	if l.sums.Tables, err = l.sums.Count(l.w, whole); err != nil {
		return err
	}
	return l.sums.Watch(l.w)
}
