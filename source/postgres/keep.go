package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// keep tells the ledger's page and then the server what is on disk, until the stream ends.
func (x *stream) keep() {
	ctx := x.reading.Context()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	var write <-chan time.Time // when the page may be written again
	var last time.Time
	for {
		ask := false
		select {
		case <-ctx.Done():
			return
		case <-x.kick:
		case <-tick.C:
			x.mu.Lock()
			still := time.Since(x.heard)
			x.mu.Unlock()
			if ask = still > statusEvery; still > silence && !x.busy.Load() {
				x.reading.Cancel(fmt.Errorf("the server has said nothing for %s, though asked", silence))
				return
			}
		case <-x.moved:
			if x.s.book != nil {
				if write == nil {
					write = time.After(max(0, pageEvery-time.Since(last)))
				}
				continue
			}
		case <-write:
			write, last = nil, time.Now()
			if err := x.save(ctx); err != nil && ctx.Err() == nil {
				x.s.log.Warn("the source's place is not written, so the shop's database keeps its log", "err", err)
				nudge(x.moved)
				continue
			}
		}
		if err := x.confirm(ask); err != nil {
			x.reading.Cancel(fmt.Errorf("telling the server what is on disk: %w", err))
			return
		}
	}
}

// save writes the page, and what it says may be confirmed.
func (x *stream) save(ctx context.Context) error {
	x.mu.Lock()
	p := x.page
	done := x.done
	x.mu.Unlock()
	p.Flushed, p.Watermark = done.at.String(), done.when
	if passed, err := pglogrepl.ParseLSN(p.Passed); err == nil && passed < done.at {
		p.Passed = ""
	}
	if err := x.s.writePage(ctx, &p); err != nil {
		return err
	}
	x.mu.Lock()
	x.page, x.safe = p, max(x.safe, done.at)
	x.mu.Unlock()
	return nil
}

func (x *stream) confirm(ask bool) error {
	x.mu.Lock()
	at := x.safe
	x.mu.Unlock()
	return x.link.confirm(at, ask)
}

// finish says the last words, so that the next start is given nothing twice.
func (x *stream) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), finishFor)
	defer cancel()
	x.mu.Lock()
	unsaved := x.s.book != nil && x.done.at > x.safe
	x.mu.Unlock()
	if unsaved {
		_ = x.save(ctx) // else it comes again
	}
	_ = x.confirm(false) // likewise
}

// watch writes heartbeats, and looks after the slot.
func (x *stream) watch() {
	ctx := x.reading.Context()
	beats, slots := time.NewTicker(beatEvery), time.NewTicker(slotEvery)
	defer beats.Stop()
	defer slots.Stop()
	x.pulse(ctx)
	x.inspect(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-beats.C:
			x.pulse(ctx)
		case <-slots.C:
			x.inspect(ctx)
		}
	}
}

// pulse writes a heartbeat into the log. It needs no table and no transaction; it moves the slot
// while only other tables are written, and shows how late we read.
func (x *stream) pulse(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	now := time.Now()
	var text, at string
	err := x.orders.pool.QueryRow(ctx, `select m, pg_logical_emit_message(false, '`+prefix+`', m)::text
		from (select $1::text || ' ' || (extract(epoch from clock_timestamp()) * 1000000)::bigint as m) x`, x.link.slot).Scan(&text, &at)
	var p *pgconn.PgError
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case errors.As(err, &p):
		if !x.mute {
			x.s.log.Warn("heartbeats cannot be written into the shop's log: an idle slot moves only when the server says so", "err", err)
		}
		x.mute = true
	case err == nil:
		x.mute = false
		if len(x.beats) < 100 {
			x.beats[text] = now
		}
		if end, err := pglogrepl.ParseLSN(at); err == nil {
			x.end = max(x.end, end)
		}
	}
}

// inspect looks how much of its log the server may still throw away before the slot is lost.
func (x *stream) inspect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, slotEvery)
	defer cancel()
	if why, err := unpublished(ctx, x.orders.pool, x.link.publication, x.s.watches); err == nil && why != "" {
		x.reading.Cancel(&unpublishedError{why})
		return
	}
	var raw string
	var keep int64 // MB; -1 is no limit
	err := x.orders.pool.QueryRow(ctx, `select coalesce((`+slotQuery(x.link.slot)+`), '{}'), (select setting::bigint from pg_settings where name = 'max_slot_wal_keep_size')`).Scan(&raw, &keep)
	if err != nil {
		return // the reader finds out what is wrong
	}
	var s slot
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return
	}
	warning := ""
	switch {
	case s.WAL == "unreserved" || s.lost():
		warning = "the server is about to throw away the log that the slot needs"
	case s.Safe != nil && keep > 0 && *s.Safe < keep<<20/2:
		warning = fmt.Sprintf("the slot holds more than half of max_slot_wal_keep_size: %d MB are left", max(0, *s.Safe)>>20)
	}
	x.mu.Lock()
	fresh := warning != "" && x.warning == ""
	x.warning = warning
	x.mu.Unlock()
	if fresh {
		x.s.log.Warn(warning, "slot", x.link.slot, "do", "see why events are not accepted, or raise max_slot_wal_keep_size")
	}
}
