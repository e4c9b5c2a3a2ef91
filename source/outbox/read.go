package outbox

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing/pipeline/queue/sql"
	"github.com/waxwinghq/waxwing/source/broker"
)

const (
	// page is how many rows are asked for at a time.
	page = 2 * broker.Batch
	// mostCounted is up to where rows that wait are counted.
	mostCounted = 100_001
	// againFor is how long a long table is read on before its beginning is looked at again, where late commits lie.
	againFor = time.Second
	// firstPause is how soon it is looked again after rows came.
	firstPause = 20 * time.Millisecond
	// turnEvery is how often a daemon asks whether it is its turn to read.
	turnEvery = time.Second
	// pruneEvery is how often what was read and is gone is forgotten.
	pruneEvery = 10 * time.Minute
	dialFor    = 10 * time.Second
)

// reader reads the table, as long as it has the lock.
type reader struct {
	dialect
	db    *stdsql.DB
	conn  *stdsql.Conn // has the lock, and asks for rows: when it is gone, so is the lock
	poll  time.Duration
	pause time.Duration

	behind row       // where the next page begins
	began  time.Time // when the table's beginning was read
	pruned time.Time
	open   taken
}

// dial connects, and waits until no other daemon reads.
func (x *Source) dial(ctx context.Context) (broker.Reader[row], error) {
	db, err := sql.Connect(x.settings.URL)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(3)
	r := &reader{dialect: x.dialect, db: db, poll: x.settings.Poll.D()}
	if err := r.turn(ctx, x.Watch); err != nil {
		r.Close(ctx, nil)
		return nil, err
	}
	r.rewind()
	return r, nil
}

// turn waits for the lock.
func (r *reader) turn(ctx context.Context, w *broker.Watch) error {
	first, cancel := context.WithTimeout(ctx, dialFor)
	defer cancel()
	var err error
	if r.conn, err = r.db.Conn(first); err != nil {
		return err
	}
	version := 0
	if r.postgres {
		if err := r.conn.QueryRowContext(first, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
			return err
		}
	}
	for _, q := range r.session(version) {
		if _, err := r.conn.ExecContext(first, q); err != nil {
			return err
		}
	}
	if err := r.there(first); err != nil {
		return err
	}
	q, args := r.lock()
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		var got int
		within, cancel := context.WithTimeout(ctx, dialFor)
		err := r.conn.QueryRowContext(within, q, args...).Scan(&got)
		cancel()
		if err != nil || got == 1 {
			return err
		}
		w.Wait("another daemon reads the table " + r.table)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// there says whether the table is, and may be read.
func (r *reader) there(ctx context.Context) error {
	q, args := r.count()
	var n int64
	if err := r.conn.QueryRowContext(ctx, q, args...).Scan(&n); err != nil {
		return fmt.Errorf("the table %s cannot be read; waxwing source setup makes what is missing: %w", r.table, err)
	}
	return nil
}

// rewind has the table read from its beginning.
func (r *reader) rewind() { r.behind, r.began = row{tx: "0", offset: -1 << 62}, time.Now() }

// Next is broker.Reader's. Each question is a transaction of its own, which is over when it is answered.
func (r *reader) Next(ctx context.Context) ([]broker.Delivery[row], error) {
	if r.pause > 0 {
		t := time.NewTimer(r.pause)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, nil
		}
	}
	if time.Since(r.began) > againFor {
		r.rewind()
	}
	if r.keep && time.Since(r.pruned) > pruneEvery {
		q, args := r.prune()
		if _, err := r.conn.ExecContext(ctx, q, args...); err != nil {
			return nil, over(ctx, err)
		}
		r.pruned = time.Now()
	}
	out, n, err := r.ask(ctx)
	if err != nil {
		return nil, over(ctx, err)
	}
	if n < page { // the end: late commits lie before it
		r.rewind()
	}
	switch {
	case n == page:
		r.pause = 0
	case len(out) > 0:
		r.pause = firstPause
	default:
		r.pause = min(max(2*r.pause, firstPause), r.poll)
	}
	return out, nil
}

// over is an error, unless only ctx has ended.
func over(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// ask gives a page's rows that are not under way, and how many the page has.
func (r *reader) ask(ctx context.Context) (out []broker.Delivery[row], n int, err error) {
	q, args := r.choose(r.behind)
	r.open.asks()
	rows, err := r.conn.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var at row
		var body, metadata []byte
		if err := rows.Scan(&at.offset, &at.tx, &at.uuid, &body, &metadata); err != nil {
			return nil, n, err
		}
		n++
		r.behind = row{tx: at.tx, offset: at.offset}
		if r.open.take(at) {
			out = append(out, broker.Delivery[row]{At: at, Message: broker.Message{Body: body, Headers: headers(metadata),
				Where: fmt.Sprintf("watermill_%s, offset %d, uuid %s", r.topic, at.offset, at.uuid)}})
		}
	}
	return out, n, rows.Err()
}

// headers are a row's metadata: an object of text. Others are none.
func headers(metadata []byte) map[string]string {
	var m map[string]any
	if json.Unmarshal(metadata, &m) != nil {
		return nil
	}
	out := map[string]string{}
	for k, v := range m {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return broker.Lower(out)
}

// Settle is broker.Reader's.
func (r *reader) Settle(ctx context.Context, at []row) error {
	for list := at; len(list) > 0; {
		n := min(len(list), page)
		q, args := r.done(list[:n])
		if _, err := r.db.ExecContext(ctx, q, args...); err != nil {
			return fmt.Errorf("what was read cannot be taken off the table %s: %w", r.table, err)
		}
		r.open.drop(list[:n])
		list = list[n:]
	}
	return nil
}

// Keep is broker.Reader's. Nobody else is given rows while the connection lives.
func (*reader) Keep(context.Context, []row) error { return nil }

// Behind is broker.Reader's.
func (r *reader) Behind(ctx context.Context) (n int64, err error) {
	q, args := r.count()
	return n, r.db.QueryRowContext(ctx, q, args...).Scan(&n)
}

// Close is broker.Reader's. The lock ends with its connection.
func (r *reader) Close(context.Context, []row) {
	if r.conn != nil {
		_ = r.conn.Raw(func(any) error { return errGone }) // for the pool would give it to nobody, and not end it
		_ = r.conn.Close()
	}
	_ = r.db.Close()
}

var errGone = errors.New("the reader is gone")
