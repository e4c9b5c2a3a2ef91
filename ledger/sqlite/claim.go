package sqlite

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// claimed is a message row as the claim found it.
type claimed struct {
	id                              waxwing.ID
	tenant                          int64
	channel                         waxwing.Channel
	state                           waxwing.State
	tries, faults, attempts         int64
	down, released, expires, nextAt int64
}

const claimColumns = "id, tenant, channel, state, tries, faults, attempts, down_since, released, expires, next_at"

func scanClaimed(v []driver.Value) claimed {
	return claimed{waxwing.ID(num(v[0])), num(v[1]), waxwing.Channel(str(v[2])), waxwing.State(str(v[3])),
		num(v[4]), num(v[5]), num(v[6]), num(v[7]), num(v[8]), num(v[9]), num(v[10])}
}

// Claim takes one message for this instance: a compare-and-set in the group
// commit. ErrState says that there is nothing to take: claimed already, sent,
// not yet due, or over.
func (l *Ledger) Claim(id waxwing.ID) (*waxwing.Claim, error) {
	var c *claimed
	err := l.do(func(t *tx) error {
		m, err := t.message(id)
		if err != nil {
			return err
		}
		got, err := t.claim(m)
		if got {
			c = m
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, fmt.Errorf("message %s: nothing to claim: %w", id, waxwing.ErrState)
	}
	return l.fillClaim(c)
}

// ClaimDue takes up to limit messages whose time has come, oldest first. It is
// the sweeper's way: it needs no hint from anyone.
func (l *Ledger) ClaimDue(limit int) ([]*waxwing.Claim, error) {
	var got []claimed
	err := l.do(func(t *tx) error {
		got = got[:0]
		var due []claimed
		err := t.c.query("SELECT "+claimColumns+` FROM messages WHERE next_at<=? AND id NOT IN (SELECT message FROM claims)
			ORDER BY next_at LIMIT ?`, func(v []driver.Value) error {
			due = append(due, scanClaimed(v))
			return nil
		}, t.now.Add(-sweepGrace).UnixMilli(), limit)
		if err != nil {
			return fault{err}
		}
		for i := range due {
			ok, err := t.claim(&due[i])
			if err != nil {
				return err
			}
			if ok {
				got = append(got, due[i])
			}
		}
		return nil
	})
	out := make([]*waxwing.Claim, 0, len(got))
	for i := range got {
		c, e := l.fillClaim(&got[i])
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		out = append(out, c)
	}
	return out, err
}

// sweepGrace keeps the sweeper off messages that the hot path is about to take.
const sweepGrace = time.Second

// claim decides one message: taken, expired, resolved by policy, or not due.
func (t *tx) claim(m *claimed) (bool, error) {
	now := t.now.UnixMilli()
	if m.state != waxwing.Queued && m.state != waxwing.Uncertain || m.nextAt == 0 || m.nextAt > now {
		return false, nil
	}
	if m.expires <= now {
		reason := ledger.CauseExpired
		if m.state == waxwing.Uncertain {
			reason = "expired_uncertain"
		}
		return false, t.finish(m, waxwing.Failed, reason, ledger.CauseExpired)
	}
	if m.state == waxwing.Uncertain && t.l.o.Policy == "assume_sent" {
		return false, t.finish(m, waxwing.Sent, ledger.CauseAssumed, ledger.CauseAssumed)
	}
	if ok, err := t.take(m); !ok {
		return false, err
	}
	conf := m.id &^ (idStep - 1)
	if m.state == waxwing.Uncertain {
		if _, err := t.exec("UPDATE messages SET state='queued' WHERE id=?", int64(m.id)); err != nil {
			return false, err
		}
		t.entry(&ledger.Entry{Confirmation: conf, Message: m.id, From: waxwing.Uncertain, To: waxwing.Queued,
			Cause: ledger.CausePossible, Detail: [][2]string{{"attempt", strconv.FormatInt(m.attempts+1, 10)}}})
	}
	t.entry(&ledger.Entry{Confirmation: conf, Message: m.id, From: waxwing.Queued, To: waxwing.Claimed, Cause: ledger.CauseClaimed})
	return true, nil
}

// finish ends a message that no instance holds.
func (t *tx) finish(m *claimed, to waxwing.State, reason, cause string) error {
	if err := ledger.Check(m.state, to); err != nil {
		return err
	}
	delete(t.l.desk.fresh, m.id)
	if _, err := t.exec("UPDATE messages SET state=?, reason=?, next_at=NULL, trail=trail||? WHERE id=?",
		string(to), reason, t.batch, int64(m.id)); err != nil {
		return err
	}
	t.entry(&ledger.Entry{Confirmation: m.id &^ (idStep - 1), Message: m.id, From: m.state, To: to, Cause: cause,
		Detail: [][2]string{{"reason", reason}}})
	t.after = append(t.after, func() { t.l.hot.drop(m.id &^ (idStep - 1)) })
	return nil
}

// fillClaim adds the content. Content that cannot be read ends the message
// with its reason rather than going round for ever.
func (l *Ledger) fillClaim(m *claimed) (*waxwing.Claim, error) {
	conf := m.id &^ (idStep - 1)
	c := &waxwing.Claim{Confirmation: conf, Tries: int(m.tries), Faults: int(m.faults), Attempt: int(m.attempts) + 1,
		Accepted: conf.Time(), Released: time.UnixMilli(m.released), Expires: time.UnixMilli(m.expires)}
	if m.down != 0 {
		c.DownSince = time.UnixMilli(m.down)
	}
	if m.attempts > 0 {
		if err := l.read(func(cn *conn) (err error) { c.Doubt, err = doubtful(cn, m.id); return err }); err != nil {
			return nil, err
		}
	}
	if h := l.hot.get(conf); h != nil && h.out != nil && h.out.Message == m.id {
		c.Out, c.Shop = *h.out, h.shop
		return c, nil
	}
	err := l.read(func(cn *conn) error {
		f, err := l.openFile(cn, conf)
		if err != nil {
			return err
		}
		if f.erased {
			return errErased
		}
		out, _, err := l.openMessage(cn, f, m.id, m.channel)
		if err != nil {
			return err
		}
		c.Out, c.Shop = *out, f.shop
		return nil
	})
	if err != nil {
		r := &waxwing.Resolution{To: waxwing.Failed, Reason: "content_unreadable"}
		if errors.Is(err, errErased) {
			r.To, r.Reason = waxwing.Cancelled, ledger.CauseErased
		}
		e := l.Resolve(&waxwing.Claim{Out: waxwing.Outgoing{Message: m.id}, Confirmation: conf, Attempt: c.Attempt}, r)
		return nil, errors.Join(fmt.Errorf("message %s: %w", m.id, err), e)
	}
	return c, nil
}

var errErased = fmt.Errorf("its person was erased: %w", waxwing.ErrState)

func doubtful(c *conn, id waxwing.ID) (bool, error) {
	var v [1]driver.Value
	return c.row("SELECT 1 FROM attempts WHERE message=? AND verdict='uncertain' LIMIT 1", v[:], int64(id))
}

func (l *Ledger) openMessage(c *conn, f *file, id waxwing.ID, ch waxwing.Channel) (*waxwing.Outgoing, *envelope, error) {
	var v [1]driver.Value
	ok, err := c.row("SELECT body FROM contents WHERE id=?", v[:], int64(id))
	if err != nil {
		return nil, nil, err
	}
	if !ok || f.erased {
		return nil, nil, fmt.Errorf("content: %w", waxwing.ErrNotFound)
	}
	packed, err := f.dek.Sealer().Open(nil, blob(v[0]), aadMessage+id.String())
	if err != nil {
		return nil, nil, err
	}
	plain, err := l.packer.unpack(packed)
	if err != nil {
		return nil, nil, err
	}
	head, data, ok := bytes.Cut(plain, []byte{'\n'})
	var e envelope
	if !ok || json.Unmarshal(head, &e) != nil {
		return nil, nil, errPacked
	}
	return outgoing(id, f.t, ch, &e, data), &e, nil
}

// CommitDot is the commit point: after it the dot may be written. It succeeds
// once for a claim of this instance that was not cancelled, erased, suppressed
// or taken over, and only before the message expires.
func (l *Ledger) CommitDot(c *waxwing.Claim, provider string) error {
	barred := false
	err := l.do(func(t *tx) error {
		var err error
		if barred, err = t.bar(c); barred || err != nil {
			return err
		}
		ok, err := t.reach(c.Out.Message, provider)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("message %s may not be sent any more: %w", c.Out.Message, waxwing.ErrState)
		}
		t.entry(&ledger.Entry{Confirmation: c.Confirmation, Message: c.Out.Message, From: waxwing.Claimed, To: waxwing.Dot,
			Cause: ledger.CauseCommit, Detail: [][2]string{{"provider", provider}}})
		return nil
	})
	if err == nil && barred {
		err = fmt.Errorf("message %s may not be sent any more: %w", c.Out.Message, waxwing.ErrState)
	}
	return err
}

// bar ends a claimed message whose address was suppressed while it could not
// be stopped: at its commit point, with a verdict after which it would go
// again (P6).
func (t *tx) bar(c *waxwing.Claim) (bool, error) {
	tn, err := t.l.tenant(c.Out.Tenant)
	if err != nil || len(t.l.suppressed) == 0 {
		return false, nil
	}
	if _, ok := t.l.suppressed[tn.key.Index("person", ledger.NormalisePerson(c.Out.To))]; !ok {
		return false, nil
	}
	h, ok, err := t.holding(c.Out.Message)
	if err != nil || !ok || h.dot {
		return false, err
	}
	to := waxwing.Suppressed
	if c.Doubt {
		to = waxwing.Cancelled // may have been sent: never "suppressed"
	}
	if err := t.let(c.Out.Message); err != nil {
		return false, err
	}
	if _, err := t.exec("UPDATE messages SET trail=trail||? WHERE id=?", h.trail, int64(c.Out.Message)); err != nil {
		return false, err
	}
	return true, t.finish(&claimed{id: c.Out.Message, state: waxwing.Claimed}, to, ledger.CauseSuppressed, ledger.CauseSuppressed)
}

// Resolve records what an attempt came to and what follows from it.
func (l *Ledger) Resolve(c *waxwing.Claim, r *waxwing.Resolution) error {
	var reply []byte
	var sealed []sealedDraft
	var hashes []ledger.Hash
	var tn *tenant
	if r.Attempt.Reply != "" || r.Attempt.Ref != "" || len(r.Fallback) > 0 {
		t, dek, err := l.keysFor(c.Confirmation)
		if err == nil { // erased meanwhile: nothing of it is kept
			tn = t
			reply = sealReply(&dek, c.Out.Message, &r.Attempt)
			hashes = index(t, r.Lookup)
			for i := range r.Fallback {
				s, err := l.sealDraft(t, &dek, c.Out.Message+waxwing.ID(1+i), &r.Fallback[i])
				if err != nil {
					return err
				}
				sealed = append(sealed, s)
			}
		}
	}
	err := l.do(func(t *tx) error { return t.resolve(c, r, reply, sealed, hashes, tn) })
	if errors.Is(err, errNoFallback) { // a person's resend came in between: it goes its own way
		return l.do(func(t *tx) error { return t.resolve(c, r, reply, nil, nil, tn) })
	}
	return err
}

type replyJSON struct {
	Reply string `json:"reply,omitempty"`
	Ref   string `json:"ref,omitempty"`
}

func sealReply(dek *ledger.Key, id waxwing.ID, a *waxwing.Attempt) []byte {
	if a.Reply == "" && a.Ref == "" {
		return nil
	}
	b, _ := json.Marshal(replyJSON{a.Reply.Reveal(), a.Ref}) // strings always marshal
	return dek.Sealer().Seal(nil, b, "attempt|"+id.String())
}

func (t *tx) resolve(c *waxwing.Claim, r *waxwing.Resolution, reply []byte, sealed []sealedDraft, hashes []ledger.Hash, tn *tenant) error {
	id := c.Out.Message
	h, ok, err := t.holding(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("message %s is not held any more: %w", id, waxwing.ErrState)
	}
	from := waxwing.Claimed
	if h.dot {
		from = waxwing.Dot
	}
	if r.To == waxwing.Queued || r.To == waxwing.Uncertain {
		gone, err := t.erased(c.Confirmation)
		if err != nil {
			return err
		}
		if gone { // while it was at its commit point: there is nothing left to offer
			end := *r
			end.To, end.Reason, end.NextAt = waxwing.Cancelled, ledger.CauseErased, time.Time{}
			r = &end
		}
	}
	if err := ledger.Check(from, r.To); err != nil {
		return err
	}
	if len(sealed) > 0 { // before anything is written: the number may be taken
		if err := t.reserve(c, len(sealed)); err != nil {
			return err
		}
	}
	if err := t.let(id); err != nil {
		return err
	}
	if err := t.settleMessage(c, r, h.trail); err != nil {
		return err
	}
	t.verdictEntry(c, r, from)
	if r.Attempt.Verdict != "" {
		if err := t.insertAttempt(id, c.Attempt, &r.Attempt, reply); err != nil {
			return err
		}
	}
	if len(sealed) > 0 {
		return t.fallback(c, tn, sealed, hashes)
	}
	if r.To.Terminal() {
		t.after = append(t.after, func() { t.l.hot.drop(c.Confirmation) })
	}
	return nil
}

func (t *tx) erased(id waxwing.ID) (bool, error) {
	var v [1]driver.Value
	ok, err := t.c.row("SELECT dek IS NULL FROM confirmations WHERE id=?", v[:], int64(id))
	if err != nil {
		return false, fault{err}
	}
	return ok && num(v[0]) != 0, nil
}

func (t *tx) settleMessage(c *waxwing.Claim, r *waxwing.Resolution, claimTrail string) error {
	next := nullable(0)
	if r.To == waxwing.Queued || r.To == waxwing.Uncertain {
		if !r.NextAt.IsZero() {
			at := r.NextAt
			if at.After(c.Expires) {
				at = c.Expires
			}
			next = nullable(at.UnixMilli())
		}
	}
	tries, faults, attempts := c.Tries, 0, c.Attempt-1
	if r.Counts {
		tries++
	}
	if f := r.Attempt.Fault; f == waxwing.ProviderFault || f == waxwing.TransportFault {
		faults = c.Faults + 1
	}
	if r.Attempt.Verdict != "" {
		attempts++
	}
	down := int64(0)
	if !r.DownSince.IsZero() {
		down = r.DownSince.UnixMilli()
	}
	_, err := t.exec(`UPDATE messages SET state=?, reason=?, next_at=?, tries=?, faults=?, down_since=?, attempts=?, trail=trail||? WHERE id=?`,
		string(r.To), clip(r.Reason, 200), next, tries, faults, down, attempts, claimTrail+t.batch, int64(c.Out.Message))
	return err
}

func (t *tx) verdictEntry(c *waxwing.Claim, r *waxwing.Resolution, from waxwing.State) {
	a := &r.Attempt
	e := ledger.Entry{Confirmation: c.Confirmation, Message: c.Out.Message, From: from, To: r.To, Cause: ledger.CauseVerdict}
	if a.Verdict == "" {
		e.Cause = ledger.CauseNote
	} else {
		e.Detail = append(e.Detail, [2]string{"attempt", strconv.Itoa(c.Attempt)}, [2]string{"provider", a.Provider},
			[2]string{"verdict", string(a.Verdict)}, [2]string{"phase", string(a.Phase)})
	}
	if a.Fault != "" {
		e.Detail = append(e.Detail, [2]string{"fault", string(a.Fault)})
	}
	if a.Code != 0 {
		e.Detail = append(e.Detail, [2]string{"code", strconv.Itoa(a.Code)})
	}
	if r.Reason != "" {
		e.Detail = append(e.Detail, [2]string{"reason", clip(r.Reason, 200)})
	}
	t.entry(&e)
}

func (t *tx) insertAttempt(id waxwing.ID, n int, a *waxwing.Attempt, reply []byte) error {
	_, err := t.exec(`INSERT INTO attempts (message, n, provider, verdict, fault, phase, code, enhanced, began, ended, sealed)
		VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, int64(id), n, a.Provider, string(a.Verdict), string(a.Fault),
		string(a.Phase), a.Code, a.Enhanced, ms(a.Began), ms(a.Ended), reply)
	return err
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// reserve takes the numbers that the caller has sealed the fallback under.
func (t *tx) reserve(c *waxwing.Claim, n int) error {
	have := int64(c.Out.Message & (idStep - 1))
	k, err := t.exec("UPDATE confirmations SET messages=messages+? WHERE id=? AND messages=? AND messages+?<? AND dek IS NOT NULL",
		n, int64(c.Confirmation), have, n, idStep)
	if err == nil && k == 0 {
		err = fmt.Errorf("message %s is not the newest: no fallback for it: %w", c.Out.Message, errNoFallback)
	}
	return err
}

var errNoFallback = errors.New("no fallback")

func (t *tx) fallback(c *waxwing.Claim, tn *tenant, sealed []sealedDraft, hashes []ledger.Hash) error {
	for _, h := range hashes {
		if _, err := t.exec("INSERT INTO lookups (hash, confirmation) VALUES (?,?) ON CONFLICT DO NOTHING", h[:], int64(c.Confirmation)); err != nil {
			return err
		}
	}
	for i := range sealed {
		id := c.Out.Message + waxwing.ID(1+i)
		if _, err := t.insertMessage(id, tn, &sealed[i], ms(c.Released), ms(c.Expires), ledger.CauseFallback); err != nil {
			return err
		}
	}
	return nil
}

// takeOver gives free what a dead instance held: claimed goes back to the
// queue, dot becomes uncertain (DESIGN.md, Claims).
func (l *Ledger) takeOver(t *tx) error {
	type row struct {
		id       waxwing.ID
		instance int64
		dot      bool
		at       int64
		provider string
		trail    string
		attempts int64
	}
	var rows []row
	err := t.c.query(`SELECT c.message, c.instance, c.dot, c.at, c.provider, c.trail, m.attempts FROM claims c
		JOIN messages m ON m.id=c.message`, func(v []driver.Value) error {
		rows = append(rows, row{waxwing.ID(num(v[0])), num(v[1]), num(v[2]) != 0, num(v[3]), str(v[4]), str(v[5]), num(v[6])})
		return nil
	})
	if err != nil {
		return fault{err}
	}
	for _, r := range rows {
		e := ledger.Entry{Confirmation: r.id &^ (idStep - 1), Message: r.id, From: waxwing.Claimed, To: waxwing.Queued,
			Cause: ledger.CauseTakeover, Detail: [][2]string{{"instance", strconv.FormatInt(r.instance, 10)}}}
		state, next, attempts := waxwing.Queued, nullable(t.now.UnixMilli()), r.attempts
		if r.dot {
			e.From, e.To, state = waxwing.Dot, waxwing.Uncertain, waxwing.Uncertain
			next = nullable(t.now.Add(l.o.After).UnixMilli())
			if l.o.Policy == "hold" {
				next = 0
			}
			attempts++
			a := waxwing.Attempt{Provider: r.provider, Verdict: waxwing.UncertainVerdict, Phase: waxwing.PhaseDot,
				Began: time.UnixMilli(r.at), Ended: t.now}
			if err := t.insertAttempt(r.id, int(attempts), &a, nil); err != nil {
				return err
			}
		}
		_, err := t.exec("UPDATE messages SET state=?, next_at=?, attempts=?, trail=trail||? WHERE id=?",
			string(state), next, attempts, r.trail+t.batch, int64(r.id))
		if err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM claims WHERE message=?", int64(r.id)); err != nil {
			return err
		}
		t.entry(&e)
		l.taken++
	}
	return nil
}
