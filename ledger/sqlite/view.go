package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// view reads a confirmation's messages; their number is small.
func (l *Ledger) view(c *conn, f *file) (*waxwing.ConfirmationView, error) {
	v := &waxwing.ConfirmationView{ID: f.id, Shop: f.shop, Format: f.format, Reason: f.reason, Created: f.id.Time().UTC(),
		Erased: f.erased, Messages: []waxwing.MessageView{}}
	if f.released != 0 {
		v.Released = time.UnixMilli(f.released).UTC()
	}
	var states []waxwing.State
	err := c.query(`SELECT m.id, m.channel, CASE WHEN c.dot=1 THEN 'dot' WHEN c.dot=0 THEN 'claimed' ELSE m.state END,
		m.reason, m.locale, m.resend, m.next_at, m.expires, m.attempts FROM messages m LEFT JOIN claims c ON c.message=m.id
		WHERE m.id>? AND m.id<? ORDER BY m.id`, func(r []driver.Value) error {
		m := waxwing.MessageView{ID: waxwing.ID(num(r[0])), N: int(num(r[0]) & (store.IDStep - 1)), Channel: waxwing.Channel(str(r[1])),
			State: waxwing.State(str(r[2])), Reason: str(r[3]), Locale: str(r[4]), Resend: num(r[5]) != 0,
			Expires: time.UnixMilli(num(r[7])).UTC(), Tried: int(num(r[8]))}
		if r[6] != nil && !m.State.Terminal() {
			m.NextAt = time.UnixMilli(num(r[6])).UTC()
		}
		states = append(states, m.State)
		v.Messages = append(v.Messages, m)
		v.Tried, v.Locale = v.Tried+m.Tried, m.Locale
		return nil
	}, int64(f.id), int64(f.id)+store.IDStep)
	if n := len(v.Messages); n > 0 && v.Reason == "" {
		v.Reason = v.Messages[n-1].Reason
	}
	v.State = machine.Outcome(f.state, states)
	return v, err
}

// brief adds what a list shows of a confirmation beyond its row.
func (l *Ledger) brief(c *conn, f *file, v *waxwing.ConfirmationView) error {
	if f.erased {
		trail, err := trailOf(c, f.id, []string{f.trail})
		v.ErasedAt = erasedAt(trail)
		return err
	}
	for i := len(v.Messages) - 1; i >= 0 && v.To == ""; i-- {
		if _, e, err := l.openMessage(c, f, v.Messages[i].ID, v.Messages[i].Channel); err == nil { // else its time is over
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
func (l *Ledger) Get(ctx context.Context, tid waxwing.TenantID, id waxwing.ID) (v *waxwing.ConfirmationView, err error) {
	err = l.read(ctx, func(c *conn) error {
		f, err := l.own(c, tid, id)
		if err != nil {
			return err
		}
		if v, err = l.view(c, f); err != nil {
			return err
		}
		pointers := []string{f.trail}
		for i := range v.Messages {
			p, err := l.details(c, f, &v.Messages[i])
			if err != nil {
				return err
			}
			pointers = append(pointers, p)
		}
		for i := range v.Messages {
			v.To = orElse(v.Messages[i].To, v.To)
		}
		if v.Trail, err = trailOf(c, f.id, pointers); f.erased {
			v.ErasedAt = erasedAt(v.Trail)
		}
		return err
	})
	return v, err
}

func (l *Ledger) details(c *conn, f *file, m *waxwing.MessageView) (pointers string, err error) {
	var p [2]driver.Value
	if _, err := c.row("SELECT m.trail, coalesce((SELECT trail FROM claims WHERE message=m.id),'') FROM messages m WHERE m.id=?",
		p[:], int64(m.ID)); err != nil {
		return "", err
	}
	if _, e, err := l.openMessage(c, f, m.ID, m.Channel); err == nil {
		m.To, m.MessageID = e.To, e.MessageID
	}
	sealer := f.dek.Sealer()
	err = c.query("SELECT n, provider, verdict, fault, phase, code, enhanced, began, ended, sealed FROM attempts WHERE message=? ORDER BY n",
		func(r []driver.Value) error {
			a := waxwing.AttemptView{N: int(num(r[0])), Provider: str(r[1]), Verdict: waxwing.Verdict(str(r[2])),
				Fault: waxwing.Fault(str(r[3])), Phase: waxwing.Phase(str(r[4])), Code: int(num(r[5])), Enhanced: str(r[6])}
			if n := num(r[7]); n != 0 {
				a.Began = time.UnixMilli(n).UTC()
			}
			if n := num(r[8]); n != 0 {
				a.Ended = time.UnixMilli(n).UTC()
			}
			if b := blob(r[9]); len(b) > 0 && !f.erased {
				var j replyJSON
				if plain, err := sealer.Open(nil, b, "attempt|"+m.ID.String()); err == nil && json.Unmarshal(plain, &j) == nil {
					a.Reply, a.Ref = j.Reply, j.Ref
				}
			}
			m.Attempts = append(m.Attempts, a)
			return nil
		}, int64(m.ID))
	return str(p[0]) + str(p[1]), err
}

// trailOf collects a confirmation's entries from the batches that its rows
// point to.
func trailOf(c *conn, id waxwing.ID, pointers []string) ([]waxwing.TrailEntry, error) {
	seen := map[int64]bool{}
	var batches []int64
	for _, p := range strings.Split(strings.Join(pointers, ""), ",") {
		n, err := strconv.ParseInt(p, 36, 64)
		if err == nil && !seen[n] {
			seen[n] = true
			batches = append(batches, n)
		}
	}
	sort.Slice(batches, func(i, j int) bool { return batches[i] < batches[j] })
	out := []waxwing.TrailEntry{}
	needle := `"c":"` + id.String() + `"`
	for _, b := range batches {
		var v [1]driver.Value
		ok, err := c.row("SELECT entries FROM trail WHERE batch=?", v[:], b)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("trail batch %d is missing: run waxwing ledger verify", b)
		}
		for _, line := range strings.Split(string(blob(v[0])), "\n") {
			if !strings.Contains(line, needle) {
				continue
			}
			e, err := ledger.ParseLine([]byte(line))
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
	}
	return out, nil
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Raw gives the event that counts, for showing the order.
func (l *Ledger) Raw(ctx context.Context, tid waxwing.TenantID, id waxwing.ID) (format, topic string, raw []byte, err error) {
	err = l.read(ctx, func(c *conn) error {
		f, err := l.own(c, tid, id)
		if err != nil {
			return err
		}
		format = f.format
		raw, topic, err = l.openEvent(c, f, f.version)
		return err
	})
	return format, topic, raw, err
}

// Bytes gives the exact bytes of a message that was or will be offered: of the
// n-th message, or of the newest e-mail where n is 0.
func (l *Ledger) Bytes(ctx context.Context, tid waxwing.TenantID, id waxwing.ID, n int) (out *waxwing.Outgoing, err error) {
	err = l.read(ctx, func(c *conn) error {
		f, err := l.own(c, tid, id)
		if err != nil {
			return err
		}
		v, err := l.view(c, f)
		if err != nil {
			return err
		}
		for i := len(v.Messages) - 1; i >= 0; i-- {
			m := v.Messages[i]
			if n != 0 && m.N != n || n == 0 && m.Channel != waxwing.Email {
				continue
			}
			out, _, err = l.openMessage(c, f, m.ID, m.Channel)
			if errors.Is(err, waxwing.ErrNotFound) {
				err = l.whyGone(c, f)
			}
			return err
		}
		if f.erased {
			return l.whyGone(c, f)
		}
		return fmt.Errorf("message: %w", waxwing.ErrNotFound)
	})
	if errors.Is(err, ledger.ErrSeal) {
		err = fmt.Errorf("message: %w", err)
	}
	return out, err
}

// whyGone says what became of content that was there once.
func (l *Ledger) whyGone(c *conn, f *file) error {
	if !f.erased {
		return fmt.Errorf("its content is older than retention.content and was deleted: %w", waxwing.ErrNotFound)
	}
	trail, err := trailOf(c, f.id, []string{f.trail})
	if err != nil {
		return err
	}
	return fmt.Errorf("its person was erased on %s: %w", erasedAt(trail).UTC().Format(time.DateOnly), waxwing.ErrNotFound)
}

// Tenants lists the tenants that the ledger has keys for.
func (l *Ledger) Tenants() []waxwing.TenantID {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]waxwing.TenantID, 0, len(l.tenants))
	for t := range l.tenants {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}
