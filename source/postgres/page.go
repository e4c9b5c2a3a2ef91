package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
)

// page is what the ledger remembers of a source: where in which database it stands.
type page struct {
	identity
	Slot string `json:"slot"`
	// Flushed is what is confirmed to the server at most: it is written before.
	Flushed string `json:"flushed"`
	// Watermark: what was committed before it is on disk here.
	Watermark time.Time `json:"watermark"`
	// Began is when the source was first started and made its slot, which waits for all transactions that are open: none that began
	// before it comes after it. Zero: the slot was there.
	Began time.Time `json:"began"`
	// Healing is since when orders are looked for after a gap, until all are found; and Gap why.
	Healing *time.Time `json:"healing,omitempty"`
	Gap     string     `json:"gap,omitempty"`
	// Passed: what cannot be decided before this place was looked for.
	Passed string `json:"passed,omitempty"`
}

func (p *page) flushed() LSN {
	at, _ := pglogrepl.ParseLSN(p.Flushed) // it was written by us
	return at
}

// heal notes that orders are to be looked for. What is being looked for already stays.
func (p *page) heal(why string, margin time.Duration) {
	since := p.Watermark.Add(-margin)
	if since.Before(p.Began) { // what was completed before the first start is not ours
		since = p.Began
	}
	if p.Healing == nil || since.Before(*p.Healing) {
		p.Healing = &since
	}
	p.Gap = why
}

func (s *Source) readPage(ctx context.Context) (*page, error) {
	if s.book == nil {
		return nil, nil
	}
	b, err := s.book.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the source's page in the ledger: %w", err)
	}
	if b == nil {
		return nil, nil
	}
	var p page
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("the source's page in the ledger cannot be read: %w", err)
	}
	return &p, nil
}

func (s *Source) writePage(ctx context.Context, p *page) error {
	if s.book == nil {
		return nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := s.book.Write(ctx, b); err != nil {
		return fmt.Errorf("writing the source's page in the ledger: %w", err)
	}
	return nil
}

// gapOf says why the log cannot be read on where it was left; "" where it can.
func gapOf(p *page, id identity, have *slot) string {
	if p == nil {
		if have != nil && have.lost() {
			return "the slot is lost: the server has thrown away what it had to keep (max_slot_wal_keep_size)"
		}
		return ""
	}
	switch {
	case p.System != id.System:
		return "it is another database cluster than before: one that was restored from a dump, or a new one"
	case p.Database != id.Database:
		return "it is another database than before, though of the same name: one that was dropped and restored"
	case p.Timeline != id.Timeline && (have == nil || !have.Failover):
		return fmt.Sprintf("the server has a new timeline, %d after %d: a standby was promoted, or a backup restored", id.Timeline, p.Timeline)
	case have == nil:
		return "the slot " + p.Slot + " is gone"
	case have.lost():
		return "the slot " + p.Slot + " is lost: the server has thrown away what it had to keep (max_slot_wal_keep_size)"
	case p.flushed() > id.at:
		return fmt.Sprintf("the server's log ends at %s, and was read up to %s: an older state of it was restored", id.at, p.Flushed)
	case p.Timeline == id.Timeline && p.Slot != "" && have.confirmed() > p.flushed():
		return fmt.Sprintf("the slot %s stands at %s, and was read up to %s only: it was made anew, or somebody else has read from it", p.Slot, have.confirmed(), p.Flushed)
	}
	return ""
}
