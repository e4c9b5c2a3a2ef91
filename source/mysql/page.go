package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// page is what the ledger remembers of a source: where in which log it stands. It is the position: the server has none.
type page struct {
	// Position is what is on disk here, as GTIDs; and where in the log it is.
	Position string `json:"position"`
	Spot     spot   `json:"spot"`
	// Watermark: what was committed before it is on disk here.
	Watermark time.Time `json:"watermark"`
	// Began is when the source was first started.
	Began time.Time `json:"began"`
	// Healing is since when orders are looked for after a gap, until all are found; and Gap why.
	Healing *time.Time `json:"healing,omitempty"`
	Gap     string     `json:"gap,omitempty"`
}

// at is its place.
func (p *page) at() place {
	pos, _ := parsePosition(p.Position) // it was written by us
	return place{pos, p.Spot, p.Watermark}
}

// opened is how long before the first start a transaction may have begun that was committed after it.
const opened = time.Minute

// heal notes that orders are to be looked for. What is being looked for already stays. Orders completed before the first
// start are none of ours, however wide the margin is.
func (p *page) heal(why string, margin time.Duration) {
	since := p.Watermark.Add(-margin)
	if first := p.Began.Add(-opened); since.Before(first) {
		since = first
	}
	if p.Healing == nil || since.Before(*p.Healing) {
		p.Healing = &since
	}
	p.Gap = why
}

// readPage gives what is remembered; nil: nothing.
func (s *Source) readPage(ctx context.Context) (*page, error) {
	if s.book == nil {
		return s.memory, nil
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
		s.memory = p
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
