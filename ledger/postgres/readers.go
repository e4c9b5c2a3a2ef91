package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// readers are the connections that only read. They are safe for concurrent use.
type readers struct {
	pool         *pgxpool.Pool
	short, lists chan struct{}
	gone         chan struct{}

	mu    sync.Mutex
	turns map[int64]chan struct{} // by tenant: held by what browses for it
}

func newReaders(p *pgxpool.Pool) *readers {
	return &readers{pool: p, short: make(chan struct{}, shortCount), lists: make(chan struct{}, listCount), gone: make(chan struct{}), turns: map[int64]chan struct{}{}}
}

var snapshot = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// View runs f over one state of the database.
func (p *readers) View(ctx context.Context, tenant int64, f func(store.Rows) error) error {
	return p.within(ctx, p.short, func(c *pgxpool.Conn) error { return p.atOneState(ctx, c, tenant, f) })
}

// Browse runs f over the database as it is at each of its calls.
func (p *readers) Browse(ctx context.Context, tenant int64, f func(store.Rows) error) error {
	return p.browse(ctx, tenant, func(c *pgxpool.Conn) error { return f(rows{c.Conn(), tenant}) })
}

// Survey is Browse over one state of the database.
func (p *readers) Survey(ctx context.Context, tenant int64, f func(store.Rows) error) error {
	return p.browse(ctx, tenant, func(c *pgxpool.Conn) error { return p.atOneState(ctx, c, tenant, f) })
}

// atOneState runs f within a transaction. Where the connection turns out to be lost as it
// begins, since the server was started anew, there is another try on a new one.
func (p *readers) atOneState(ctx context.Context, c *pgxpool.Conn, tenant int64, f func(store.Rows) error) error {
	tx, err := p.begin(ctx, c)
	if err != nil && (c.Conn().IsClosed() || leadsNowhere(err)) && ctx.Err() == nil {
		p.pool.Reset()
		c.Release() // there may be no other
		fresh, e := p.pool.Acquire(ctx)
		if e != nil {
			return unread(ctx, e)
		}
		defer fresh.Release()
		c = fresh
		tx, err = p.begin(ctx, c)
	}
	if err != nil {
		return unread(ctx, err)
	}
	defer func() { // it only read
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
		defer cancel()
		_ = tx.Rollback(ctx)
	}()
	return f(rows{c.Conn(), tenant})
}

// begin begins a transaction, and does not wait for ever for that.
func (p *readers) begin(ctx context.Context, c *pgxpool.Conn) (pgx.Tx, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return c.BeginTx(ctx, snapshot)
}

// browse lends f a connection when it is the tenant's turn.
func (p *readers) browse(ctx context.Context, tenant int64, f func(*pgxpool.Conn) error) error {
	p.mu.Lock()
	turn := p.turns[tenant]
	if turn == nil {
		turn = make(chan struct{}, 1)
		p.turns[tenant] = turn
	}
	p.mu.Unlock()
	return p.hold(ctx, turn, func() error { return p.within(ctx, p.lists, f) })
}

// within lends f a connection of one of two kinds.
func (p *readers) within(ctx context.Context, slots chan struct{}, f func(*pgxpool.Conn) error) error {
	return p.hold(ctx, slots, func() error {
		c, err := p.pool.Acquire(ctx)
		if err != nil {
			return unread(ctx, err)
		}
		defer c.Release()
		return f(c)
	})
}

func (p *readers) hold(ctx context.Context, slot chan struct{}, f func() error) error {
	select {
	case <-p.gone:
		return waxwing.ErrStopping
	default:
	}
	select {
	case slot <- struct{}{}:
	case <-p.gone:
		return waxwing.ErrStopping
	case <-ctx.Done():
		return store.NotBegun(ctx)
	}
	defer func() { <-slot }()
	return f()
}

// unread is an error of reading, which says nothing of what is there.
func unread(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
}
