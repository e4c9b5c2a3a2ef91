package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/store"
)

const (
	confirmationColumns = "id, tenant, key, shop, format, state, reason, event, updated, rank, asked, coalesce(due,0), coalesce(released,0), messages, events, dek, trail"
	messageColumns      = "id, tenant, channel, state, reason, locale, resend, coalesce(next_at,0), expires, tries, faults, down_since, attempts, released, digest, trail"
	claimColumns        = "message, instance, dot, at, expires, provider, trail"

	// What layout 7 adds.
	confirmationColumns7 = confirmationColumns + ", kind, part"
	messageColumns7      = messageColumns + ", actor, why, revision"
)

// confirmationsOf and messagesOf are the columns that a connection's file has: the command
// line also reads what an older program writes.
func confirmationsOf(c *db.Conn) string { return since7(c, confirmationColumns7, confirmationColumns) }
func messagesOf(c *db.Conn) string      { return since7(c, messageColumns7, messageColumns) }
func contentsOf(c *db.Conn) string      { return since7(c, "id, body, ingredients", "id, body") }

func since7(c *db.Conn, now, before string) string {
	if layoutOnce(c) < 7 {
		return before
	}
	return now
}

// layoutOnce is the file's layout, asked once: one that grows meanwhile still has the older
// columns.
func layoutOnce(c *db.Conn) int64 {
	if c.Layout == 0 {
		c.Layout, _ = schema.Of(c) // what cannot be read here fails in the statement, too
	}
	return c.Layout
}

func scanConfirmation(v []driver.Value) store.Confirmation {
	c := store.Confirmation{ID: waxwing.ID(db.Int(v[0])), Tenant: db.Int(v[1]), Shop: waxwing.ShopID(db.Text(v[3])), Format: db.Text(v[4]),
		State: waxwing.State(db.Text(v[5])), Reason: db.Text(v[6]), Event: db.Int(v[7]), Updated: db.Int(v[8]), Rank: db.Int(v[9]), Asked: db.Int(v[10]) != 0,
		Due: db.Int(v[11]), Released: db.Int(v[12]), Messages: db.Int(v[13]), Events: db.Int(v[14]), DEK: append([]byte(nil), db.Blob(v[15])...), Trail: db.Text(v[16])}
	copy(c.Key[:], db.Blob(v[2]))
	if len(v) > 17 {
		c.Kind, c.Part = waxwing.Kind(db.Text(v[17])), db.Text(v[18])
	}
	return c
}

func scanMessage(v []driver.Value) store.Message {
	m := store.Message{ID: waxwing.ID(db.Int(v[0])), Tenant: db.Int(v[1]), Channel: waxwing.Channel(db.Text(v[2])), State: waxwing.State(db.Text(v[3])),
		Reason: db.Text(v[4]), Locale: db.Text(v[5]), Resend: db.Int(v[6]) != 0, NextAt: db.Int(v[7]), Expires: db.Int(v[8]), Tries: db.Int(v[9]), Faults: db.Int(v[10]),
		DownSince: db.Int(v[11]), Attempts: db.Int(v[12]), Released: db.Int(v[13]), Digest: append([]byte(nil), db.Blob(v[14])...), Trail: db.Text(v[15])}
	if len(v) > 16 {
		m.Act, m.Revision = waxwing.Act{By: waxwing.Actor(db.Text(v[16])), Reason: db.Text(v[17])}, db.Text(v[18])
	}
	return m
}

func scanClaim(v []driver.Value) store.Claim {
	return store.Claim{Message: waxwing.ID(db.Int(v[0])), Instance: db.Int(v[1]), Dot: db.Int(v[2]) != 0, At: db.Int(v[3]), Expires: db.Int(v[4]),
		Provider: db.Text(v[5]), Trail: db.Text(v[6])}
}

// Most messages have one attempt. It stands in the message's row, which is written with the
// verdict anyway: its parts in "first", and the sealed answer, which an erasure takes away,
// in "answer". Further ones stand in the table attempts, as all of those do that programs
// before layout 9 wrote.

// first says that an attempt goes into its message's row, which it is written with.
func (d *database) first(m *store.Message, a *store.Attempt) bool {
	old, there := d.loaded.Messages[m.ID]
	return there && a.Message == m.ID && a.N == 1 && m.Attempts == 1 && old.Attempts == 0
}

// firstUncertain finds those whose answer was lost: the verdict comes first.
const firstUncertain = `substr(first,1,13)='["uncertain",'`

// firstRoom is written in place of the first attempt until there is one: a row that grew would
// push its neighbours into other pages, all of which would be written.
var firstRoom = strings.Repeat(" ", 128)

// isFirst finds rows that have one.
const isFirst = `substr(first,1,1)='['`

// firstText is an attempt's parts as JSON.
func firstText(a *store.Attempt) string {
	b, _ := json.Marshal([]any{a.Verdict, a.Fault, a.Phase, a.Code, a.Enhanced, a.Began, a.Ended, a.Provider}) // texts and numbers always marshal
	return string(b)
}

// firsts calls f with the first attempts of the messages that have them in their rows. One
// that was changed into something else is none of the trail's, and verify says so.
func firsts(c *db.Conn, where string, f func(*store.Attempt) error, args ...any) error {
	if layoutOnce(c) < 9 {
		return nil
	}
	return c.Query("SELECT id, first, answer FROM messages WHERE "+isFirst+" AND "+where, func(v []driver.Value) error {
		a := store.Attempt{Message: waxwing.ID(db.Int(v[0])), N: 1, Sealed: bytes.Clone(db.Blob(v[2]))}
		parts := []any{&a.Verdict, &a.Fault, &a.Phase, &a.Code, &a.Enhanced, &a.Began, &a.Ended, &a.Provider}
		_ = json.Unmarshal([]byte(db.Text(v[1])), &parts)
		return f(&a)
	}, args...)
}

// rowCache keeps rows under way as they were last written, so that the usual path reads
// nothing: nobody else can change them, since one process has the file. All claims are in
// it, so that a message without one there has none. The writer alone uses it; after a
// transaction that was undone it is empty.
type rowCache struct {
	confirmations map[waxwing.ID]store.Confirmation
	messages      map[waxwing.ID]store.Message
	claims        map[waxwing.ID]store.Claim
	whole         bool // the claims are all there
}

// What bounds the memory of a burst or an outage; what is not kept is read.
const (
	maxConfirmations = 1 << 13
	maxMessages      = 1 << 14
)

func newRowCache() rowCache {
	return rowCache{map[waxwing.ID]store.Confirmation{}, map[waxwing.ID]store.Message{}, map[waxwing.ID]store.Claim{}, false}
}

func (r *rowCache) forget() {
	clear(r.confirmations)
	clear(r.messages)
	clear(r.claims)
	r.whole = false
}

// keep takes rows as they were written. Those that are over will not be wanted.
func (r *rowCache) keep(c *store.Changes) {
	for _, row := range c.Confirmations {
		_, there := r.confirmations[row.ID]
		switch {
		case row.State != waxwing.Received && row.State != waxwing.Ready:
			delete(r.confirmations, row.ID)
		case there || len(r.confirmations) < maxConfirmations:
			r.confirmations[row.ID] = row
		}
	}
	for _, id := range c.Freed {
		delete(r.claims, id)
	}
	for _, m := range c.Messages {
		_, there := r.messages[m.ID]
		switch {
		case m.NextAt == 0:
			delete(r.messages, m.ID)
			delete(r.confirmations, store.ConfirmationOf(m.ID))
		case there || len(r.messages) < maxMessages:
			r.messages[m.ID] = m
		}
	}
	for _, k := range c.Claims {
		r.claims[k.Message] = k
	}
}

// Load gives all rows that keys name: from memory, where only this process can have changed
// them, and else from the file.
func (t *dbTx) Load(ctx context.Context, k *store.Keys) (_ *store.Set, err error) {
	s := t.d.loaded
	s.Clear()
	if len(k.Contents) > 0 || k.Old != nil {
		if err := putContents(t); err != nil {
			return nil, err
		}
	}
	for _, id := range k.Confirmations {
		if err := t.loadConfirmation(s, id); err != nil {
			return nil, err
		}
	}
	for i := range k.Keys {
		if err := (rows{t.c, nil}).confirmations(s, "key=?", k.Keys[i][:]); err != nil {
			return nil, err
		}
	}
	for _, id := range k.Messages {
		if err := t.loadMessage(s, id); err != nil {
			return nil, err
		}
	}
	for _, id := range k.Whole {
		if err := t.loadWhole(s, id); err != nil {
			return nil, err
		}
	}
	if k.Due != nil {
		if err := t.loadDue(s, k.Due); err != nil {
			return nil, err
		}
	}
	for _, id := range k.Instances {
		if err := t.loadInstance(s, id); err != nil {
			return nil, err
		}
	}
	if k.HeldBesides != 0 {
		if err := t.loadClaims(); err != nil {
			return nil, err
		}
		for id, c := range t.d.rows.claims {
			if c.Instance != k.HeldBesides {
				s.Claims[id] = c
			}
		}
	}
	for _, h := range k.People {
		if isBarred(t, h) {
			s.Suppressed[h] = true
		}
	}
	r := rows{t.c, nil}
	if len(k.Lookups) > 0 {
		if r.recent, err = (indexing{t}).recently(); err != nil {
			return nil, err
		}
	}
	return s, errors.Join(r.lookups(s, k.Lookups), r.contents(s, k), r.batches(s, k.Batches), r.own(s, k))
}

// loadInstance loads an instance's row, if it is there.
func (t *dbTx) loadInstance(s *store.Set, id int64) error {
	if in, ok := t.d.instances[id]; ok {
		s.Instances[id] = in
		return nil
	}
	err := rows{t.c, nil}.instances(s, "id=?", id)
	if in, ok := s.Instances[id]; ok && err == nil {
		t.d.instances[id] = in
	}
	return err
}

// loadConfirmation loads a row, if it is there.
func (t *dbTx) loadConfirmation(s *store.Set, id waxwing.ID) error {
	id = store.ConfirmationOf(id)
	if c, ok := t.d.rows.confirmations[id]; ok {
		s.Confirmations[id], s.Keys[c.Key] = c, id
		return nil
	}
	return rows{t.c, nil}.confirmations(s, "id=?", int64(id))
}

// loadMessage loads a message with its claim and doubts, if it is there.
func (t *dbTx) loadMessage(s *store.Set, id waxwing.ID) error {
	if m, ok := t.d.rows.messages[id]; ok {
		return t.addMessage(s, m)
	}
	return t.addMessages(s, "id=?", int64(id))
}

// loadWhole loads a confirmation with all of its messages.
func (t *dbTx) loadWhole(s *store.Set, id waxwing.ID) error {
	if err := t.loadConfirmation(s, id); err != nil {
		return err
	}
	return t.addMessages(s, "id>? AND id<?", int64(id), int64(id)+store.IDStep)
}

// loadDue loads messages whose time has come.
func (t *dbTx) loadDue(s *store.Set, d *store.DueMessages) error {
	which := ""
	if d.Queued {
		which = " AND state='queued'"
	}
	err := t.c.Query("SELECT "+messagesOf(t.c)+` FROM messages WHERE channel=? AND next_at<=?`+which+` AND id NOT IN (SELECT message FROM claims)
		ORDER BY next_at LIMIT ?`, func(v []driver.Value) error {
		m := scanMessage(v)
		s.Messages[m.ID] = m
		s.Due = append(s.Due, m.ID)
		return nil
	}, string(d.Channel), d.At, d.Limit)
	for _, id := range s.Due {
		if err == nil {
			err = t.addMessage(s, s.Messages[id])
		}
	}
	return err
}

// addMessages loads messages with what they need to be decided about.
func (t *dbTx) addMessages(s *store.Set, where string, args ...any) error {
	var all []store.Message
	err := t.c.Query("SELECT "+messagesOf(t.c)+" FROM messages WHERE "+where, func(v []driver.Value) error {
		all = append(all, scanMessage(v))
		return nil
	}, args...)
	for i := range all {
		if err == nil {
			err = t.addMessage(s, all[i])
		}
	}
	return err
}

func (t *dbTx) addMessage(s *store.Set, m store.Message) error {
	s.Messages[m.ID] = m
	if err := t.loadClaims(); err != nil {
		return err
	}
	if k, held := t.d.rows.claims[m.ID]; held {
		s.Claims[m.ID] = k
	}
	if m.Attempts == 0 {
		return nil
	}
	n, err := doubts(t.c, m.ID)
	if n > 0 {
		s.Doubts[m.ID] = n
	}
	return err
}

// loadClaims reads all claims, once, and again after a transaction that was undone.
func (t *dbTx) loadClaims() error {
	r := &t.d.rows
	if r.whole {
		return nil
	}
	err := t.c.Query("SELECT "+claimColumns+" FROM claims", func(v []driver.Value) error {
		k := scanClaim(v)
		if _, there := r.claims[k.Message]; !there {
			r.claims[k.Message] = k
		}
		return nil
	})
	r.whole = err == nil
	return err
}
