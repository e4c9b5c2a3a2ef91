package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// file is a confirmation as it lies in the file, with its data key opened.
type file struct {
	id       waxwing.ID
	t        *tenant
	key      ledger.Hash
	dek      ledger.Key
	erased   bool
	state    waxwing.State
	reason   string
	shop     waxwing.ShopID
	format   string
	version  int64
	asked    bool
	released int64
	messages int64
	trail    string
}

const fileColumns = "id, tenant, key, dek, state, reason, shop, format, event, asked, coalesce(released,0), messages, trail"

func (l *Ledger) scanFile(v []driver.Value) (*file, error) {
	f := &file{id: waxwing.ID(num(v[0])), state: waxwing.State(str(v[4])), reason: str(v[5]),
		shop: waxwing.ShopID(str(v[6])), format: str(v[7]), version: num(v[8]), asked: num(v[9]) != 0,
		released: num(v[10]), messages: num(v[11]), trail: str(v[12])}
	l.mu.RLock()
	f.t = l.byNo[num(v[1])]
	l.mu.RUnlock()
	if f.t == nil {
		return nil, fmt.Errorf("confirmation %s: its tenant's key is missing", f.id)
	}
	copy(f.key[:], blob(v[2]))
	wrapped := blob(v[3])
	if len(wrapped) == 0 {
		f.erased = true
		return f, nil
	}
	var err error
	f.dek, err = f.t.key.Unwrap(wrapped, aadDataKey+string(f.key[:]))
	return f, err
}

// openFile reads a confirmation.
func (l *Ledger) openFile(c *conn, id waxwing.ID) (*file, error) {
	var v [13]driver.Value
	ok, err := c.row("SELECT "+fileColumns+" FROM confirmations WHERE id=?", v[:], int64(store.ConfirmationOf(id)))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	return l.scanFile(v[:])
}

func (l *Ledger) openEvent(c *conn, f *file, version int64) (raw []byte, topic string, err error) {
	var v [2]driver.Value
	ok, err := c.row("SELECT topic, body FROM events WHERE id=?", v[:], int64(f.id)|version)
	if err != nil {
		return nil, "", err
	}
	if !ok || f.erased {
		return nil, "", fmt.Errorf("event: %w", waxwing.ErrNotFound)
	}
	plain, err := f.dek.Sealer().Open(nil, blob(v[1]), aadEvent+string(f.key[:]))
	if err != nil {
		return nil, "", err
	}
	raw, err = l.packer.unpack(plain)
	return raw, str(v[0]), err
}

// Work gives what is to be normalised and rendered. A confirmation that needs
// no work is ErrState.
func (l *Ledger) Work(ctx context.Context, id waxwing.ID) (*waxwing.Work, error) {
	if h := l.hot.get(id); h != nil && h.work != nil {
		return h.work, nil
	}
	var w *waxwing.Work
	var spoiled *file
	err := l.read(ctx, func(c *conn) error {
		f, err := l.openFile(c, id)
		if err == nil {
			w, err = l.workOf(c, f)
		}
		if err != nil {
			if f != nil && !f.erased && unreadable(err) {
				spoiled = f
			}
			return err
		}
		if f.state != waxwing.Received && f.state != waxwing.Held {
			return fmt.Errorf("confirmation %s is %s: %w", id, f.state, waxwing.ErrState)
		}
		l.hot.put(id, &hotOne{tenant: f.t, dek: f.dek, shop: f.shop, work: w})
		return nil
	})
	if spoiled != nil {
		return nil, errors.Join(err, l.spoil(ctx, spoiled))
	}
	return w, err
}

// spoil quarantines a confirmation whose event can never be read again: its seal is
// broken, or it is gone. It would go round for ever.
func (l *Ledger) spoil(ctx context.Context, f *file) error {
	if f.state != waxwing.Received && f.state != waxwing.Held {
		return nil
	}
	return l.do(ctx, func(t *tx) error {
		s := t.begin()
		if err := t.loadConfirmation(s, f.id); err != nil {
			return err
		}
		c := s.Spoil(machine.Seen{ID: f.id, State: f.state, Event: f.version})
		return t.apply(&c)
	})
}

func (l *Ledger) workOf(c *conn, f *file) (*waxwing.Work, error) {
	raw, topic, err := l.openEvent(c, f, f.version)
	if err != nil {
		return nil, err
	}
	n := int(f.messages) + 1
	return &waxwing.Work{ID: f.id, Tenant: f.t.name, Shop: f.shop, Format: f.format, Topic: topic, Raw: raw,
		State: f.state, Version: f.version, Created: f.id.Time(), Asked: f.asked, Next: n,
		Token: f.t.key.Token(f.id | waxwing.ID(n))}, nil
}

// keysFor gives the tenant and data key of a confirmation.
func (l *Ledger) keysFor(ctx context.Context, id waxwing.ID) (*tenant, ledger.Key, error) {
	if h := l.hot.get(id); h != nil {
		return h.tenant, h.dek, nil
	}
	var f *file
	err := l.read(ctx, func(c *conn) (err error) { f, err = l.openFile(c, id); return err })
	if err == nil && f.erased {
		err = fmt.Errorf("content: %w", waxwing.ErrNotFound)
	}
	if err != nil {
		return nil, ledger.Key{}, err
	}
	return f.t, f.dek, nil
}

type envelope struct {
	From      string `json:"from"`
	To        string `json:"to"`
	MessageID string `json:"mid,omitempty"`
	UTF8      bool   `json:"utf8,omitempty"`
	EightBit  bool   `json:"8bit,omitempty"`
}

const aadMessage = "message|"

// sealDraft makes a draft ready outside the writer, under the number that it will have.
func (l *Ledger) sealDraft(t *tenant, dek *ledger.Key, id waxwing.ID, d *waxwing.Draft) (machine.Draft, error) {
	s := machine.Draft{Channel: d.Channel, State: d.State, Reason: d.Reason, Locale: d.Locale, Resend: d.Resend, Act: d.Act, Notes: d.Notes}
	head, err := json.Marshal(envelope{d.From, d.To, d.MessageID, d.SMTPUTF8, d.EightBit})
	if err != nil {
		return s, err
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.plain = append(append(append(sc.plain[:0], head...), '\n'), d.Data...)
	sc.packed = l.packer.pack(sc.packed[:0], sc.plain, d.Dictionary)
	s.Body = dek.Sealer().Seal(make([]byte, 0, len(sc.packed)+sealRoom), sc.packed, aadMessage+id.String())
	sum := sha256.Sum256(s.Body)
	s.Digest = sum[:16]
	if d.To != "" {
		s.People = []ledger.Hash{t.key.Index("person", ledger.NormalisePerson(d.To))}
	}
	return s, nil
}

// index hashes what a confirmation can be found by.
func (l *Ledger) index(t *tenant, lk waxwing.Lookup) []ledger.Hash {
	var out []ledger.Hash
	add := func(kind, v string) {
		if v == "" {
			return
		}
		h := t.key.Index(kind, v)
		for _, o := range out {
			if o == h {
				return
			}
		}
		out = append(out, h)
	}
	for _, o := range lk.Order {
		add("number", ledger.NormaliseOrder(o))
	}
	for _, p := range lk.People {
		add("person", ledger.NormalisePerson(p))
		if strings.Contains(p, "@") {
			add("person", l.mailbox(p)) // whatever name stands beside it
		}
	}
	return out
}

// Ready records what was rendered: the gate has let the confirmation through
// and its messages are queued. It fails with ErrState where another event, a
// person or another worker was faster; then nothing has happened.
func (l *Ledger) Ready(ctx context.Context, w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, error) {
	t, dek, err := l.keysFor(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	sealed := make([]machine.Draft, len(drafts))
	ids := make([]waxwing.ID, len(drafts))
	for i := range drafts {
		ids[i] = w.ID | waxwing.ID(w.Next+i)
		if w.Next+i >= store.IDStep {
			return nil, waxwing.Permanent(errors.New("a confirmation has at most 63 messages"))
		}
		if sealed[i], err = l.sealDraft(t, &dek, ids[i], &drafts[i]); err != nil {
			return nil, err
		}
	}
	hashes := l.index(t, lk)
	runs, err := l.sealRuns(t, w, &dek)
	if err != nil {
		return nil, err
	}
	err = l.do(ctx, func(tx *tx) error {
		s := tx.begin()
		if err := tx.loadConfirmation(s, w.ID); err != nil {
			return err
		}
		for i := range sealed {
			tx.loadSuppressed(s, sealed[i].People...)
		}
		c, err := s.Ready(seen(w), sealed, hashes, ttl)
		if err != nil {
			return tx.late(w.ID, err)
		}
		tx.rememberOne(t, dek, w.Shop, drafts, &c)
		if err := tx.apply(&c); err != nil {
			return err
		}
		return tx.insertRuns(t, w.ID, runs)
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func seen(w *waxwing.Work) machine.Seen {
	return machine.Seen{ID: w.ID, State: w.State, Event: w.Version, Next: w.Next}
}

// late forgets what is remembered of a confirmation that something else was done to: it
// may be older than the row, and were it kept, every later try would fail as well.
func (t *tx) late(id waxwing.ID, err error) error {
	t.after = append(t.after, func() { t.l.hot.drop(id) })
	return err
}

// rememberOne keeps the bytes of the first message that is to be sent; where there is
// none the confirmation is not needed any more.
func (t *tx) rememberOne(tn *tenant, dek ledger.Key, shop waxwing.ShopID, drafts []waxwing.Draft, c *machine.Changes) {
	for i := range c.Messages {
		if c.Messages[i].State == waxwing.Queued {
			t.rememberMessage(c.Messages[i].ID, tn, dek, shop, &drafts[i])
			return
		}
	}
	id := c.Confirmations[0].ID
	t.after = append(t.after, func() { t.l.hot.drop(id) })
}

func (t *tx) rememberMessage(id waxwing.ID, tn *tenant, dek ledger.Key, shop waxwing.ShopID, d *waxwing.Draft) {
	out := outgoing(id, tn, d.Channel, &envelope{d.From, d.To, d.MessageID, d.SMTPUTF8, d.EightBit}, d.Data)
	conf := store.ConfirmationOf(id)
	t.after = append(t.after, func() {
		t.l.hot.put(conf, &hotOne{tenant: tn, dek: dek, shop: shop, out: out})
	})
}

func outgoing(id waxwing.ID, t *tenant, ch waxwing.Channel, e *envelope, data []byte) *waxwing.Outgoing {
	return &waxwing.Outgoing{Message: id, Tenant: t.name, Channel: ch, From: e.From, To: e.To, Data: data,
		IdempotencyKey: t.key.Token(id), SMTPUTF8: e.UTF8, EightBit: e.EightBit}
}

// settle moves a confirmation that is not ready to another waiting or final
// state, if it is still as the work says.
func (l *Ledger) settle(ctx context.Context, w *waxwing.Work, to waxwing.State, reason, cause string, due time.Time, lk waxwing.Lookup) error {
	tn, dek, err := l.keysFor(ctx, w.ID)
	if err != nil {
		return err
	}
	hashes := l.index(tn, lk)
	if w.State == waxwing.Received && !lk.Whole {
		hashes = append(hashes, l.unreadable(tn, w.Raw)...)
	}
	runs, err := l.sealRuns(tn, w, &dek)
	if err != nil {
		return err
	}
	return l.do(ctx, func(t *tx) error {
		s := t.begin()
		if err := t.loadConfirmation(s, w.ID); err != nil {
			return err
		}
		c, err := s.Settle(seen(w), to, reason, cause, ms(due), hashes)
		if err != nil {
			return t.late(w.ID, err)
		}
		t.after = append(t.after, func() { t.l.hot.drop(w.ID) })
		if err := t.apply(&c); err != nil {
			return err
		}
		return t.insertRuns(tn, w.ID, runs)
	})
}

// Hold keeps a confirmation at the gate until a later event or the given time.
func (l *Ledger) Hold(ctx context.Context, w *waxwing.Work, reason string, until time.Time, lk waxwing.Lookup) error {
	return l.settle(ctx, w, waxwing.Held, reason, machine.CauseGate, until, lk)
}

// Quarantine keeps a confirmation that cannot be normalised, with the reason,
// under whatever could be read of its order.
func (l *Ledger) Quarantine(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error {
	return l.settle(ctx, w, waxwing.Quarantined, reason, machine.CausePoison, time.Time{}, lk)
}

// Cancel ends a confirmation before anything was rendered.
func (l *Ledger) Cancel(ctx context.Context, w *waxwing.Work, reason string, lk waxwing.Lookup) error {
	cause := machine.CauseOrderGone
	if reason == machine.CauseHoldExpired {
		cause = reason
	}
	return l.settle(ctx, w, waxwing.Cancelled, reason, cause, time.Time{}, lk)
}
