package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

const (
	// pageEvery is how often the ledger's page is written while the place moves.
	pageEvery = time.Second
	// quiet is how often places without orders are noted.
	quiet = time.Second
	// finishFor is how long the last words to the ledger may take.
	finishFor = 400 * time.Millisecond
)

// stream is the log being read.
type stream struct {
	s       *Source
	orders  *orders
	feed    *feed
	link    *link
	lock    *sql.Conn // holds the source's lock
	server  *server
	reading *table.Reading[place]
	moved   chan struct{} // done has moved
	noted   time.Time     // when a place without orders was last queued; the reader's

	mu    sync.Mutex
	page  page
	done  place // on disk here
	saved position
	told  place // read
	heard time.Time
	late  time.Duration // behind the server, as of the last look; negative: not known
	left  int64
}

// follow reads the log from x.page on until ctx ends or something is wrong.
func (s *Source) follow(ctx context.Context, x *stream, accept source.Accept) error {
	at, sv, o := x.page.at(), x.server, x.orders
	t := &texts{charsets: sv.charsets, convert: func(ctx context.Context, charset, hex string) (out string, err error) {
		err = o.db.QueryRowContext(ctx, "SELECT CONVERT(_"+charset+" X'"+hex+"' USING utf8mb4)").Scan(&out)
		return out, err
	}}
	x.s, x.feed, x.moved = s, newFeed(s.watches, t, at), make(chan struct{}, 1)
	x.done, x.saved, x.told, x.heard, x.late, x.left = at, at.pos, at, time.Now(), -1, -1
	x.reading = table.NewReading(ctx, s.counted(accept), s.settings.Settle > 0, x.advance)
	var err error
	if x.link, err = s.address.start(x.reading.Context(), s.id, at.pos, sv.version, x.feed.wanted); err != nil {
		return x.reading.End(err, false)
	}
	s.stream.Store(x)
	s.is(source.Reading, "")
	s.said = ""
	var wg sync.WaitGroup
	wg.Go(x.keep)
	wg.Go(x.watch)
	err = x.reading.End(x.read(x.reading.Context()), false)
	wg.Wait()
	x.link.close()
	s.stream.Store(nil)
	x.finish()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// counted notes when an event was accepted.
func (s *Source) counted(accept source.Accept) source.Accept {
	return func(ctx context.Context, t waxwing.TenantID, shop waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error) {
		rc, err := accept(ctx, t, shop, topic, raw)
		if err == nil {
			s.event.Store(time.Now().UnixNano())
		}
		return rc, err
	}
}

// advance is told what is on disk here.
func (x *stream) advance(p place) {
	if p.pos == nil {
		return
	}
	x.mu.Lock()
	if p.when.Before(x.done.when) {
		p.when = x.done.when
	}
	x.done = p
	x.mu.Unlock()
	select {
	case x.moved <- struct{}{}:
	default:
	}
}

// read takes what the server sends.
func (x *stream) read(ctx context.Context) error {
	for {
		ev, err := x.link.streamer.GetEvent(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("reading the log: %w%s", err, hint(err))
		}
		done, err := x.feed.take(ctx, ev)
		x.mu.Lock()
		x.heard = time.Now()
		if done != nil {
			x.told = done.place
		}
		x.mu.Unlock()
		if err != nil {
			return err
		}
		if done == nil {
			continue
		}
		if err := x.commit(done); err != nil {
			return err
		}
	}
}

// commit queues a transaction's orders, in parts of which the last one is its end.
func (x *stream) commit(c *commit) error {
	if len(c.found) == 0 {
		// While orders wait a place says little; one that is left out is told with the next.
		if time.Since(x.noted) < quiet && x.reading.Queued() {
			return nil
		}
		x.noted = time.Now()
		return x.reading.Put(&table.Job[place]{At: c.place})
	}
	// By the server's clock alone, ours may be another; it tells whole seconds.
	age := time.Now().Add(x.server.ahead).Sub(c.when) - time.Second
	due := time.Now().Add(x.s.settings.Settle.D() - max(0, age))
	for list := c.found; len(list) > 0; {
		n := min(table.Chunk, len(list))
		j := x.orders.job(&c.spot, list[:n:n])
		j.Due = due
		if list = list[n:]; len(list) == 0 {
			j.At = c.place
		}
		if err := x.reading.Put(j); err != nil {
			return err
		}
	}
	return nil
}

// keep writes the ledger's page, until the stream ends.
func (x *stream) keep() {
	ctx := x.reading.Context()
	var write <-chan time.Time // when the page may be written again
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.moved:
			if write == nil {
				write = time.After(max(0, pageEvery-time.Since(last)))
			}
		case <-write:
			write, last = nil, time.Now()
			if err := x.save(ctx); err != nil && ctx.Err() == nil {
				x.s.log.Warn("the source's place is not written, so after a crash orders come again", "err", err)
				write = time.After(pageEvery)
			}
		}
	}
}

// save writes the page.
func (x *stream) save(ctx context.Context) error {
	x.mu.Lock()
	p, done := x.page, x.done
	x.mu.Unlock()
	p.Position, p.Spot, p.Watermark = done.pos.String(), done.spot, done.when
	if err := x.s.writePage(ctx, &p); err != nil {
		return err
	}
	x.mu.Lock()
	x.page, x.saved = p, done.pos
	x.mu.Unlock()
	return nil
}

// finish says the last words, so that the next start is given nothing twice.
func (x *stream) finish() {
	x.mu.Lock()
	unsaved := x.done.pos.String() != x.saved.String()
	x.mu.Unlock()
	if !unsaved {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), finishFor)
	defer cancel()
	_ = x.save(ctx) // else it comes again
}

// watch looks now and then how far the server is, whether its log is still the same, and that no other daemon reads it.
func (x *stream) watch() {
	ctx := x.reading.Context()
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if err := x.look(ctx); err != nil {
			x.reading.Cancel(err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (x *stream) look(ctx context.Context) error {
	x.mu.Lock()
	before := x.told
	x.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	of := ctx
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	var state string
	var us int64
	// On the connection that holds the lock: if it is gone so is the lock.
	err := x.lock.QueryRowContext(ctx, "SELECT @@GLOBAL.gtid_binlog_pos, CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)").Scan(&state, &us)
	if err != nil {
		if of.Err() != nil {
			return nil
		}
		return fmt.Errorf("asking for the log's position: %w", err)
	}
	now, err := parsePosition(state)
	if err != nil {
		return err
	}
	if before.pos.behind(now) < 0 {
		return &gapError{fmt.Sprintf("the server's log was begun anew: it ends at %q, and was read up to %q", now, before.pos)}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.left = max(0, x.told.pos.behind(now))
	if x.late = 0; x.left > 0 {
		x.late = max(0, time.UnixMicro(us).Sub(x.told.when))
	}
	return nil
}

// report is how it is now.
func (x *stream) report(st *source.Status) {
	x.mu.Lock()
	defer x.mu.Unlock()
	st.Position, st.Heard, st.Behind, st.Lag = x.done.pos.String(), x.heard, x.left, x.late
	if still := time.Since(x.heard); still > silence {
		st.Detail = fmt.Sprintf("the server has said nothing for %s", still.Round(time.Second))
		st.Lag = max(st.Lag, still)
	}
}
