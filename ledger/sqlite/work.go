package sqlite

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
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
	ok, err := c.row("SELECT "+fileColumns+" FROM confirmations WHERE id=?", v[:], int64(id&^(idStep-1)))
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
func (l *Ledger) Work(id waxwing.ID) (*waxwing.Work, error) {
	if h := l.hot.get(id); h != nil && h.work != nil {
		return h.work, nil
	}
	var w *waxwing.Work
	var spoiled *file
	err := l.read(func(c *conn) error {
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
		return nil, errors.Join(err, l.spoil(spoiled))
	}
	return w, err
}

// spoil quarantines a confirmation whose event can never be read again: its seal is
// broken, or it is gone. It would go round for ever.
func (l *Ledger) spoil(f *file) error {
	if f.state != waxwing.Received && f.state != waxwing.Held {
		return nil
	}
	return l.do(func(t *tx) error {
		n, err := t.exec("UPDATE confirmations SET state='quarantined', reason='event_unreadable', due=NULL, trail=trail||? WHERE id=? AND state=? AND event=?",
			t.batch, int64(f.id), string(f.state), f.version)
		if err != nil || n == 0 {
			return err
		}
		t.entry(&ledger.Entry{Confirmation: f.id, From: f.state, To: waxwing.Quarantined, Cause: ledger.CausePoison,
			Detail: [][2]string{{"reason", "event_unreadable"}}})
		return nil
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
func (l *Ledger) keysFor(id waxwing.ID) (*tenant, ledger.Key, error) {
	if h := l.hot.get(id); h != nil {
		return h.tenant, h.dek, nil
	}
	var f *file
	err := l.read(func(c *conn) (err error) { f, err = l.openFile(c, id); return err })
	if err == nil && f.erased {
		err = fmt.Errorf("content: %w", waxwing.ErrNotFound)
	}
	if err != nil {
		return nil, ledger.Key{}, err
	}
	return f.t, f.dek, nil
}

// sealedDraft is a draft made ready outside the writer.
type sealedDraft struct {
	d      *waxwing.Draft
	body   []byte
	digest []byte
	people []ledger.Hash
}

type envelope struct {
	From      string `json:"from"`
	To        string `json:"to"`
	MessageID string `json:"mid,omitempty"`
	UTF8      bool   `json:"utf8,omitempty"`
	EightBit  bool   `json:"8bit,omitempty"`
}

const aadMessage = "message|"

func (l *Ledger) sealDraft(t *tenant, dek *ledger.Key, id waxwing.ID, d *waxwing.Draft) (sealedDraft, error) {
	s := sealedDraft{d: d}
	head, err := json.Marshal(envelope{d.From, d.To, d.MessageID, d.SMTPUTF8, d.EightBit})
	if err != nil {
		return s, err
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.plain = append(append(append(sc.plain[:0], head...), '\n'), d.Data...)
	sc.packed = l.packer.pack(sc.packed[:0], sc.plain, d.Dictionary)
	s.body = dek.Sealer().Seal(make([]byte, 0, len(sc.packed)+sealRoom), sc.packed, aadMessage+id.String())
	sum := sha256.Sum256(s.body)
	s.digest = sum[:16]
	if d.To != "" {
		s.people = []ledger.Hash{t.key.Index("person", ledger.NormalisePerson(d.To))}
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

// insertLookups has a confirmation found by these from now on.
func (t *tx) insertLookups(id waxwing.ID, hashes []ledger.Hash) error {
	for _, h := range hashes {
		if _, err := t.exec("INSERT INTO lookups (hash, confirmation) VALUES (?,?) ON CONFLICT DO NOTHING", h[:], int64(id)); err != nil {
			return err
		}
	}
	return nil
}

// Ready records what was rendered: the gate has let the confirmation through
// and its messages are queued. It fails with ErrState where another event, a
// person or another worker was faster; then nothing has happened.
func (l *Ledger) Ready(w *waxwing.Work, drafts []waxwing.Draft, lk waxwing.Lookup, ttl time.Duration) ([]waxwing.ID, error) {
	t, dek, err := l.keysFor(w.ID)
	if err != nil {
		return nil, err
	}
	sealed := make([]sealedDraft, len(drafts))
	ids := make([]waxwing.ID, len(drafts))
	for i := range drafts {
		ids[i] = w.ID | waxwing.ID(w.Next+i)
		if w.Next+i >= idStep {
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
	err = l.do(func(tx *tx) error {
		if err := tx.ready(w, t, dek, sealed, hashes, ttl); err != nil {
			return err
		}
		return tx.insertRuns(t, w.ID, runs)
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func (t *tx) ready(w *waxwing.Work, tn *tenant, dek ledger.Key, sealed []sealedDraft, hashes []ledger.Hash, ttl time.Duration) error {
	now := t.now.UnixMilli()
	n, err := t.exec(`UPDATE confirmations SET state='ready', reason='', due=NULL, released=?, messages=?, trail=trail||?
		WHERE id=? AND state=? AND event=? AND messages=? AND dek IS NOT NULL`,
		now, w.Next-1+len(sealed), t.batch, int64(w.ID), string(w.State), w.Version, w.Next-1)
	if err != nil {
		return err
	}
	if n == 0 {
		t.after = append(t.after, func() { t.l.hot.drop(w.ID) })
		return fmt.Errorf("something else was done to confirmation %s at the same moment: look at it again: %w", w.ID, waxwing.ErrState)
	}
	t.entry(&ledger.Entry{Confirmation: w.ID, From: w.State, To: waxwing.Ready, Cause: ledger.CauseReleased})
	if err := t.insertLookups(w.ID, hashes); err != nil {
		return err
	}
	kept := false
	for i := range sealed {
		id := w.ID | waxwing.ID(w.Next+i)
		state, err := t.insertMessage(id, tn, &sealed[i], now, t.now.Add(ttl).UnixMilli(), ledger.CauseRendered)
		if err != nil {
			return err
		}
		if state == waxwing.Queued && !kept {
			kept = true
			t.rememberMessage(id, tn, dek, w.Shop, sealed[i].d)
		}
	}
	if !kept {
		t.after = append(t.after, func() { t.l.hot.drop(w.ID) })
	}
	return nil
}

func (t *tx) rememberMessage(id waxwing.ID, tn *tenant, dek ledger.Key, shop waxwing.ShopID, d *waxwing.Draft) {
	out := outgoing(id, tn, d.Channel, &envelope{d.From, d.To, d.MessageID, d.SMTPUTF8, d.EightBit}, d.Data)
	conf := id &^ (idStep - 1)
	t.after = append(t.after, func() {
		t.l.hot.put(conf, &hotOne{tenant: tn, dek: dek, shop: shop, out: out})
	})
}

func outgoing(id waxwing.ID, t *tenant, ch waxwing.Channel, e *envelope, data []byte) *waxwing.Outgoing {
	return &waxwing.Outgoing{Message: id, Tenant: t.name, Channel: ch, From: e.From, To: e.To, Data: data,
		IdempotencyKey: t.key.Token(id), SMTPUTF8: e.UTF8, EightBit: e.EightBit}
}

// insertMessage records a message; one to a suppressed address is recorded as
// suppressed and never offered (P6).
func (t *tx) insertMessage(id waxwing.ID, tn *tenant, s *sealedDraft, released, expires int64, cause string) (waxwing.State, error) {
	state, reason := s.d.State, s.d.Reason
	for _, h := range s.people {
		if _, ok := t.l.suppressed[h]; ok {
			state, reason = waxwing.Suppressed, ledger.CauseSuppressed
		}
	}
	next := nullable(0)
	if state == waxwing.Queued {
		next = nullable(t.now.UnixMilli())
	}
	_, err := t.exec(`INSERT INTO messages (id, tenant, channel, state, reason, locale, resend, next_at, expires, released, digest, trail)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`, int64(id), tn.no, string(s.d.Channel), string(state), reason, s.d.Locale,
		one(s.d.Resend), next, expires, released, s.digest, t.batch)
	if err != nil {
		return "", err
	}
	if _, err := t.exec("INSERT INTO contents (id, body) VALUES (?,?)", int64(id), s.body); err != nil {
		return "", err
	}
	if state == waxwing.Queued {
		t.l.desk.add(claimed{id: id, tenant: tn.no, channel: s.d.Channel, state: state, released: released, expires: expires, nextAt: int64(next), resend: s.d.Resend})
	}
	e := ledger.Entry{Confirmation: id &^ (idStep - 1), Message: id, To: state, Cause: cause,
		Detail: [][2]string{{"channel", string(s.d.Channel)}, {"locale", s.d.Locale}, {"digest", hex.EncodeToString(s.digest)}}}
	if reason != "" {
		e.Detail = append(e.Detail, [2]string{"reason", reason})
	}
	if s.d.Resend {
		e.Detail = append(e.Detail, [2]string{"resend", "by a person"})
		e.Detail = append(e.Detail, actDetail(s.d.Act)...)
	}
	t.entry(&e)
	for _, note := range s.d.Notes {
		t.entry(&ledger.Entry{Confirmation: id &^ (idStep - 1), Message: id, Cause: ledger.CauseNote,
			Detail: [][2]string{{"note", clip(note, 200)}}})
	}
	return state, nil
}

// settle moves a confirmation that is not ready to another waiting or final
// state, if it is still as the work says.
func (l *Ledger) settle(w *waxwing.Work, to waxwing.State, reason, cause string, due time.Time, lk waxwing.Lookup) error {
	tn, dek, err := l.keysFor(w.ID)
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
	var at nullable
	if !due.IsZero() {
		at = nullable(due.UnixMilli())
	}
	if err := ledger.Check(w.State, to); err != nil {
		return err
	}
	return l.do(func(t *tx) error {
		n, err := t.exec(`UPDATE confirmations SET state=?, reason=?, due=?, trail=trail||?
			WHERE id=? AND state=? AND event=? AND messages=?`,
			string(to), clip(reason, 300), at, t.batch, int64(w.ID), string(w.State), w.Version, w.Next-1)
		if err != nil {
			return err
		}
		if n == 0 {
			// What is remembered of it may be older than the row: were it kept,
			// every later try would fail here as well.
			t.after = append(t.after, func() { t.l.hot.drop(w.ID) })
			return fmt.Errorf("something else was done to confirmation %s at the same moment: look at it again: %w", w.ID, waxwing.ErrState)
		}
		if err := t.insertLookups(w.ID, hashes); err != nil {
			return err
		}
		t.entry(&ledger.Entry{Confirmation: w.ID, From: w.State, To: to, Cause: cause,
			Detail: [][2]string{{"reason", clip(reason, 300)}}})
		t.after = append(t.after, func() { t.l.hot.drop(w.ID) })
		return t.insertRuns(tn, w.ID, runs)
	})
}

// Hold keeps a confirmation at the gate until a later event or the given time.
func (l *Ledger) Hold(w *waxwing.Work, reason string, until time.Time, lk waxwing.Lookup) error {
	return l.settle(w, waxwing.Held, reason, ledger.CauseGate, until, lk)
}

// Quarantine keeps a confirmation that cannot be normalised, with the reason,
// under whatever could be read of its order.
func (l *Ledger) Quarantine(w *waxwing.Work, reason string, lk waxwing.Lookup) error {
	return l.settle(w, waxwing.Quarantined, reason, ledger.CausePoison, time.Time{}, lk)
}

// Cancel ends a confirmation before anything was rendered.
func (l *Ledger) Cancel(w *waxwing.Work, reason string, lk waxwing.Lookup) error {
	cause := ledger.CauseOrderGone
	if reason == ledger.CauseHoldExpired {
		cause = reason
	}
	return l.settle(w, waxwing.Cancelled, reason, cause, time.Time{}, lk)
}
