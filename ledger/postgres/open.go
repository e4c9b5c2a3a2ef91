package postgres

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// Options say where the ledger is and how it treats doubt.
type Options struct {
	// DSN names the database.
	DSN waxwing.Secret
	// Options are what each store is told. Dir is where this instance keeps its anchors; Master
	// must be given, and is that of all instances.
	ledger.Options
	// ServerTime has the ledger go by the server's clock, where Clock is this machine's.
	ServerTime bool
	// ReadOnly opens for the command line: no instance begins, and nothing is written.
	ReadOnly bool
	// moving is the move that opens a ledger though it has its mark: see package move.
	moving string
	// alone has a test's instance be the only one: whoever else holds a claim is dead.
	alone bool
	// quiet has a test's instance beat only when it is told.
	quiet bool
}

// Ledger is one instance of a ledger on Postgres. Its methods are safe for concurrent use.
type Ledger struct {
	*ledger.Ledger
	*database
	o         *Options
	inherited inherited
	keyed
	contents *seal.Contents
	lookups  *view.Lookups
	hot      *seal.Cache
	anchors  anchors
	taken    int
	erased   atomic.Int64 // when the first erasure of this instance was, in ms
	closed   atomic.Bool
}

// Open begins an instance of the ledger in a database, beside those that run, and takes over
// what dead ones left behind. It makes the tables where there are none.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	if o.Clock == nil {
		o.Clock = waxwing.SystemClock
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HotBytes == 0 {
		o.HotBytes = 96 << 20
	}
	l := &Ledger{o: &o, contents: &seal.Contents{}, lookups: view.NewLookups(o.People, o.Address), hot: seal.NewCache(o.HotBytes),
		anchors: anchors{path: filepath.Join(o.Dir, ledger.AnchorsFile)}}
	if err := l.open(ctx); err != nil {
		l.release()
		return nil, fmt.Errorf("ledger on Postgres: %w", err)
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context) error {
	if err := l.makeKeys(); err != nil {
		return err
	}
	if !l.o.ReadOnly {
		if err := os.MkdirAll(l.o.Dir, 0o700); err != nil {
			return err
		}
	}
	if err := l.connect(ctx); err != nil {
		return err
	}
	if l.o.ReadOnly {
		return l.openToRead(ctx)
	}
	if err := suits(ctx, l.write); err != nil {
		return err
	}
	if err := l.o.migrate(ctx); err != nil {
		return err
	}
	if err := l.inherit(ctx); err != nil {
		return err
	}
	switch why, err := unguarded(ctx, l.write); {
	case err != nil:
		return err
	case why != "":
		l.o.Log.Warn("the database does not keep tenants apart by itself, and the program alone does", "why", why)
	}
	if err := l.learnAll(ctx); err != nil { // the right master key before a line is written with it
		return err
	}
	lost, last, err := (*ledger.LossError)(nil), int64(0), error(nil)
	if l.o.moving == "" {
		if lost, last, err = (past{l}).refuse(ctx); err != nil {
			return err
		}
	}
	if lost != nil {
		now := l.now()
		l.inherited.losses = append(l.inherited.losses, ledger.Loss{Since: l.o.AcceptLoss.Since, Until: now, Accepted: now})
	}
	before, err := l.reserve(ctx, last)
	if err != nil {
		return err
	}
	l.assemble(before)
	steps := []func(context.Context, *ledger.Group) error{l.Begin, func(ctx context.Context, g *ledger.Group) error {
		return ledger.MakeKeys(ctx, g, l.keys, l.o.Tenants)
	}}
	if l.o.alone {
		steps = append(steps, func(ctx context.Context, g *ledger.Group) (err error) {
			l.taken, err = l.TakeOver(ctx, g, func(int64) bool { return true })
			return err
		})
	}
	if err := l.Now(ctx, steps...); err != nil {
		return err
	}
	if err := l.learnAll(ctx); err != nil {
		return err
	}
	if lost != nil {
		if err := (past{l}).settle(ctx); err != nil {
			return err
		}
	}
	if err := l.AnchorNow(); err != nil {
		l.o.Log.Error("anchor not written", "err", err)
	}
	l.Run()
	if !l.o.alone && !l.o.Sends {
		l.number, l.reshare = fmt.Sprint(l.database.self), l.Reshare
		l.working.Go(l.listen)
	}
	if !l.o.alone && !l.o.quiet {
		return l.Beat(ctx) // what the dead hold goes on at once, and not a beat later
	}
	return nil
}

// makeKeys makes the keyring of the one key that all instances have.
func (l *Ledger) makeKeys() error {
	if l.o.Master == "" {
		return errors.New("keys.master is not set: all daemons of a ledger need the same key, so that none may make one of its own; " +
			"set it to 64 hex digits, for instance those of openssl rand -hex 32")
	}
	master, err := seal.ParseKey(l.o.Master)
	if err != nil {
		return err
	}
	seed := master.Derive("anchors")
	l.keys = seal.NewKeyring(master, ed25519.NewKeyFromSeed(seed[:]))
	return nil
}

func (l *Ledger) connect(ctx context.Context) error {
	d := &database{log: l.o.Log, serverTime: l.o.ServerTime}
	d.closing, d.end = context.WithCancel(context.WithoutCancel(ctx))
	d.listener = &listener{dsn: l.o.DSN.Reveal(), until: d.closing, log: d.log, told: make(chan struct{}, 1), tried: make(chan struct{})}
	pool := func(conns int32) (*pgxpool.Pool, error) {
		c, err := poolOf(l.o.DSN.Reveal(), conns)
		if err != nil {
			return nil, err
		}
		return pgxpool.NewWithConfig(d.closing, c)
	}
	var err error
	if l.o.Sends { // hundreds of them share a server: one connection does it all
		if d.write, err = pool(1); err != nil {
			return err
		}
		d.readers = newReaders(d.write)
		d.nameless.Store(true) // who reads by it would not know what to do about a name that is gone
		l.database = d
		return nil
	}
	if d.write, err = pool(writerCount); err != nil {
		return err
	}
	d.by = d.write
	read, err := pool(shortCount + listCount)
	if err != nil {
		d.write.Close()
		return err
	}
	d.readers = newReaders(read)
	l.database = d
	return nil
}

// learnAll makes all keys of tenants and dictionaries known.
func (l *Ledger) learnAll(ctx context.Context) error {
	return l.View(ctx, store.AnyTenant, func(r store.Rows) error {
		s, err := r.Load(ctx, &store.Keys{Tenants: true, Dictionaries: true})
		if err != nil {
			return err
		}
		for i := range s.Tenants {
			t := &s.Tenants[i]
			if _, err := l.keys.Tenant(t.Name); err == nil {
				continue
			}
			if err := l.keys.Add(t.No, t.Name, t.Key); err != nil {
				return err
			}
		}
		for i := range s.Dictionaries {
			l.contents.Add(s.Dictionaries[i].ID, s.Dictionaries[i].Body)
		}
		return nil
	})
}

// reserve gives this instance its number, which is above that of a chain that is lost (0: none is), and says what it goes on from. Of several that
// begin at once each has its own, and knows of those before it.
func (l *Ledger) reserve(ctx context.Context, lost int64) (b ledger.Before, err error) {
	c, err := l.write.Acquire(ctx)
	if err != nil {
		return b, unread(ctx, err)
	}
	defer c.Release()
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		// No group is under way meanwhile: each has its own instance's row locked.
		if _, err := tx.Exec(ctx, "LOCK TABLE instances IN EXCLUSIVE MODE"); err != nil {
			return err
		}
		all := rows{tx.Conn(), store.AnyTenant}
		if err := all.name(ctx); err != nil {
			return err
		}
		if err := l.refuseMoved(ctx, tx); err != nil {
			return err
		}
		var id, run int64
		if err := tx.QueryRow(ctx, "SELECT (SELECT coalesce(max(id), 0) FROM confirmations), (SELECT coalesce(max(id), 0) FROM plugin_runs)").Scan(&id, &run); err != nil {
			return err
		}
		if b.Instance, err = begins(ctx, tx, lost); err != nil {
			return err
		}
		b.ID, b.Run = waxwing.ID(id), run
		if !l.o.alone {
			if err := all.query(ctx, until(scanID, func(id *waxwing.ID) error {
				b.Beside = append(b.Beside, int64(*id))
				return nil
			}), "SELECT id FROM instances WHERE stopped = 0 ORDER BY id"); err != nil {
				return err
			}
		}
		// Those whose lease is long over give no ids any more, though nobody has buried them yet.
		living, err := all.ids(ctx, "SELECT id FROM instances WHERE stopped = 0 AND lease > $1", l.now().Add(-time.Minute).UnixMilli())
		if err != nil {
			return err
		}
		if len(living) >= store.Instances {
			return fmt.Errorf("%d instances run on it, or were killed in the last minute, and no more may", len(living))
		}
		b.Instance = apart(b.Instance, ints(living))
		if b.Last, err = all.Last(ctx); err != nil {
			return err
		}
		now := l.now()
		_, err = tx.Exec(ctx, "INSERT INTO instances ("+instanceColumns+", layout) VALUES ($1, 1, $2, 0, $3, $4, $5)", b.Instance, now.UnixMilli(), l.lease(now),
			l.o.Sends, schema.Layout)
		return err
	})
	return b, unread(ctx, err)
}

// apart is the first number from one on whose ids are no running instance's: see store.Instances.
// Where hundreds come and go, one may well run for a thousand of them.
func apart(number int64, running []int64) int64 {
	for slices.ContainsFunc(running, func(id int64) bool { return store.Bits(id) == store.Bits(number) }) {
		number++
	}
	return number
}

// now is this instance's time: the server's, so that all have the same.
func (l *Ledger) now() time.Time {
	return l.o.Clock().Add(time.Duration(l.offset.Load()) * time.Millisecond)
}

func (l *Ledger) lease(now time.Time) int64 {
	if l.o.alone {
		return 0
	}
	return now.Add(ledger.LeaseFor).UnixMilli()
}

// assemble makes the ledger over the database, for an instance that goes on from what is there.
func (l *Ledger) assemble(before ledger.Before) {
	l.self = before.Instance
	rule := waxwing.DoubtRule{Policy: l.o.Policy, After: l.o.After, Copies: l.o.Copies, Ask: l.o.Ask}
	p := ledger.WriterParts{Store: l.database, Clock: l.now, Log: l.o.Log, Rule: rule, Anchor: l.anchorOf, Before: before, Sends: l.o.Sends}
	if !l.o.alone {
		p.Lease = ledger.LeaseFor
		if !l.o.quiet {
			p.Beat = ledger.BeatEvery
		}
	}
	w := ledger.NewWriter(p)
	l.Ledger = ledger.New(ledger.Parts{Store: l.database, Keys: l.keys, Contents: l.contents, Lookups: l.lookups, Cache: l.hot, Writer: w,
		Clock: l.now, Log: l.o.Log, Rule: rule, Quota: l.o.Quota, MaybeSent: l.inherited.losses.MaybeSent, OrderKeys: l.inherited.orderKeys})
}

// Healthy says why the ledger cannot write; nil: it can.
func (l *Ledger) Healthy() error {
	if l.Stopped() {
		return waxwing.ErrStopping
	}
	if e := l.fault.Load(); e != nil {
		return fmt.Errorf("ledger: %w: %w", waxwing.ErrUnavailable, *e)
	}
	return nil
}

// Erase destroys what is kept of a person: see ledger.People.
func (l *Ledger) Erase(ctx context.Context, tid waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error) {
	e, err := l.Ledger.Erase(ctx, tid, ask)
	if err == nil && e.Erased > 0 {
		l.erased.CompareAndSwap(0, l.now().UnixMilli())
	}
	e.Scrub = l.Scrub()
	return e, err
}

// Scrub says what is left of erasures that this instance has done. When Postgres overwrites
// the rows that were, and its log, cannot be seen from here, so that they never end.
func (l *Ledger) Scrub() waxwing.Scrub {
	at := l.erased.Load()
	if at == 0 {
		return waxwing.Scrub{Done: true}
	}
	return waxwing.Scrub{Since: time.UnixMilli(at), Remaining: "The keys are destroyed; copies of them stay in the database's files until a VACUUM of its tables, " +
		"and in its write-ahead log, its archive and its backups until those are gone. The daemon cannot see when that is."}
}

// keyed is a ledger's keys.
type keyed struct{ keys *seal.Keyring }

// Sign signs with the key that signs anchors (Ed25519).
func (l *keyed) Sign(b []byte) []byte { return ed25519.Sign(l.keys.AnchorKey(), b) }

// Derive makes a key from the master key, the same at each start and for each instance.
func (l *keyed) Derive(label string) [32]byte { return l.keys.Derive(label) }

// PublicKey is the key that anchors are checked with, in hex.
func (l *keyed) PublicKey() string { return l.keys.PublicKey() }

// Tenants lists the tenants that the ledger has keys for.
func (l *keyed) Tenants() []waxwing.TenantID { return l.keys.Tenants() }

// TakenOver says how many messages of dead instances Open found, where it is alone. Beside
// others they are taken over as their leases end, and the log says so.
func (l *Ledger) TakenOver() int { return l.taken }

// Close commits what was submitted, writes an anchor, and says that this instance has ended.
// Operations after it return ErrStopping.
func (l *Ledger) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	// What is unreachable by then cannot be told that this instance has ended: its lease tells.
	ctx, cancel := context.WithTimeout(context.Background(), 2*sendTimeout)
	defer cancel()
	context.AfterFunc(ctx, l.end)
	var err error
	if !l.o.ReadOnly {
		err = l.End(ctx)
	}
	l.hot.Forget()
	l.release()
	return err
}

// release closes what was opened; it waits for reads that are under way.
func (l *Ledger) release() {
	if l.database == nil {
		return
	}
	l.end()
	l.working.Wait()
	close(l.gone)
	l.pool.Close()
	l.write.Close()
}
