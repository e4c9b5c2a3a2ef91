package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

const (
	statusEvery = 10 * time.Second
	beatEvery   = 10 * time.Second
	slotEvery   = 30 * time.Second
	// pageEvery is how often the ledger's page is written while the place moves.
	pageEvery = 5 * time.Second
	// beatFor is after how long a heartbeat that does not come back is an alarm.
	beatFor = time.Minute
	// silence is after how long a server that says nothing, though asked, is taken for gone.
	silence = time.Minute
	// quiet is how often places without orders are noted.
	quiet = time.Second
	// finishFor is how long the last words to a server and the ledger may take.
	finishFor = 400 * time.Millisecond
)

// prefix marks our heartbeats in the log.
const prefix = "waxwing"

// place is where in the log something is done, and when it was committed.
type place struct {
	at   LSN // 0: it is not the end of anything
	when time.Time
}

// stream is the log being read.
type stream struct {
	s       *Source
	link    *link
	feed    *feed
	orders  *orders
	reading *table.Reading[place]
	kick    chan struct{} // a status is to be sent
	moved   chan struct{} // done has moved
	busy    atomic.Bool   // the reader is not waiting for the server

	noted LSN // the last place that was queued; the reader's
	when  time.Time

	mu      sync.Mutex
	page    page
	done    place     // on disk here
	safe    LSN       // written into the page: may be confirmed
	end     LSN       // the end of the server's log, as far as is known
	heard   time.Time // the server said anything
	beats   map[string]time.Time
	round   time.Duration // of the last heartbeat; negative: none came back yet
	warning string        // of the slot's
	mute    bool          // heartbeats cannot be written
}

// follow reads the log until ctx ends or something is wrong.
func (s *Source) follow(ctx context.Context, l *link, o *orders, accept source.Accept, p *page) error {
	x := &stream{s: s, link: l, orders: o, feed: newFeed(s.watches, prefix), kick: make(chan struct{}, 1), moved: make(chan struct{}, 1),
		page: *p, end: l.id.at, heard: time.Now(), beats: map[string]time.Time{}, round: -1}
	// Where the slot stands, also where the page says more: after a failover it may have gone back, and what lies between is not on
	// disk here.
	x.safe = min(p.flushed(), l.confirmed)
	x.done = place{x.safe, p.Watermark}
	x.feed.passed, _ = pglogrepl.ParseLSN(p.Passed) // "" is 0
	if err := l.start(ctx); err != nil {
		return err
	}
	s.stream.Store(x)
	s.is(source.Reading, "")
	s.said = ""
	x.reading = table.NewReading(ctx, s.counted(accept), s.settings.Settle > 0, x.advance)
	var wg sync.WaitGroup
	wg.Go(x.keep)
	wg.Go(x.watch)
	err := x.reading.End(x.read(x.reading.Context()), false)
	wg.Wait()
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
	if p.at == 0 {
		return
	}
	x.mu.Lock()
	x.done.at = max(x.done.at, p.at)
	if p.when.After(x.done.when) {
		x.done.when = p.when
	}
	if x.s.book == nil {
		x.safe = x.done.at
	}
	x.mu.Unlock()
	nudge(x.moved)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read takes what the server sends.
func (x *stream) read(ctx context.Context) error {
	for {
		x.busy.Store(false)
		msg, err := x.link.ReceiveMessage(ctx)
		x.busy.Store(true)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("reading the log: %w", err)
		}
		switch m := msg.(type) {
		case *pgproto3.CopyData:
			if err := x.data(m.Data); err != nil {
				return err
			}
		case *pgproto3.ErrorResponse:
			return fmt.Errorf("reading the log: %w", pgconn.ErrorResponseToPgError(m))
		case *pgproto3.CopyDone:
			return errors.New("reading the log: the server has ended the stream")
		}
	}
}

func (x *stream) data(b []byte) error {
	if len(b) == 0 {
		return errShort
	}
	switch b[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(b[1:])
		if err != nil {
			return err
		}
		x.hear(k.ServerWALEnd)
		if k.ReplyRequested {
			nudge(x.kick)
		}
		if x.feed.between() {
			return x.note(place{at: k.ServerWALEnd})
		}
	case pglogrepl.XLogDataByteID:
		w, err := pglogrepl.ParseXLogData(b[1:])
		if err != nil {
			return err
		}
		x.hear(w.ServerWALEnd)
		done, heard, err := x.feed.take(w.WALStart, w.WALData)
		if err != nil {
			return err
		}
		if heard != nil {
			return x.beat(heard)
		}
		if done != nil {
			return x.commit(done, w.ServerTime)
		}
	}
	return nil
}

func (x *stream) hear(end LSN) {
	x.mu.Lock()
	x.heard = time.Now()
	x.end = max(x.end, end)
	x.mu.Unlock()
}

// note queues a place before which everything has been told: it is done when all before it are.
func (x *stream) note(p place) error {
	if p.at <= x.noted || p.when.IsZero() && time.Since(x.when) < quiet && x.reading.Queued() {
		return nil
	}
	x.noted, x.when = p.at, time.Now()
	return x.reading.Put(&table.Job[place]{At: p})
}

// commit queues a transaction's orders, in parts of which the last one is its end.
func (x *stream) commit(c *commit, sent time.Time) error {
	if len(c.found) == 0 {
		return x.note(place{at: c.end})
	}
	x.noted = max(x.noted, c.end)
	// By the server's clock alone: ours may be another.
	due := time.Now().Add(x.s.settings.Settle.D() - max(0, sent.Sub(c.when)))
	for list := c.found; len(list) > 0; {
		n := min(table.Chunk, len(list))
		j := x.orders.job(c.xid, list[:n:n])
		j.Due = due
		if list = list[n:]; len(list) == 0 {
			j.At = place{c.end, c.when}
		}
		if err := x.reading.Put(j); err != nil {
			return err
		}
	}
	return nil
}

// beat takes a heartbeat: slot and time of the server's clock. Those of others are places all the same.
func (x *stream) beat(b *beat) error {
	_, us, _ := strings.Cut(b.text, " ")
	x.mu.Lock()
	if at, ok := x.beats[b.text]; ok {
		x.round = time.Since(at)
		clear(x.beats)
	}
	x.mu.Unlock()
	n, err := strconv.ParseInt(us, 10, 64)
	if err != nil {
		return nil
	}
	return x.note(place{b.at, time.UnixMicro(n).UTC()})
}

// report is how it is now.
func (x *stream) report(st *source.Status) {
	x.mu.Lock()
	defer x.mu.Unlock()
	st.Position, st.Heard = x.done.at.String(), x.heard
	st.Behind = int64(max(x.end, x.done.at) - x.done.at) //nolint:gosec // a log is shorter
	st.Lag = x.round
	for _, at := range x.beats {
		st.Lag = max(st.Lag, time.Since(at))
	}
	var said []string
	if st.Lag > beatFor {
		said = append(said, fmt.Sprintf("no heartbeat came back for %s: the server is slow to read its log, or a transaction is large", st.Lag.Round(time.Second)))
	}
	if x.mute {
		said = append(said, "heartbeats cannot be written, so the lag is not known")
		st.Lag = -1
	}
	if x.warning != "" {
		said = append(said, x.warning)
	}
	st.Detail = strings.Join(said, "; ")
}
