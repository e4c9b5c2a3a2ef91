package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/guard"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/sqlite/sums"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// Options say where the ledger is and how it treats doubt.
type Options struct {
	// Options are what each store is told. Without a Master one is kept in the folder.
	ledger.Options
	// CacheBytes bounds the pages that SQLite keeps for writing; 0: 8 MiB. More costs
	// processor time: each commit walks over them.
	CacheBytes int64
	// Fatal is called when the disk has failed in a way after which nothing
	// may be written: the program must end (docs/operations.md).
	Fatal func(error)
	// Witness is a second place for the witness file, outside the data folder and
	// what is restored with it; empty: there is none.
	Witness string
	// lease is this instance's, where a test opens another beside it; 0: the folder's lock
	// keeps all others away.
	lease time.Duration
	// olden has a test write keys as programs before layout 9 did.
	olden bool
	// ReadOnly opens for the command line: no lock, no instance, no recovery.
	ReadOnly bool
	// moving is the move that opens a ledger though it has its mark: see package move.
	moving string
}

func (o *Options) doubt() waxwing.DoubtRule {
	return waxwing.DoubtRule{Policy: o.Policy, After: o.After, Copies: o.Copies, Ask: o.Ask}
}

// Ledger is the embedded ledger. Its methods are safe for concurrent use.
type Ledger struct {
	*folder
	*database
	*ledger.Ledger
	o  Options
	db *readers

	resealed string        // why the rows had to be summed anew; empty: they had not
	losses   ledger.Losses // that a person accepted; fixed after Open
	former   bool          // orders of programs before layout 9 are here; fixed after Open
	contents *seal.Contents
	lookups  *view.Lookups
	hot      *seal.Cache
	taken    int // what Open took over from a dead instance
	closed   atomic.Bool
}

// Open opens or makes the ledger in a folder, takes its lock, and takes over
// what a dead instance left behind.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	l := newLedger(o)
	o = l.o
	if err := l.open(ctx); err != nil {
		l.release()
		return nil, fmt.Errorf("ledger %s: %w", o.Dir, err)
	}
	if !o.ReadOnly {
		// The first head at once: what came before this start is fixed by it, and
		// nobody has to wait a minute to see the trail proved.
		if err := l.AnchorNow(); err != nil {
			o.Log.Error("anchor not written", "err", err)
		}
		l.scrubs.ended = make(chan struct{})
		l.Run()
		go scrubbing{l}.scrub(context.WithoutCancel(ctx)) // until Close
	}
	return l, nil
}

// newLedger is one that is not open yet.
func newLedger(o Options) *Ledger {
	if o.Clock == nil {
		o.Clock = waxwing.SystemClock
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HotBytes == 0 {
		o.HotBytes = 96 << 20
	}
	d := &database{o: &o, rows: newRowCache(), segmentSize: segmentSize, instances: map[int64]store.Instance{}, loaded: store.NewSet(), suppressed: map[seal.Hash]struct{}{}, scrubs: newScrubber()}
	l := &Ledger{folder: &folder{o: &o, path: filepath.Join(o.Dir, LedgerFile)}, database: d, o: o, db: newReaders(), contents: &seal.Contents{},
		lookups: view.NewLookups(o.People, o.Address), hot: seal.NewCache(o.HotBytes)}
	l.guard.Path = l.path
	return l
}

// assemble makes the ledger over the file, for an instance that goes on from what is there.
func (l *Ledger) assemble(before ledger.Before) {
	s := file{l.database, l.db}
	w := ledger.NewWriter(ledger.WriterParts{Store: s, Clock: l.o.Clock, Log: l.o.Log, Rule: l.o.doubt(), Anchor: l.anchorOf, Lease: l.o.lease,
		Look: l.look, LookEvery: guard.Every, Before: before})
	l.Ledger = ledger.New(ledger.Parts{Store: s, Keys: l.keys, Contents: l.contents, Lookups: l.lookups, Cache: l.hot, Writer: w,
		Clock: l.o.Clock, Log: l.o.Log, Rule: l.o.doubt(), Quota: l.o.Quota, MaybeSent: func(ev *waxwing.Event) bool { return l.losses.MaybeSent(ev) }, OrderKeys: l.orderKeys})
}

// look is what an idle writer does: it looks whether the files are still there.
func (l *Ledger) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.guard.Look(); err != nil {
		l.judge(err)
	}
}

func (l *Ledger) open(ctx context.Context) error {
	if l.o.ReadOnly {
		if st, err := os.Stat(l.o.Dir); err == nil && !st.IsDir() {
			return errors.New("it is a file, and a ledger is a folder: unpack a backup's .tar into a new one, and put the keys beside it")
		}
		if _, err := os.Stat(l.path); err != nil {
			return fmt.Errorf("no ledger here: %w", err)
		}
	} else if err := l.takeLock(); err != nil {
		return err
	}
	l.guard.Lock = l.lock
	if err := l.loadKeys(); err != nil {
		return err
	}
	l.sums = sums.New(l.keys)
	if l.o.ReadOnly {
		l.assemble(ledger.Before{})
	} else if err := (opening{l}).openWriter(ctx); err != nil {
		return l.damaged(err)
	}
	if err := l.db.open(l.path); err != nil {
		return err
	}
	if err := l.loadDictionaries(ctx); err != nil {
		return err
	}
	if l.o.ReadOnly {
		if err := l.db.read(ctx, l.refuseMoved); err != nil {
			return err
		}
	}
	return l.db.read(ctx, l.loadTenants)
}

// Layout is the tables' version that this program makes: see package schema.
const Layout = schema.Layout

// bg is the context of what must be done to its end.
var bg = context.Background()

// busyWait is how long a connection waits for a lock of another program's.
const busyWait = 10 * time.Second

func dsn(path string, readOnly bool) string {
	q := url.Values{}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", busyWait.Milliseconds()))
	if readOnly {
		q.Set("mode", "ro")
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "synchronous(FULL)")
		q.Add("_pragma", "secure_delete(1)") // what it leaves, scrub.go overwrites
		q.Add("_pragma", "wal_autocheckpoint(0)")
		q.Add("_pragma", "cache_size(-8192)")
		q.Add("_pragma", "temp_store(MEMORY)")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func (l *Ledger) loadTenants(c *db.Conn) error {
	return c.Query("SELECT no, name, key FROM tenants", func(r []driver.Value) error {
		name := waxwing.TenantID(db.Text(r[1]))
		if _, err := l.keys.Tenant(name); err == nil {
			return nil
		}
		err := l.keys.Add(db.Int(r[0]), name, db.Blob(r[2]))
		if err == nil {
			return nil
		}
		if _, e := sums.New(l.keys).Stored(c); l.o.ReadOnly && e == nil {
			return nil // the key is the right one, and this row was changed: verify says so
		}
		return err
	})
}

func (l opening) loadSuppressions() error {
	return l.w.Query("SELECT hash FROM suppressions", func(r []driver.Value) error {
		if b := db.Blob(r[0]); len(b) == len(seal.Hash{}) {
			l.suppressed[seal.Hash(b)] = struct{}{}
		}
		return nil
	})
}

// TakenOver says how many messages of a dead instance Open found.
func (l *Ledger) TakenOver() int { return l.taken }

// Close commits what was submitted, writes an anchor and releases the folder.
// Operations after it return ErrStopping.
func (l *Ledger) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	var err error
	if !l.o.ReadOnly {
		err = l.End(bg)
		<-l.scrubs.ended
		if l.broken.Load() != nil {
			err = nil // it was told, and nothing can be written any more
		}
		_ = l.guard.During(func() error { l.noteWitnesses(); return nil }) // SQLite moves the log as it closes
	}
	close(l.db.gone)
	l.hot.Forget()
	l.release()
	return err
}

// release closes what was opened; it waits for reads that are under way.
func (l *Ledger) release() {
	l.db.close()
	if l.w != nil {
		_ = l.w.Close()
	}
	l.guard.Close()
	for _, w := range l.witness {
		_ = w.close() // synced with the last anchor
	}
	if l.lock != nil {
		_ = l.lock.Close()
	}
}

func (l *Ledger) loadDictionaries(ctx context.Context) error {
	return l.db.read(ctx, func(c *db.Conn) error {
		return c.Query("SELECT id, body FROM dictionaries", func(r []driver.Value) error {
			l.contents.Add(uint32(db.Int(r[0])), append([]byte(nil), db.Blob(r[1])...))
			return nil
		})
	})
}
