package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// whole reads a confirmation of a tenant with its messages.
func (r *Reader) whole(ctx context.Context, rows store.Rows, tid waxwing.TenantID, id waxwing.ID) (*opened, *store.Set, error) {
	s, err := rows.Load(ctx, &store.Keys{Whole: []waxwing.ID{id}, Shown: true})
	if err != nil {
		return nil, nil, err
	}
	c, ok := s.Confirmations[id]
	if !ok {
		return nil, nil, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	f, err := r.openRow(&c)
	if err != nil {
		return nil, nil, err
	}
	if f.t.Name != tid {
		return nil, nil, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	return f, s, nil
}

// show makes the view of a confirmation and its messages, without contents, attempts and trail.
func show(f *opened, s *store.Set) *waxwing.ConfirmationView {
	v := &waxwing.ConfirmationView{ID: f.ID, Shop: f.Shop, Format: f.Format, Reason: f.Reason, Created: f.ID.Time().UTC(),
		Released: timeOf(f.Released), Erased: f.Erased(), Messages: []waxwing.MessageView{}}
	var states []waxwing.State
	for _, row := range s.Of(f.ID) {
		m := waxwing.MessageView{ID: row.ID, N: int(row.ID & (store.IDStep - 1)), Channel: row.Channel, State: s.State(&row), Reason: row.Reason,
			Locale: row.Locale, Resend: row.Resend, Expires: time.UnixMilli(row.Expires).UTC(), Tried: int(row.Attempts)}
		if !m.State.Terminal() {
			m.NextAt = timeOf(row.NextAt)
		}
		states = append(states, m.State)
		v.Messages = append(v.Messages, m)
		v.Tried, v.Locale = v.Tried+m.Tried, m.Locale
	}
	if n := len(v.Messages); n > 0 && v.Reason == "" {
		v.Reason = v.Messages[n-1].Reason
	}
	v.State = machine.Outcome(f.State, states)
	return v
}

// outcomeOf is what became of a confirmation that was loaded whole.
func outcomeOf(s *store.Set, c *store.Confirmation) waxwing.State {
	if c.State != waxwing.Ready {
		return c.State
	}
	var states []waxwing.State
	for _, row := range s.Of(c.ID) {
		states = append(states, s.State(&row))
	}
	return machine.Outcome(c.State, states)
}

// brief adds what a list shows of a confirmation beyond its row.
func (r *Reader) brief(ctx context.Context, rows store.Rows, f *opened, s *store.Set, v *waxwing.ConfirmationView) error {
	if f.Erased() {
		trail, err := trailOf(ctx, rows, f.ID, f.Trail)
		v.ErasedAt = erasedAt(trail)
		return err
	}
	for i := len(v.Messages) - 1; i >= 0 && v.To == ""; i-- {
		m := s.Messages[v.Messages[i].ID]
		if _, e, err := r.openMessage(ctx, rows, f, &m); err == nil { // else its time is over
			v.To = e.To
		}
	}
	return nil
}

func erasedAt(trail []waxwing.TrailEntry) (at time.Time) {
	for _, e := range trail {
		if e.Cause == machine.CauseErased && e.Message == 0 {
			at = e.At
		}
	}
	return at
}

// Get gives one confirmation whole: attempts with phase and reply, trail. The
// order is the caller's work: Raw has what it is read from.
func (r *Reader) Get(ctx context.Context, tid waxwing.TenantID, id waxwing.ID) (v *waxwing.ConfirmationView, err error) {
	err = r.p.Rows.View(ctx, r.numberOf(tid), func(rows store.Rows) error {
		f, s, err := r.whole(ctx, rows, tid, id)
		if err != nil {
			return err
		}
		v = show(f, s)
		pointers := f.Trail
		for i := range v.Messages {
			m := s.Messages[v.Messages[i].ID]
			if err := r.details(ctx, rows, f, &m, &v.Messages[i]); err != nil {
				return err
			}
			pointers += m.Trail + s.Claims[m.ID].Trail
			if to := v.Messages[i].To; to != "" {
				v.To = to
			}
		}
		if v.Trail, err = trailOf(ctx, rows, f.ID, pointers); f.Erased() {
			v.ErasedAt = erasedAt(v.Trail)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// details adds a message's address and attempts.
func (r *Reader) details(ctx context.Context, rows store.Rows, f *opened, row *store.Message, m *waxwing.MessageView) error {
	if _, e, err := r.openMessage(ctx, rows, f, row); err == nil {
		m.To, m.MessageID = e.To, e.MessageID
	}
	s, err := rows.Load(ctx, &store.Keys{Attempts: []waxwing.ID{row.ID}})
	if err != nil {
		return err
	}
	for _, a := range s.Attempts[row.ID] {
		av := waxwing.AttemptView{N: int(a.N), Provider: a.Provider, Verdict: a.Verdict, Fault: a.Fault, Phase: a.Phase, Code: a.Code,
			Enhanced: a.Enhanced, Began: timeOf(a.Began), Ended: timeOf(a.Ended)}
		if len(a.Sealed) > 0 && !f.Erased() {
			j := seal.OpenReply(&f.dek, row.ID, a.Sealed)
			av.Reply, av.Ref = j.Reply, j.Ref
		}
		m.Attempts = append(m.Attempts, av)
	}
	return nil
}

// trailOf collects a confirmation's entries from the batches that its rows point to.
func trailOf(ctx context.Context, rows store.Rows, id waxwing.ID, pointers string) ([]waxwing.TrailEntry, error) {
	var batches []int64
	for p := range strings.SplitSeq(pointers, ",") {
		if n, err := strconv.ParseInt(p, 36, 64); err == nil {
			batches = append(batches, n)
		}
	}
	slices.Sort(batches)
	batches = slices.Compact(batches)
	s, err := rows.Load(ctx, &store.Keys{Batches: batches})
	if err != nil {
		return nil, err
	}
	out := []waxwing.TrailEntry{}
	needle := `"c":"` + id.String() + `"`
	for _, n := range batches {
		b, ok := s.Batches[n]
		if !ok {
			return nil, fmt.Errorf("trail batch %d is missing: run waxwing ledger verify", n)
		}
		for line := range strings.SplitSeq(string(b.Entries), "\n") {
			if !strings.Contains(line, needle) {
				continue
			}
			e, err := trail.ParseLine([]byte(line))
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
	}
	return out, nil
}

// Raw gives the event that counts, for showing the order.
func (r *Reader) Raw(ctx context.Context, tid waxwing.TenantID, id waxwing.ID) (format, topic string, raw []byte, err error) {
	err = r.p.Rows.View(ctx, r.numberOf(tid), func(rows store.Rows) error {
		f, err := r.own(ctx, rows, tid, id)
		if err != nil {
			return err
		}
		format = f.Format
		raw, topic, err = r.openEvent(ctx, rows, f, f.Event)
		return err
	})
	return format, topic, raw, err
}

// Bytes gives the exact bytes of a message that was or will be offered: of the
// n-th message, or of the newest e-mail where n is 0.
func (r *Reader) Bytes(ctx context.Context, tid waxwing.TenantID, id waxwing.ID, n int) (out *waxwing.Outgoing, err error) {
	err = r.p.Rows.View(ctx, r.numberOf(tid), func(rows store.Rows) error {
		f, s, err := r.whole(ctx, rows, tid, id)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(s.Of(id)) {
			if n != 0 && int(m.ID&(store.IDStep-1)) != n || n == 0 && m.Channel != waxwing.Email {
				continue
			}
			out, _, err = r.openMessage(ctx, rows, f, &m)
			if errors.Is(err, waxwing.ErrNotFound) {
				err = whyGone(ctx, rows, f)
			}
			return err
		}
		if f.Erased() {
			return whyGone(ctx, rows, f)
		}
		return fmt.Errorf("message: %w", waxwing.ErrNotFound)
	})
	if errors.Is(err, seal.ErrSeal) {
		err = fmt.Errorf("message: %w", err)
	}
	return out, err
}

// whyGone says what became of content that was there once.
func whyGone(ctx context.Context, rows store.Rows, f *opened) error {
	if !f.Erased() {
		return fmt.Errorf("its content is older than retention.content and was deleted: %w", waxwing.ErrNotFound)
	}
	trail, err := trailOf(ctx, rows, f.ID, f.Trail)
	if err != nil {
		return err
	}
	return fmt.Errorf("its person was erased on %s: %w", erasedAt(trail).UTC().Format(time.DateOnly), waxwing.ErrNotFound)
}
