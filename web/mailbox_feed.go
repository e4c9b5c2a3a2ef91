package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// row is one line of the mailbox's list: a letter, or an order that has none.
type row struct {
	N       int             `json:"n"`
	Version int             `json:"v"`
	Letter  bool            `json:"letter"` // something was received
	Gone    bool            `json:"gone,omitempty"`
	Channel waxwing.Channel `json:"channel"`
	Tenant  string          `json:"tenant"`
	Brand   string          `json:"brand"`
	Color   string          `json:"color"`
	To      string          `json:"to"`
	Name    string          `json:"name"`
	Order   string          `json:"order"`
	Shop    string          `json:"shop"`
	Subject string          `json:"subject"`
	Locale  string          `json:"locale"`
	At      time.Time       `json:"at"`
	State   waxwing.State   `json:"state"`
	Reason  string          `json:"reason,omitempty"`
	Badges  []string        `json:"badges"`
	letter  *Letter
	file    *file
	nth     int // which copy of its message it is, from 1
}

func (r *row) sender(t mailboxTenant) { r.Tenant, r.Brand, r.Color = t.id, t.name, t.color }

// file is what the mailbox knows of one confirmation.
type file struct {
	tenant  mailboxTenant
	view    *waxwing.ConfirmationView
	order   string // its number
	name    string
	email   string
	locale  string
	changed time.Time
	rows    []*row
	pending *row // shown while there is no letter
}

// Counts are the numbers in the page's top strip.
type counts struct {
	Accepted    int `json:"accepted"`
	Sent        int `json:"sent"`
	Retrying    int `json:"retrying"`
	Uncertain   int `json:"uncertain"`
	Held        int `json:"held"`
	Quarantined int `json:"quarantined"`
	Failed      int `json:"failed"`
}

func sortedNames(m map[string]config.Tenant) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// add gives a row its number. m.mu is held.
func (m *Mailbox) add(r *row) {
	r.N = len(m.rows) + 1
	if r.Badges == nil {
		r.Badges = []string{}
	}
	m.rows = append(m.rows, r)
	m.touch(r)
}

func (m *Mailbox) touch(r *row) {
	m.version++
	r.Version = m.version
}

// feed answers what changed after ?since=, which is 0 at first.
func (m *Mailbox) feed(w http.ResponseWriter, r *http.Request) {
	since, _ := strconv.Atoi(r.URL.Query().Get("since"))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look(r.Context())
	out := struct {
		Version int    `json:"version"`
		Opened  int64  `json:"opened"` // another number is another mailbox: begin anew
		Counts  counts `json:"counts"`
		Rows    []row  `json:"rows"`
	}{m.version, m.opened.UnixMilli(), m.count(), []row{}}
	for _, x := range m.rows {
		if x.Version > since {
			out.Rows = append(out.Rows, *x)
		}
	}
	m.json(w, out)
}

// look reads the ledger, at most three times a second however many watch.
func (m *Mailbox) look(ctx context.Context) {
	now := time.Now()
	if m.books == nil || now.Sub(m.looked) < 300*time.Millisecond {
		return
	}
	m.looked = now
	for _, t := range m.tenants {
		m.discover(ctx, t)
	}
	for _, f := range m.files {
		if !f.settled(now) {
			m.renew(ctx, f, now)
		}
	}
	for _, r := range m.rows {
		if r.letter != nil && r.file == nil {
			m.join(r)
		}
	}
	for _, f := range m.files {
		m.show(f, now)
	}
}

// discover adds a tenant's new confirmations.
func (m *Mailbox) discover(ctx context.Context, t mailboxTenant) {
	q := waxwing.Query{Tenant: waxwing.TenantID(t.id), Limit: 100}
	top := m.newest[t.id]
	for {
		found, err := m.books.List(ctx, q)
		if err != nil {
			return // a ledger that is closing; the next look tells
		}
		for i := range found {
			v := &found[i]
			if v.ID <= top || v.Created.Before(m.opened) || len(m.files) >= maxRows {
				return
			}
			m.newest[t.id] = max(m.newest[t.id], v.ID)
			if v.State != waxwing.Ignored {
				m.files[v.ID] = &file{tenant: t, view: v}
			}
		}
		if len(found) < q.Limit {
			return
		}
		q.Before = found[len(found)-1].ID
	}
}

// settled says that nothing more is expected; a repeated webhook may still come
// a while after.
func (f *file) settled(now time.Time) bool {
	if f.changed.IsZero() || now.Sub(f.changed) < 20*time.Second {
		return false
	}
	return f.view.State.Terminal()
}

func (m *Mailbox) renew(ctx context.Context, f *file, now time.Time) {
	v, err := m.books.Get(ctx, waxwing.TenantID(f.tenant.id), f.view.ID)
	if err != nil {
		return
	}
	if f.changed.IsZero() || len(v.Trail) != len(f.view.Trail) || v.State != f.view.State {
		f.changed = now
	}
	f.view = v
	for _, msg := range v.Messages {
		f.locale = msg.Locale
		switch {
		case msg.To == "":
		case msg.Channel == waxwing.Email:
			m.mails[msg.MessageID] = f
		case m.texts[msg.To] == nil || m.texts[msg.To].view.ID < v.ID:
			m.texts[msg.To] = f
		}
	}
	if f.order == "" {
		m.read(ctx, f)
	}
}

// read takes number and customer from the order itself.
func (m *Mailbox) read(ctx context.Context, f *file) {
	format, topic, raw, err := m.books.Raw(ctx, waxwing.TenantID(f.tenant.id), f.view.ID)
	if err != nil {
		return
	}
	if x, ok := m.c.Formats[format]; ok {
		if o, err := x.Normalise(topic, raw); err == nil {
			f.order, f.name, f.email = o.Number, o.Customer.FullName(), o.Customer.Email
			if f.locale == "" {
				f.locale = o.Locale
			}
		}
	}
}

// join finds a letter's confirmation.
func (m *Mailbox) join(r *row) {
	f := m.mails[r.letter.ID]
	if r.Channel != waxwing.Email {
		f = m.texts[r.To]
	}
	if f == nil {
		return
	}
	r.file = f
	for _, x := range f.rows {
		if x.letter.ID == r.letter.ID {
			r.nth = x.nth
		}
	}
	r.nth++
	f.rows = append(f.rows, r)
}

// show brings a confirmation's rows up to date.
func (m *Mailbox) show(f *file, now time.Time) {
	for _, r := range f.rows {
		m.update(r, f, f.badges(r))
	}
	switch {
	case len(f.rows) > 0:
		if p := f.pending; p != nil && !p.Gone {
			p.Gone = true
			m.touch(p)
		}
	case f.pending != nil:
		m.update(f.pending, f, f.badges(f.pending))
	case now.Sub(f.view.Created) > 700*time.Millisecond && len(m.rows) < maxRows:
		f.pending = &row{At: f.view.Created, Channel: waxwing.Email, To: f.email, file: f}
		m.add(f.pending)
		m.update(f.pending, f, f.badges(f.pending))
	}
}

// update touches the row only where something that is shown has changed.
func (m *Mailbox) update(r *row, f *file, badges []string) {
	state, reason := f.stateOf(r)
	locale := r.Locale
	if locale == "" {
		locale = f.locale
	}
	if r.Brand == f.tenant.name && r.State == state && r.Reason == reason && r.Order == f.order && r.Locale == locale && slices.Equal(r.Badges, badges) {
		return
	}
	r.sender(f.tenant)
	r.State, r.Reason, r.Order, r.Name, r.Locale, r.Shop, r.Badges = state, reason, f.order, f.name, locale, string(f.view.Shop), badges
	m.touch(r)
}

// stateOf is the state of the row's message, or of the confirmation.
func (f *file) stateOf(r *row) (waxwing.State, string) {
	if r.letter != nil {
		for _, msg := range f.view.Messages {
			if r.Channel == msg.Channel && (r.Channel != waxwing.Email || msg.MessageID == r.letter.ID) {
				return msg.State, msg.Reason
			}
		}
	}
	if n := len(f.view.Messages); n > 0 {
		return f.view.State, f.view.Messages[n-1].Reason
	}
	return f.view.State, f.view.Reason
}

// badges are what is worth a word about a row.
func (f *file) badges(r *row) []string {
	out := []string{}
	add := func(b string, when bool) {
		if when && !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	possible := false
	for _, e := range f.view.Trail {
		add("was held", e.Cause == "gate" && f.view.State != waxwing.Held)
		add("repeat absorbed", e.Cause == "duplicate_event")
		possible = possible || e.Cause == "possible_duplicate"
	}
	refused := false
	for _, msg := range f.view.Messages {
		add("retried", msg.Channel == r.Channel && len(msg.Attempts) > 0 && msg.Attempts[0].Verdict == waxwing.Deferred)
		refused = refused || msg.Channel == waxwing.Email && (msg.State == waxwing.Failed || msg.State == waxwing.Cancelled)
	}
	add("fallback", refused && r.Channel != waxwing.Email)
	add("answer lost", possible && r.nth == 1)
	add("possible duplicate", r.nth > 1)
	return out
}

// count sums up the states.
func (m *Mailbox) count() (c counts) {
	for _, f := range m.files {
		c.Accepted++
		switch f.view.State {
		case waxwing.Sent:
			c.Sent++
		case waxwing.Held:
			c.Held++
		case waxwing.Quarantined:
			c.Quarantined++
		case waxwing.Failed:
			c.Failed++
		case waxwing.Uncertain:
			c.Uncertain++
		case waxwing.Queued, waxwing.Claimed, waxwing.Dot:
			for _, msg := range f.view.Messages {
				if !msg.State.Terminal() && len(msg.Attempts) > 0 {
					c.Retrying++
					break
				}
			}
		}
	}
	return c
}
