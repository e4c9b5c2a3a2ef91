package mailbox

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/web/letter"
)

// list is what the mailbox shows: letters, and the confirmations of a ledger, as rows. It
// keeps them in memory, up to maxRows.
type list struct {
	formats map[string]waxwing.Format

	mu      sync.Mutex
	books   Books
	tenants []tenant
	opened  time.Time
	looked  time.Time // when the ledger was last asked
	version int       // of the newest change
	rows    []*row    // their number is their place, from 1
	files   map[waxwing.ID]*file
	mails   map[string]*file      // by Message-ID
	texts   map[string]*file      // by number, the newest
	newest  map[string]waxwing.ID // by tenant
}

func newList(formats map[string]waxwing.Format) *list {
	return &list{formats: formats, files: map[waxwing.ID]*file{}, mails: map[string]*file{}, texts: map[string]*file{},
		newest: map[string]waxwing.ID{}, opened: time.Now()}
}

// open has the list show what a ledger holds for the tenants of a configuration.
func (l *list) open(c *config.Config, books Books) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books, l.tenants = books, nil
	for _, id := range sortedNames(c.Tenants) {
		t := c.Tenants[id]
		l.tenants = append(l.tenants, tenant{id, t.Name, t.Brand.Color, t.From})
	}
}

// maxRows bounds the memory of a demonstration that is left alone.
const maxRows = 2000

// take adds a letter.
func (l *list) take(x Letter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rows) >= maxRows {
		return
	}
	r := &row{letter: &x, At: x.At, Channel: x.Channel, To: x.To, Letter: true}
	if x.Channel == waxwing.Email {
		p := letter.Open(x.Data)
		r.Subject, r.Locale = p.Subject, p.Language
		for _, t := range l.tenants {
			if t.from == x.From || t.from == p.Sender {
				r.sender(t)
			}
		}
	} else {
		r.Subject = string(x.Data)
	}
	l.add(r)
	l.looked = time.Time{} // the ledger has news
}

// row is the n-th, from 1; nil: there is none.
func (l *list) row(n int) *row {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 1 || n > len(l.rows) {
		return nil
	}
	return l.rows[n-1]
}

// fileOf is what is known of a row's confirmation, and where to ask for more; nil: nothing yet.
func (l *list) fileOf(x *row) (*file, Books) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return x.file, l.books
}

// page is what the page asks for once a second: what has changed.
type page struct {
	Version int    `json:"version"`
	Opened  int64  `json:"opened"` // another number is another mailbox: begin anew
	Counts  counts `json:"counts"`
	Rows    []row  `json:"rows"`
}

// add gives a row its number. l.mu is held.
func (l *list) add(r *row) {
	r.N = len(l.rows) + 1
	if r.Badges == nil {
		r.Badges = []string{}
	}
	l.rows = append(l.rows, r)
	l.touch(r)
}

func (l *list) touch(r *row) {
	l.version++
	r.Version = l.version
}

// since gives the rows that have changed after a version, once the ledger was looked at.
func (l *list) since(ctx context.Context, version int) page {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look(ctx)
	out := page{l.version, l.opened.UnixMilli(), l.count(), []row{}}
	for _, x := range l.rows {
		if x.Version > version {
			out.Rows = append(out.Rows, *x)
		}
	}
	return out
}

// look reads the ledger, at most three times a second however many watch.
func (l *list) look(ctx context.Context) {
	now := time.Now()
	if l.books == nil || now.Sub(l.looked) < 300*time.Millisecond {
		return
	}
	l.looked = now
	for _, t := range l.tenants {
		l.discover(ctx, t)
	}
	for _, f := range l.files {
		if !f.settled(now) {
			l.renew(ctx, f, now)
		}
	}
	for _, r := range l.rows {
		if r.letter != nil && r.file == nil {
			l.join(r)
		}
	}
	for _, f := range l.files {
		l.show(f, now)
	}
}

// discover adds a tenant's new confirmations.
func (l *list) discover(ctx context.Context, t tenant) {
	q := waxwing.Query{Tenant: waxwing.TenantID(t.id), Limit: 100}
	top := l.newest[t.id]
	for {
		found, err := l.books.List(ctx, q)
		if err != nil {
			return // a ledger that is closing; the next look tells
		}
		for i := range found {
			v := &found[i]
			if v.ID <= top || v.Created.Before(l.opened) || len(l.files) >= maxRows {
				return
			}
			l.newest[t.id] = max(l.newest[t.id], v.ID)
			if v.State != waxwing.Ignored {
				l.files[v.ID] = &file{tenant: t, view: v}
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

func (l *list) renew(ctx context.Context, f *file, now time.Time) {
	v, err := l.books.Get(ctx, waxwing.TenantID(f.tenant.id), f.view.ID)
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
			l.mails[msg.MessageID] = f
		case l.texts[msg.To] == nil || l.texts[msg.To].view.ID < v.ID:
			l.texts[msg.To] = f
		}
	}
	if f.order == "" {
		l.read(ctx, f)
	}
}

// read takes number and customer from the order itself.
func (l *list) read(ctx context.Context, f *file) {
	format, topic, raw, err := l.books.Raw(ctx, waxwing.TenantID(f.tenant.id), f.view.ID)
	if err != nil {
		return
	}
	if x, ok := l.formats[format]; ok {
		if o, err := x.Normalise(topic, raw); err == nil {
			f.order, f.name, f.email = o.Number, o.Customer.FullName(), o.Customer.Email
			if f.locale == "" {
				f.locale = o.Locale
			}
		}
	}
}

// join finds a letter's confirmation.
func (l *list) join(r *row) {
	f := l.mails[r.letter.ID]
	if r.Channel != waxwing.Email {
		f = l.texts[r.To]
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
func (l *list) show(f *file, now time.Time) {
	for _, r := range f.rows {
		l.update(r, f, f.badges(r))
	}
	switch {
	case len(f.rows) > 0:
		if p := f.pending; p != nil && !p.Gone {
			p.Gone = true
			l.touch(p)
		}
	case f.pending != nil:
		l.update(f.pending, f, f.badges(f.pending))
	case now.Sub(f.view.Created) > 700*time.Millisecond && len(l.rows) < maxRows:
		f.pending = &row{At: f.view.Created, Channel: waxwing.Email, To: f.email, file: f}
		l.add(f.pending)
		l.update(f.pending, f, f.badges(f.pending))
	}
}

// update touches the row only where something that is shown has changed.
func (l *list) update(r *row, f *file, badges []string) {
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
	l.touch(r)
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
func (l *list) count() (c counts) {
	for _, f := range l.files {
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
