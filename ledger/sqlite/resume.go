package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

func (l *Ledger) openWriter(ctx context.Context) error {
	lost, err := l.past()
	if err != nil {
		return err
	}
	if l.w, err = openConn(dsn(l.path, false)); err != nil {
		return err
	}
	if n := l.o.CacheBytes; n > 0 {
		if _, err := l.w.exec(fmt.Sprintf("PRAGMA cache_size=-%d", n>>10)); err != nil {
			return err
		}
	}
	if err := os.Chmod(l.path, 0o600); err != nil {
		return err
	}
	was, err := layoutOf(l.w)
	if err != nil {
		return err
	}
	if err := migrate(l.w); err != nil {
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
func (l *Ledger) goOn(ctx context.Context, fresh bool, lost *LossError) error {
	if err := l.atOnce(l.resumeChain); err != nil {
		return err
	}
	if lost != nil {
		// No chain has the number of one that is lost: their anchors would contradict.
		l.instance = max(l.instance, lost.last+1)
	}
	l.chain = ledger.Chain{Instance: l.instance}
	l.before[0][1] = fmt.Sprint(l.instance)
	if err := l.guard.open(); err != nil {
		return err
	}
	if err := l.transact([]*op{{f: l.begin}}); err != nil {
		return err
	}
	first := l.chain
	resume := func(_ context.Context, t *tx) error { return l.resumeScrub(t, fresh) }
	if err := l.transact([]*op{{f: l.sayResealed}, {f: l.ensureTenants}, {f: resume}}); err != nil {
		return err
	}
	if err := l.loadSuppressions(); err != nil {
		return err
	}
	if err := l.transact([]*op{{f: l.takeOver}}); err != nil {
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
func (l *Ledger) atOnce(f func() error) error {
	if _, err := l.w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	_, e := l.w.exec("ROLLBACK") // it only read
	return errors.Join(err, e)
}

// resumeChain finds where this instance's chain begins: behind the newest entry
// of the last one.
func (l *Ledger) resumeChain() error {
	var v [4]driver.Value
	if _, err := l.w.row("SELECT coalesce(max(id),0) FROM confirmations", v[:1]); err != nil {
		return err
	}
	l.lastID = waxwing.ID(num(v[0]))
	if _, err := l.w.row("SELECT coalesce(max(id),0) FROM plugin_runs", v[:1]); err != nil {
		return err
	}
	l.lastRun = num(v[0])
	if _, err := l.w.row("SELECT coalesce(max(id),0) FROM instances", v[:1]); err != nil {
		return err
	}
	l.instance = num(v[0]) + 1
	if err := l.loadSums(); err != nil {
		return err
	}
	found, err := l.w.row("SELECT batch, instance, last, head FROM trail ORDER BY batch DESC LIMIT 1", v[:])
	if err != nil {
		return err
	}
	l.before = [][2]string{{"instance", fmt.Sprint(l.instance)}, {"rows", rowsSealed}}
	if found {
		l.batch = num(v[0])
		l.at = store.Batch{N: num(v[0]), Instance: num(v[1]), Last: num(v[2]), Head: bytes.Clone(blob(v[3]))}
		l.before = append(l.before, [2]string{"after", fmt.Sprint(num(v[1]))},
			[2]string{"entry", fmt.Sprint(num(v[2]))}, [2]string{"head", hex.EncodeToString(blob(v[3]))})
	}
	return nil
}

// rowsSealed says in the trail that this program sums the rows. A test takes it away, to
// write what an older one wrote.
var rowsSealed = "sealed"

// begin is the first entry of this instance's chain.
func (l *Ledger) begin(_ context.Context, t *tx) error {
	t.entry(&machine.Entry{Cause: machine.CauseChain, Detail: l.before})
	if err := t.setMeta("ledger", l.name); err != nil {
		return err
	}
	_, err := t.exec("INSERT INTO instances (id, started) VALUES (?,?)", l.instance, t.now.UnixMilli())
	return err
}

// notePlace says which file this is; from then on it is no copy.
func (l *Ledger) notePlace(_ context.Context, t *tx) error {
	return t.setMeta("place", placeOf(l.path))
}

func (t *tx) setMeta(k, v string) error {
	_, err := t.exec("INSERT INTO meta (k,v) VALUES (?,?) ON CONFLICT (k) DO UPDATE SET v=excluded.v", k, v)
	return err
}

func (l *Ledger) sayResealed(_ context.Context, t *tx) error {
	if l.resealed != "" {
		t.entry(&machine.Entry{Cause: machine.CauseResealed, Detail: [][2]string{{"reason", l.resealed}}})
	}
	return nil
}

// ensureTenants makes a key for each tenant that has none yet.
func (l *Ledger) ensureTenants(_ context.Context, t *tx) error {
	return l.addTenants(t, l.o.Tenants)
}

func (l *Ledger) addTenants(t *tx, names []waxwing.TenantID) error {
	for _, name := range names {
		_, err := t.exec("INSERT INTO tenants (name, key) VALUES (?,?) ON CONFLICT (name) DO NOTHING",
			string(name), l.keys.NewTenant(name))
		if err != nil {
			return err
		}
	}
	return nil
}

// Serve has a running ledger take what is of further tenants: it makes keys for those
// that have none yet, all in one step.
func (l *Ledger) Serve(ctx context.Context, names []waxwing.TenantID) error {
	var unknown []waxwing.TenantID
	for _, name := range names {
		if _, err := l.keys.Tenant(name); err != nil {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	if err := l.do(ctx, func(_ context.Context, t *tx) error { return l.addTenants(t, unknown) }); err != nil {
		return fmt.Errorf("keys for %d tenants: %w", len(unknown), err)
	}
	return l.db.read(ctx, l.loadTenants)
}
