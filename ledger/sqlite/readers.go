package sqlite

import (
	"context"
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

const (
	readerCount = 4
	listCount   = 2
)

// readers are the connections that only read. They are safe for concurrent use.
type readers struct {
	short chan *db.Conn
	lists chan *db.Conn // for what may take long: see browse
	gone  chan struct{}
	// opened and listed are how many there are of each.
	opened, listed int

	mu    sync.Mutex
	turns map[int64]chan struct{} // by tenant: held by what browses for it
}

func newReaders() *readers {
	return &readers{short: make(chan *db.Conn, readerCount), lists: make(chan *db.Conn, listCount), gone: make(chan struct{}), turns: map[int64]chan struct{}{}}
}

// open opens them for a file.
func (p *readers) open(path string) error {
	for i := range readerCount + listCount {
		r, err := db.Open(dsn(path, true))
		if err != nil {
			return err
		}
		if i < readerCount {
			p.short <- r
			p.opened++
		} else {
			p.lists <- r
			p.listed++
		}
	}
	return nil
}

// close closes them all; it waits for reads that are under way.
func (p *readers) close() {
	for range p.opened {
		_ = (<-p.short).Close()
	}
	for range p.listed {
		_ = (<-p.lists).Close()
	}
	p.opened, p.listed = 0, 0
}

// turn is the tenant's.
func (p *readers) turn(tenant int64) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.turns[tenant]
	if t == nil {
		t = make(chan struct{}, 1)
		p.turns[tenant] = t
	}
	return t
}

// lend lends f a connection of a pool.
func (p *readers) lend(ctx context.Context, pool chan *db.Conn, f func(*db.Conn) error) error {
	var c *db.Conn
	select {
	case c = <-pool:
	case <-p.gone:
		return waxwing.ErrStopping
	case <-ctx.Done():
		return store.NotBegun(ctx)
	}
	defer func() { pool <- c }()
	return f(c)
}

// read lends f a connection, for which it waits until ctx ends. After Close there are
// none: ErrStopping.
func (p *readers) read(ctx context.Context, f func(*db.Conn) error) error {
	return p.lend(ctx, p.short, f)
}

// browse lends f a connection for what may take long: lists, and looking for a person.
// A tenant has one at a time, so that its own wait for it, and neither another
// tenant's nor the work under way.
func (p *readers) browse(ctx context.Context, tenant int64, f func(*db.Conn) error) error {
	turn := p.turn(tenant)
	select {
	case turn <- struct{}{}:
	case <-p.gone:
		return waxwing.ErrStopping
	case <-ctx.Done():
		return store.NotBegun(ctx)
	}
	defer func() { <-turn }()
	return p.lend(ctx, p.lists, f)
}
