package sqlite

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// idStep leaves six bits for the messages and events of a confirmation.
const idStep = 64

// sweepAfter is how long the hot path has before the sweeper looks.
const sweepAfter = 2 * time.Second

// arrival is an event made ready outside the writer: keyed, packed, sealed.
type arrival struct {
	t       *tenant
	ev      *waxwing.Event
	key     ledger.Hash
	dek     ledger.Key
	wrapped []byte
	body    []byte
	updated int64
	hashes  []ledger.Hash // what it is found by, where it is not due to be read
	maybe   bool          // its mail may have gone out in a time that the ledger lost
}

const (
	aadEvent   = "event|"
	aadDataKey = "dek|"
)

// Accept records an event and returns when it is on disk. The same order again
// gives the same id. It never returns a receipt for what a crash could lose.
func (l *Ledger) Accept(ev *waxwing.Event) (waxwing.Receipt, error) {
	t, err := l.tenant(ev.Tenant)
	if err != nil {
		return waxwing.Receipt{}, err
	}
	a := &arrival{t: t, ev: ev, dek: ledger.NewKey(), hashes: index(t, ev.Lookup), maybe: l.maybeSent(ev)}
	if !ev.Key.UpdatedAt.IsZero() {
		a.updated = ev.Key.UpdatedAt.UnixMilli()
	}
	switch {
	case ev.Source == waxwing.SourcePing:
		// Nobody signed it: one row a shop and day, however many come and whatever they hold.
		a.key = t.key.Index("ping", string(ev.Shop), ev.At.UTC().Format(time.DateOnly))
	case ev.Poison != "":
		a.key = t.key.Index("raw", string(ev.Shop), string(ev.Raw))
	case ev.Key.Ignore != "":
		a.key = t.key.Index("ignored", string(ev.Shop), rand.Text())
	default:
		a.key = t.key.Index("order", string(ev.Shop), ev.Key.OrderID, "confirmation", "0")
	}
	a.wrapped = t.key.Wrap(&a.dek, aadDataKey+string(a.key[:]))
	a.seal(l)

	var rc waxwing.Receipt
	var old *existing
	err = l.do(func(t *tx) error {
		var err error
		rc, old, err = t.accept(a)
		return err
	})
	if err == nil && old != nil {
		rc, err = l.replace(a, old)
	}
	return rc, err
}

// sealRoom is what a seal adds: nonce and tag.
const sealRoom = 12 + 16

func (a *arrival) seal(l *Ledger) {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.packed = l.packer.pack(sc.packed[:0], a.ev.Raw, "")
	a.body = a.dek.Sealer().Seal(make([]byte, 0, len(sc.packed)+sealRoom), sc.packed, aadEvent+string(a.key[:]))
}

func (a *arrival) first() (waxwing.State, string, string) {
	switch {
	case a.ev.Poison != "":
		return waxwing.Quarantined, clip(a.ev.Poison, 300), ledger.CausePoison
	case a.ev.Key.Ignore != "":
		return waxwing.Ignored, clip(a.ev.Key.Ignore, 100), ledger.CauseIgnored
	case a.maybe:
		return waxwing.Held, ledger.CauseLoss, ledger.CauseLoss
	case a.ev.Stale || a.ev.Old:
		return waxwing.Held, ledger.CauseStale, ledger.CauseStale
	}
	return waxwing.Received, "", ledger.CauseAccepted
}

func (t *tx) newID() waxwing.ID {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	id := waxwing.NewID(t.now, t.l.lastID, binary.BigEndian.Uint32(b[:]))
	id = (id + idStep - 1) &^ (idStep - 1)
	t.l.lastID = id
	return id
}

func (t *tx) accept(a *arrival) (rc waxwing.Receipt, old *existing, err error) {
	before := t.l.lastID
	id := t.newID()
	state, reason, cause := a.first()
	due := nullable(0)
	if state == waxwing.Received {
		due = nullable(t.now.Add(sweepAfter).UnixMilli())
	}
	n, err := t.exec(`INSERT INTO confirmations (id, tenant, key, shop, format, state, reason, event, updated, rank, due, dek, trail)
		VALUES (?,?,?,?,?,?,?,0,?,?,?,?,?) ON CONFLICT (key) DO NOTHING`,
		int64(id), a.t.no, a.key[:], string(a.ev.Shop), a.ev.Format, string(state), reason, a.updated,
		a.ev.Key.Rank, due, a.wrapped, t.batch)
	if err != nil {
		return rc, nil, err
	}
	if n == 0 {
		t.l.lastID = before
		return t.again(a)
	}
	if err := t.insertEvent(id, a); err != nil {
		return rc, nil, err
	}
	if err := t.insertLookups(id, a.hashes); err != nil {
		return rc, nil, err
	}
	e := ledger.Entry{Confirmation: id, To: state, Cause: cause,
		Detail: [][2]string{{"source", a.ev.Source}, {"shop", string(a.ev.Shop)}}}
	if reason != "" && cause != reason {
		e.Detail = append(e.Detail, [2]string{"reason", reason})
	}
	t.entry(&e)
	if state == waxwing.Received {
		t.remember(id, a, 0)
	}
	return waxwing.Receipt{ID: id, State: state, New: true, Work: state == waxwing.Received}, nil, nil
}

func (t *tx) insertEvent(id waxwing.ID, a *arrival) error {
	_, err := t.exec("INSERT INTO events (id, source, topic, at, updated, body) VALUES (?,?,?,?,?,?)",
		int64(id), a.ev.Source, clip(a.ev.Topic, 64), a.ev.At.UnixMilli(), a.updated, a.body)
	return err
}

func (t *tx) remember(id waxwing.ID, a *arrival, version int64) {
	created := id.Time()
	t.after = append(t.after, func() {
		t.l.hot.put(id, &hotOne{tenant: a.t, dek: a.dek, shop: a.ev.Shop,
			work: &waxwing.Work{ID: id, Tenant: a.ev.Tenant, Shop: a.ev.Shop, Format: a.ev.Format,
				Topic: a.ev.Topic, Raw: a.ev.Raw, State: waxwing.Received, Version: version, Created: created,
				Next: 1, Token: a.t.key.Token(id | 1)}})
	})
}

// existing is a confirmation that an event speaks of again.
type existing struct {
	id      waxwing.ID
	state   waxwing.State
	version int64
	events  int64
	updated int64
	rank    int64
	wrapped []byte
	fresh   bool // it was news when it came, or someone asked for its mail
	maybe   bool // its mail may have gone out in a time that the ledger lost, and nobody released it
}

func (t *tx) find(key ledger.Hash) (*existing, error) {
	var v [9]driver.Value
	ok, err := t.c.row(`SELECT id, state, event, events, updated, rank, dek, reason, asked FROM confirmations WHERE key=?`, v[:], key[:])
	if err != nil {
		return nil, fault{err}
	}
	if !ok {
		return nil, waxwing.ErrNotFound
	}
	held, why := str(v[1]) == string(waxwing.Held), str(v[7])
	return &existing{id: waxwing.ID(num(v[0])), state: waxwing.State(str(v[1])), version: num(v[2]), events: num(v[3]),
		updated: num(v[4]), rank: num(v[5]), wrapped: append([]byte(nil), blob(v[6])...),
		fresh: num(v[8]) != 0 || str(v[1]) == string(waxwing.Received) || held && why != ledger.CauseStale,
		maybe: held && why == ledger.CauseLoss}, nil
}

// again judges an event of an order that is known. A newer one must be sealed
// with the confirmation's own data key, which is the caller's work: then old
// is returned and replace follows.
func (t *tx) again(a *arrival) (waxwing.Receipt, *existing, error) {
	old, err := t.find(a.key)
	if err != nil {
		return waxwing.Receipt{}, nil, err
	}
	rc := waxwing.Receipt{ID: old.id, State: old.state}
	if a.ev.Source == waxwing.SourcePing {
		return rc, nil, nil // known today already: nobody may fill the trail with it either
	}
	if old.newer(a) && len(old.wrapped) > 0 && a.ev.Poison == "" {
		return rc, old, nil
	}
	t.entry(&ledger.Entry{Confirmation: old.id, Cause: ledger.CauseDuplicate,
		Detail: [][2]string{{"source", a.ev.Source}}})
	_, err = t.exec("UPDATE confirmations SET trail=trail||? WHERE id=?", t.batch, int64(old.id))
	return rc, nil, err
}

// newer: the shop's updated_at decides; of two events of one second the one
// that says more (paid rather than created) does.
func (old *existing) newer(a *arrival) bool {
	if a.updated != old.updated {
		return a.updated > old.updated
	}
	return int64(a.ev.Key.Rank) > old.rank
}

// maxEvents is how many events of one confirmation are kept; of more only the
// trail tells.
const maxEvents = 60

func (l *Ledger) replace(a *arrival, old *existing) (waxwing.Receipt, error) {
	dek, err := a.t.key.Unwrap(old.wrapped, aadDataKey+string(a.key[:]))
	if err != nil {
		return waxwing.Receipt{}, err
	}
	a.dek = dek
	a.seal(l)
	var rc waxwing.Receipt
	err = l.do(func(t *tx) error {
		now, err := t.find(a.key)
		if err != nil {
			return err
		}
		rc, err = t.replace(a, now)
		return err
	})
	return rc, err
}

func (t *tx) replace(a *arrival, old *existing) (waxwing.Receipt, error) {
	rc := waxwing.Receipt{ID: old.id, State: old.state}
	if !old.newer(a) || len(old.wrapped) == 0 {
		return rc, nil
	}
	open := old.state == waxwing.Received || old.state == waxwing.Held || old.state == waxwing.Quarantined
	kept := old.events < maxEvents
	if kept {
		if err := t.insertEvent(old.id|waxwing.ID(old.events), a); err != nil {
			return rc, err
		}
	}
	if !open || !kept {
		t.entry(&ledger.Entry{Confirmation: old.id, Cause: ledger.CauseLate, Detail: [][2]string{{"source", a.ev.Source}}})
		_, err := t.exec("UPDATE confirmations SET events=events+?, trail=trail||? WHERE id=?", one(kept), t.batch, int64(old.id))
		return rc, err
	}
	to, reason, _ := a.first()
	switch {
	case old.maybe: // a person looks first, whatever the shop says meanwhile
		to, reason = waxwing.Held, ledger.CauseLoss
	case old.fresh && !a.ev.Stale:
		to, reason = waxwing.Received, ""
	}
	due := nullable(0)
	if to == waxwing.Received {
		due = nullable(t.now.Add(sweepAfter).UnixMilli())
	}
	// The format, too: an order held by webhook may be paid by the API.
	_, err := t.exec(`UPDATE confirmations SET state=?, reason=?, format=?, event=?, updated=?, rank=?, due=?,
		events=events+1, trail=trail||? WHERE id=?`, string(to), reason, a.ev.Format, old.events, a.updated, a.ev.Key.Rank,
		due, t.batch, int64(old.id))
	if err != nil {
		return rc, err
	}
	t.entry(&ledger.Entry{Confirmation: old.id, From: old.state, To: to, Cause: ledger.CauseReplaced,
		Detail: [][2]string{{"source", a.ev.Source}}})
	t.after = append(t.after, func() { t.l.hot.drop(old.id) })
	rc.State, rc.Work = to, to == waxwing.Received
	return rc, nil
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
