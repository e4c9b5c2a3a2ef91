package pipeline

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/pipeline/fetch"
)

// runner takes orders through the stages of their pipelines, and records what became of them.
type runner struct {
	p         *Parts
	stop      *delivery.Stop
	journal   *journal
	settings  *atomic.Pointer[Settings]
	wakes     *wakes
	orders    *pool // its workers
	out       *outbound
	first     waxwing.Channel // what rendering waits for
	strangers strangers
	desk      *fetch.Desk // asks shops for what events leave out
	accept    func(context.Context, *waxwing.Event) (waxwing.Receipt, error)
}

// work takes one confirmation from its event to the first queue, as function calls.
func (x *runner) work(id waxwing.ID) {
	w, err := x.p.Ledger.Work(x.stop.Context(), id)
	if err == nil {
		err = x.advance(w)
	}
	var bare *waxwing.BareError
	if errors.As(err, &bare) {
		x.ask(w, bare.OrderID)
		return
	}
	x.desk.Done(id)
	x.report(id, err)
}

// ask has the shop asked for an order that its event only names. What it says becomes the order's newer event;
// until then the order stays as it is, so that a crash asks again.
func (x *runner) ask(w *waxwing.Work, order string) {
	set := x.settings.Load()
	m := set.members[w.Tenant]
	if m == nil {
		return // the sweeper finds it among strangers
	}
	f := set.Formats[w.Format]
	at := apiOf(m.config, w.Shop, f)
	if at == nil {
		return // taken out of the configuration a moment ago: it is quarantined next
	}
	own := *w // the ledger's is shared, and its event is not needed any more
	own.Raw = nil
	x.desk.Put(&fetch.Question{ID: w.ID, Tenant: w.Tenant, Shop: w.Shop, Order: order, Created: w.Created, Until: m.config.HoldTTL.D(), API: f.API, At: at,
		Take: func(ctx context.Context, raw []byte) error { return x.answered(ctx, &askedFor{&own, m, f, order}, raw) },
		GiveUp: func(ctx context.Context, reason string) error {
			return x.told(x.p.Ledger.Quarantine(ctx, &own, reason, waxwing.Lookup{Order: []string{order}}), &own, waxwing.Quarantined, reason)
		},
		Wake: func() { x.wakes.wake(x.orders, own.ID, own.Tenant) }})
}

// askedFor is an order that a shop is asked about.
type askedFor struct {
	*waxwing.Work
	member *member
	format waxwing.Format
	order  string
}

// answered records what the shop said about an order.
func (x *runner) answered(ctx context.Context, n *askedFor, raw []byte) error {
	w := n.Work
	key, err := n.format.Key("", raw)
	switch {
	case err != nil:
		return &fetch.AnswerError{Text: "what the shop's API answers cannot be read: " + err.Error()}
	case key.Ignore != "": // it may become one: the shop says so then
		err := x.told(x.p.Ledger.Hold(ctx, w, "the shop's API: "+key.Ignore, w.Created.Add(n.member.config.HoldTTL.D()), waxwing.Lookup{Order: []string{n.order}}), w, waxwing.Held, key.Ignore)
		if errors.Is(err, waxwing.ErrState) {
			err = nil // something newer came
		}
		return err
	case key.Bare != "" || key.OrderID != n.order || key.Kind != "" || key.Part != "":
		return &fetch.AnswerError{Text: "the shop's API answers with another order than was asked for"}
	}
	_, err = x.accept(ctx, &waxwing.Event{Tenant: w.Tenant, Shop: w.Shop, Source: waxwing.SourceFetch, Raw: raw, Answers: w.Version})
	return err
}

// report tells what kept an order from going on.
func (x *runner) report(id waxwing.ID, err error) {
	switch {
	case err == nil, errors.Is(err, waxwing.ErrState), errors.Is(err, waxwing.ErrStopping):
		// Done, or somebody else was faster: that is how it should be.
	case errors.Is(err, waxwing.ErrUnavailable):
		x.p.Log.Warn("order waits; the sweeper tries again", "confirmation", id, "err", err)
	default:
		x.p.Log.Error("order not processed; the sweeper tries again", "confirmation", id, "err", err)
	}
}

// aheadAtMost is how long rendering waits for the senders, so that nothing can hang on it.
const aheadAtMost = 500 * time.Millisecond

// workInTurn is work after the senders' turn.
func (x *runner) workInTurn(id waxwing.ID) {
	x.letSend(x.orders.at(id).tenant)
	if !x.stop.HasBegun() {
		x.work(id)
	}
}

// letSend lets the senders go first while all of them are busy: rendering
// ahead of them would only take their processor time, and make the first customers
// wait for the last ones' mails. Whose mail goes past what they have to send does not wait for it here.
func (x *runner) letSend(tenant waxwing.TenantID) {
	if ch := x.out.channels[x.first]; healthy(ch.senders()) && !ch.pool.passes(tenant) {
		if calm := ch.pool.crowded(); calm != nil {
			pause(x.stop, aheadAtMost, calm)
		}
	}
}

// advance takes an order through its stages as far as the first queue, and records what
// became of it.
func (x *runner) advance(w *waxwing.Work) error {
	set := x.settings.Load()
	m := set.members[w.Tenant]
	if m == nil {
		return x.stranger(w)
	}
	x.strangers.gone(w.ID)
	if w.State == waxwing.Held {
		return x.expireHold(w, m.config)
	}
	if has(x.p.Plugins, w.Tenant) {
		own := *w // the ledger's is shared, and plugins write into it
		w = &own
	}
	return x.advanceFrom(&Job{Work: w, Tenant: m.config, Settings: set, flow: m.flow, began: x.p.Clock()}, 0)
}

// strangerFor is how long an order waits whose tenant is unknown here, where others share the ledger: for as long as
// a new configuration may take to all of them.
const strangerFor = time.Hour

// strangers are orders of tenants that are not in the configuration, and when they are looked at
// again: each second would keep the workers from all others.
type strangers struct {
	mu   sync.Mutex
	till map[waxwing.ID]time.Time
	told map[waxwing.TenantID]bool
}

// How long one is left alone, and how many are. What is beyond is quarantined at once.
const (
	strangerRest  = 15 * time.Second
	mostStrangers = 20_000
)

// put has an order rest. It says whether its tenant is a new one among them, and false where there are too many.
func (s *strangers) put(id waxwing.ID, t waxwing.TenantID, now time.Time) (first, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.till[id]; !known && len(s.till) >= mostStrangers {
		// Those that others have done meanwhile are not met again.
		maps.DeleteFunc(s.till, func(_ waxwing.ID, till time.Time) bool { return now.Sub(till) > strangerRest })
		if len(s.till) >= mostStrangers {
			return false, false
		}
	}
	if s.till == nil {
		s.till, s.told = map[waxwing.ID]time.Time{}, map[waxwing.TenantID]bool{}
	}
	first = !s.told[t]
	s.till[id], s.told[t] = now.Add(strangerRest), true
	return first, true
}

// rests reports whether an order is left alone at this moment.
func (s *strangers) rests(id waxwing.ID, now time.Time) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.till[id])
}

// gone forgets an order, whose tenant is known now, or which is over.
func (s *strangers) gone(id waxwing.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.till) > 0 {
		delete(s.till, id)
	}
}

// any reports whether there are some. Nil has none.
func (s *strangers) any() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.till) > 0
}

// stranger decides about an order whose tenant this process does not know. Others may know it, having read a
// newer configuration: what was taken over from one that died waits for this one to read it, too.
func (x *runner) stranger(w *waxwing.Work) error {
	_, shared := x.p.Ledger.(interface {
		Members(ctx context.Context) ([]waxwing.Member, error)
	})
	now := x.p.Clock()
	first, room := false, false
	if shared && now.Sub(w.Created) < strangerFor {
		first, room = x.strangers.put(w.ID, w.Tenant, now)
	}
	if !room {
		x.strangers.gone(w.ID)
		return x.quarantine(w, "the tenant is not in the configuration any more")
	}
	if first {
		x.p.Log.Warn("orders of a tenant wait that is not in this configuration; reload it here, too", "tenant", w.Tenant, "quarantined_after", strangerFor)
	}
	return nil
}

// advanceFrom takes a job through one run of its stages: to the next queue, or, behind the
// last run, to that of its messages.
func (x *runner) advanceFrom(j *Job, run int) error {
	all := j.flow.runs
	ended, err := x.through(j, all[run].stages, x.settle)
	switch {
	case err != nil, ended:
		return err
	case run+1 < len(all):
		x.handOver(j, run+1)
		return nil
	}
	return x.ready(j)
}

// through calls stages one after the other. decide is asked about what each has decided, and
// says whether that is the end.
func (x *runner) through(j *Job, stages []Stage, decide func(*Job, Decision) (ended bool, err error)) (ended bool, err error) {
	for _, s := range stages {
		j.Said = j.Said[:0]
		d, err := s.Run(x.stop.Context(), j)
		if err != nil {
			return false, err
		}
		if d.To != "" {
			if ended, err := decide(j, d); ended || err != nil {
				return true, err
			}
		}
		if x.journal.debug && len(j.Said) > 0 {
			x.journal.Step(s.Name(), j.Work.ID, j.Said...)
		}
	}
	return false, nil
}

// settle records a stage's decision, and says whether that is the end of the job. What a
// person has let through is not held.
func (x *runner) settle(j *Job, d Decision) (ended bool, err error) {
	w := j.Work
	switch {
	case d.To == waxwing.Quarantined:
		return true, x.quarantine(w, d.Reason)
	case d.To == waxwing.Cancelled:
		return true, x.told(x.p.Ledger.Cancel(x.stop.Context(), w, d.Reason, j.Found), w, waxwing.Cancelled, d.Reason)
	case w.Asked:
		if x.journal.debug {
			x.journal.Step("gate passed by hand", w.ID, "reason", logged(d.Reason))
		}
		return false, nil
	}
	return true, x.told(x.p.Ledger.Hold(x.stop.Context(), w, d.Reason, w.Created.Add(j.Tenant.HoldTTL.D()), j.Found), w, waxwing.Held, d.Reason)
}

// ready records the drafts and wakes those who send them.
func (x *runner) ready(j *Job) error {
	w := j.Work
	if x.journal.debug {
		for _, d := range j.Drafts {
			x.journal.Step("rendered", w.ID, "channel", d.Channel, "locale", d.Locale, "bytes", len(d.Data), "state", d.State)
		}
	}
	for i := range j.Drafts {
		j.Drafts[i].Pipeline = j.flow.label
	}
	ids, err := x.p.Ledger.Ready(x.stop.Context(), w, j.Drafts, j.Found, j.Tenant.TTL.D())
	if err != nil {
		return err
	}
	x.p.Meter.Rendered(x.p.Clock().Sub(j.began))
	for i, id := range ids {
		if d := &j.Drafts[i]; d.State != waxwing.Queued {
			x.journal.tell(w.ID, w.Tenant, d.State, d.Reason, "message", id)
		} else {
			if x.journal.debug {
				x.journal.Step("queued", w.ID, "message", id)
			}
			x.out.hand(j, d.Channel, id, d.Sealed)
		}
	}
	return nil
}

func (x *runner) expireHold(w *waxwing.Work, t *config.Tenant) error {
	until := w.Created.Add(t.HoldTTL.D())
	if x.p.Clock().Before(until) {
		return x.p.Ledger.Hold(x.stop.Context(), w, "waiting", until, waxwing.Lookup{})
	}
	return x.told(x.p.Ledger.Cancel(x.stop.Context(), w, "hold_expired", waxwing.Lookup{}), w, waxwing.Cancelled, "hold_expired")
}

// handOver puts an order into the queue in front of its next run. Where there is no place it
// waits in the ledger: it is begun anew when there is one.
func (x *runner) handOver(j *Job, next int) {
	h := j.flow.runs[next].hop
	id := j.Work.ID
	if h.room() <= 0 && !x.p.NoSweeper {
		x.orders.turnNext()
		return
	}
	h.put(j, next, x.p.Clock())
	if !x.wakes.publish(h.pool.topic, id, "") {
		h.take(id)
		return
	}
	if x.journal.debug {
		x.journal.Step("queued for "+h.name, id)
	}
}

// goOn takes an order out of a queue, and further. Another event of it may bring it here
// again meanwhile.
func (x *runner) goOn(h *hop, id waxwing.ID) {
	for x.letSend(h.pool.at(id).tenant); !x.stop.HasBegun(); {
		c, ok := h.take(id)
		if !ok {
			return
		}
		x.report(id, x.advanceFrom(c.job, c.run))
	}
}

// told tells of a step that the ledger has recorded, and passes its error on.
func (x *runner) told(err error, w *waxwing.Work, to waxwing.State, reason string) error {
	if err == nil {
		x.journal.tell(w.ID, w.Tenant, to, reason)
	}
	return err
}

// quarantine keeps an order that cannot be read, under its number where that much
// can be told.
func (x *runner) quarantine(w *waxwing.Work, reason string) error {
	lk := waxwing.Lookup{Order: numbers(w.Raw), People: people(w.Raw)}
	if f, ok := x.settings.Load().Formats[w.Format]; ok {
		if k, err := f.Key(w.Topic, w.Raw); err == nil {
			lk.Order = append(lk.Order, k.OrderID)
		}
	}
	return x.told(x.p.Ledger.Quarantine(x.stop.Context(), w, reason, lk), w, waxwing.Quarantined, reason)
}
