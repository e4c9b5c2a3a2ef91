package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// database is a Postgres database as one instance has it.
type database struct {
	log   *slog.Logger
	write *pgxpool.Pool
	*readers
	closing context.Context // ends with Close
	end     context.CancelFunc

	mu     sync.Mutex // held by the group under way
	away   backOff    // of the group's
	losing bool       // the last group lost its connection
	self   int64      // this instance's number; 0: it has none yet
	marks  int64      // how many groups had a mark
	fault  atomic.Pointer[error]
	// offset is how far the server's clock is ahead of this machine's, by which the ledger
	// goes where serverTime is set.
	serverTime bool
	offset     atomic.Int64
	// trips and statements count what groups had the server do.
	trips, statements atomic.Int64
	nameless          atomic.Bool // statements have no names: see misnamed
	renamed           bool        // since the last group that was committed, as a migration had changed something
	mute              backOff     // until when nobody is told anything: see unheard
	*listener
}

var _ store.Store = (*database)(nil)

// errLost is the error of a group that is known to be undone, since its connection was lost.
var errLost = errors.New("the connection to the database was lost, and nothing of it was done")

// Group runs f in one transaction. Where the connection is lost in the middle of the commit
// it asks the server what became of it, for as long as that takes: nothing else may be
// written before that is known.
func (d *database) Group(ctx context.Context, f func(ctx context.Context, tx store.Tx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.group(context.WithoutCancel(ctx), f)
	if err == nil {
		d.fault.Store(nil)
		d.renamed = false
		return nil
	}
	if d.misnamed(err) {
		d.write.Reset()
		err = fmt.Errorf("%w: %w", store.ErrAgain, err)
	} else if d.unheard(err) {
		err = fmt.Errorf("%w: %w", store.ErrAgain, err)
	} else if again(err) || errors.Is(err, errLost) {
		err = fmt.Errorf("%w: %w", store.ErrAgain, err)
	}
	d.fault.Store(&err)
	if d.closing.Err() != nil {
		return fmt.Errorf("%w: %w: %w", waxwing.ErrUnavailable, waxwing.ErrStopping, err)
	}
	return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
}

func (d *database) group(ctx context.Context, f func(ctx context.Context, tx store.Tx) error) error {
	if time.Now().Before(d.away.until) {
		return errAway
	}
	c, err := d.write.Acquire(d.closing)
	if err != nil {
		d.away.failed(time.Now())
		return err
	}
	t := newTx(d, c.Conn())
	if err = d.name(ctx, c.Conn()); err == nil {
		err = f(ctx, t)
	}
	if err == nil {
		err = t.commit(ctx)
	}
	lost := err != nil && (c.Conn().IsClosed() || leadsNowhere(err))
	if lost {
		d.write.Reset() // the others lead to the same server
		d.pool.Reset()
	}
	if err != nil && t.begun && !t.committing && !lost {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		_, _ = c.Exec(ctx, "ROLLBACK") // where it cannot be told, the server does it by itself
		cancel()
	}
	c.Release()
	if err != nil && t.committing && !answered(err) {
		made, known := d.settle(ctx, &t.proof, err)
		switch {
		case made:
			return nil
		case known:
			return fmt.Errorf("%w: %w", errLost, err)
		}
		return err
	}
	return d.lose(lost, err)
}

// lose has a group run again whose connection was lost, unless the one before was, too:
// then the server is kept off for a while.
func (d *database) lose(lost bool, err error) error {
	switch {
	case !lost:
		d.away, d.losing = backOff{}, false
		return err
	case d.losing:
		d.away.failed(time.Now())
		return err
	}
	d.losing = true
	return fmt.Errorf("%w: %w", errLost, err)
}

// tx is one group under way: its statements wait in a batch until an answer is needed.
type tx struct {
	d          *database
	c          *pgx.Conn
	batch      *pgx.Batch
	began      time.Time
	begun      bool // the server has heard of it
	committing bool
	changed    bool
	tells      bool
	proof      proof
	rows       overlay
	loaded     *store.Set
}

func newTx(d *database, c *pgx.Conn) *tx {
	t := &tx{d: d, c: c, batch: &pgx.Batch{}, rows: newOverlay(), loaded: store.NewSet()}
	begin(t.batch, t.hear)
	return t
}

// begin queues a group's first statements. What they set is for this transaction alone: the next
// one of the connection may be somebody else's.
func begin(b *pgx.Batch, hear func(pgx.Rows) error) {
	b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	b.Queue(`SELECT pg_current_xact_id()::text, (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
		set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true), `+forAll+" || "+byIndex,
		millis(statementTimeout), millis(lockTimeout), millis(idleTimeout)).Query(hear)
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// hear reads what the server says as it begins.
func (t *tx) hear(r pgx.Rows) error {
	var at int64
	_, err := pgx.CollectExactlyOneRow(r, func(r pgx.CollectableRow) (x struct{}, err error) {
		return x, r.Scan(&t.proof.xid, &at, nil, nil, nil, nil)
	})
	if now := time.Now(); err == nil && now.Sub(t.began) < 2*noise*time.Millisecond { // what took longer tells less than the noise
		t.d.setClock(at - t.began.Add(now.Sub(t.began)/2).UnixMilli())
	}
	return err
}

// noise is how far apart, in ms, two clocks may be that are taken for one: what is due now
// must not be due later for how long an answer took.
const noise = 250

// setClock takes how far the server's clock is ahead of this machine's.
func (d *database) setClock(offset int64) {
	if old := d.offset.Load(); d.serverTime && max(offset-old, old-offset) > noise {
		d.offset.Store(offset)
		d.log.Info("the ledger goes by the database's clock", "ahead_ms", offset)
	}
}

// send has the server run what waits, in one round trip.
func (t *tx) send(ctx context.Context) error {
	b := t.batch
	t.batch, t.began = &pgx.Batch{}, time.Now()
	t.begun = true
	t.d.trips.Add(1)
	t.d.statements.Add(int64(b.Len()))
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := t.c.SendBatch(ctx, b).Close(); err != nil {
		return store.Fault{Err: err}
	}
	return nil
}

// commit writes what waits, and commits. A group that had the server do nothing is over.
func (t *tx) commit(ctx context.Context) error {
	if !t.begun && !t.rows.dirty() && t.batch.Len() == 2 {
		return nil
	}
	if !t.begun { // its number must be known before it can be lost
		if err := t.send(ctx); err != nil {
			return err
		}
	}
	t.flush()
	if t.changed && t.proof.batch == 0 && t.d.self != 0 {
		t.d.marks++
		t.proof.instance, t.proof.mark = t.d.self, t.d.marks
		t.batch.Queue("UPDATE instances SET mark = $1 WHERE id = $2", t.proof.mark, t.proof.instance)
	}
	if t.tells && t.changed && !time.Now().Before(t.d.mute.until) {
		t.tell()
	}
	t.batch.Queue("COMMIT")
	t.committing = true
	return t.send(ctx)
}
