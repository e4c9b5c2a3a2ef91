package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// work takes one confirmation from its event to the queue: normalise, gate,
// enrich and render as function calls, then one commit.
func (x *Pipeline) work(id waxwing.ID) {
	w, err := x.p.Ledger.Work(id)
	if err == nil {
		err = x.advance(w)
	}
	switch {
	case err == nil, errors.Is(err, waxwing.ErrState), errors.Is(err, waxwing.ErrStopping):
		// Done, or somebody else was faster: that is how it should be.
	case errors.Is(err, waxwing.ErrUnavailable):
		x.p.Log.Warn("order waits; the sweeper tries again", "confirmation", id, "err", err)
	default:
		x.p.Log.Error("order not processed; the sweeper tries again", "confirmation", id, "err", err)
	}
}

// workInTurn lets the senders go first while all of them are busy: rendering
// ahead of them would only fill memory and make the first customers wait for
// the last ones' mails. It waits 50 ms at most, so that nothing can hang on it.
func (x *Pipeline) workInTurn(id waxwing.ID) {
	for n := 0; n < 10 && x.messages[waxwing.Email].free() == 0 && x.routes[waxwing.Email].healthy(); n++ {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-x.stopping:
			return
		}
	}
	x.work(id)
}

func (x *Pipeline) advance(w *waxwing.Work) error {
	start := x.p.Clock()
	t, ok := x.p.Config.Tenants[string(w.Tenant)]
	if !ok {
		return x.quarantine(w, "the tenant is not in the configuration any more")
	}
	if w.State == waxwing.Held {
		return x.expireHold(w, &t)
	}
	f, ok := x.p.Formats[w.Format]
	if !ok {
		return x.quarantine(w, "the shop's format is not known any more: "+w.Format)
	}
	if x.hasPlugins(w.Tenant) {
		own := *w // the ledger's is shared, and plugins write into it
		w = &own
	}
	o, err := normalise(f, w)
	if errors.Is(err, waxwing.ErrUnavailable) {
		return err // a plugin that could not be asked now: the sweeper tries again
	}
	if err != nil {
		return x.quarantine(w, err.Error())
	}
	if x.debug {
		x.step("normalised", w.ID, "format", w.Format, "items", len(o.Items))
	}
	lk := x.lookupOf(o)
	if pass, err := x.atGate(gate(o, &t), w, &t, lk); !pass {
		return err
	}
	if x.debug {
		x.step("gate", w.ID, "payment", o.Payment.Status)
	}
	notes := x.enrich(w, o)
	if pass, err := x.atGate(stockGate(o), w, &t, lk); !pass {
		return err
	}
	if x.debug {
		x.step("enriched", w.ID, "notes", len(notes))
	}
	r, said := x.askPlugins(w, o)
	if pass, err := x.atGate(r, w, &t, lk); !pass {
		return err
	}
	notes = append(notes, said...)
	notes = append(notes, o.Notices...)
	if x.debug {
		x.step("plugins", w.ID, "runs", len(w.Runs), "notes", len(said))
	}
	drafts := x.render(w, o, notes)
	lk.People = withRecipients(lk.People, drafts)
	for i := range drafts {
		if x.debug {
			x.step("rendered", w.ID, "channel", drafts[i].Channel, "locale", drafts[i].Locale, "bytes", len(drafts[i].Data), "state", drafts[i].State)
		}
	}
	ids, err := x.p.Ledger.Ready(w, drafts, lk, ttl(&t))
	if err != nil {
		return err
	}
	x.p.Meter.Rendered(x.p.Clock().Sub(start))
	for i, id := range ids {
		if drafts[i].State != waxwing.Queued {
			x.tell(w.ID, w.Tenant, drafts[i].State, drafts[i].Reason, "message", id)
		} else {
			if x.debug {
				x.step("queued", w.ID, "message", id)
			}
			x.wake(x.topicOf(drafts[i].Channel), id)
		}
	}
	return nil
}

func ttl(t *config.Tenant) time.Duration {
	if d := t.TTL.D(); d > 0 {
		return d
	}
	return 24 * time.Hour
}

func holdTTL(t *config.Tenant) time.Duration {
	if d := t.HoldTTL.D(); d > 0 {
		return d
	}
	return 14 * 24 * time.Hour
}

// normalise calls the format and turns its panic into a reason: hostile input
// must not stop its neighbours.
func normalise(f waxwing.Format, w *waxwing.Work) (o *waxwing.Order, err error) {
	defer func() {
		if r := recover(); r != nil {
			o, err = nil, fmt.Errorf("format %s cannot read this event (internal error)", f.Name)
		}
	}()
	if f.NormaliseWork != nil {
		o, err = f.NormaliseWork(w)
	} else {
		o, err = f.Normalise(w.Topic, w.Raw)
	}
	if err == nil {
		o.Shop = w.Shop
	}
	return o, err
}

func (x *Pipeline) lookupOf(o *waxwing.Order) waxwing.Lookup {
	return waxwing.Lookup{Order: []string{o.Number, o.ID}, People: peopleIn(o, x.p.Numbers), Whole: true}
}

// withRecipients adds the addresses that mails go to where they are not written
// as the shop wrote them: a person is found and erased by either.
func withRecipients(people []string, drafts []waxwing.Draft) []string {
	for i := range drafts {
		if to := drafts[i].To; to != "" && !slices.Contains(people, to) {
			people = append(people, to)
		}
	}
	return people
}

func (x *Pipeline) expireHold(w *waxwing.Work, t *config.Tenant) error {
	until := w.Created.Add(holdTTL(t))
	if x.p.Clock().Before(until) {
		return x.p.Ledger.Hold(w, "waiting", until, waxwing.Lookup{})
	}
	return x.told(x.p.Ledger.Cancel(w, "hold_expired", waxwing.Lookup{}), w, waxwing.Cancelled, "hold_expired")
}

// ruling is what the gate says of an order.
type ruling struct {
	hold, cancel string // the reason; both empty: it may pass
}

// gate asks for a verified payment, or for a paid deposit where
// the tenant lets that pass.
func gate(o *waxwing.Order, t *config.Tenant) ruling {
	switch {
	case !o.Cancelled.IsZero():
		return ruling{cancel: "the shop cancelled the order"}
	case o.Payment.Status == waxwing.PaymentVoided:
		return ruling{cancel: "the payment was voided"}
	case o.Payment.Verified(t.Offline), t.Deposits && o.Payment.Status == waxwing.PaymentPartlyPaid:
		return stockGate(o)
	case o.Payment.Status == waxwing.PaymentUnknown:
		return ruling{hold: "payment not known"}
	}
	return ruling{hold: "payment " + string(o.Payment.Status)}
}

// stockGate asks for allocated stock; what is not known counts as allocated,
// since most shops reserve stock when they take the money.
func stockGate(o *waxwing.Order) ruling {
	if o.Stock == waxwing.StockPending {
		return ruling{hold: "stock not allocated"}
	}
	return ruling{}
}

func (x *Pipeline) atGate(r ruling, w *waxwing.Work, t *config.Tenant, lk waxwing.Lookup) (pass bool, err error) {
	switch {
	case r.cancel != "":
		return false, x.told(x.p.Ledger.Cancel(w, r.cancel, lk), w, waxwing.Cancelled, r.cancel)
	case r.hold != "" && w.Asked:
		if x.debug {
			x.step("gate passed by hand", w.ID, "reason", logged(r.hold))
		}
	case r.hold != "":
		return false, x.told(x.p.Ledger.Hold(w, r.hold, w.Created.Add(holdTTL(t)), lk), w, waxwing.Held, r.hold)
	}
	return true, nil
}

// render makes the drafts: the e-mail, or, where there is no way to mail, its
// failure and the fallback.
func (x *Pipeline) render(w *waxwing.Work, o *waxwing.Order, notes []string) []waxwing.Draft {
	d, err := x.compose(x.p.Composer.Email, w, o)
	if err == nil {
		d.State, d.Notes = waxwing.Queued, append(d.Notes, notes...)
		return []waxwing.Draft{d}
	}
	d = waxwing.Draft{Channel: waxwing.Email, State: waxwing.Failed, Reason: reasonOf(err), Notes: notes}
	drafts := []waxwing.Draft{d}
	next := *w
	next.Next++
	if s, ok := x.fallbackDraft(&next, o); ok {
		drafts = append(drafts, s)
	}
	return drafts
}

func reasonOf(err error) string {
	if errors.Is(err, waxwing.ErrNotFound) {
		return "no_address"
	}
	return err.Error()
}

func (x *Pipeline) compose(f func(*waxwing.Work, *waxwing.Order, time.Time) (waxwing.Draft, error), w *waxwing.Work, o *waxwing.Order) (d waxwing.Draft, err error) {
	defer func() {
		if r := recover(); r != nil {
			x.p.Log.Error("rendering failed; this is a fault of ours", "confirmation", w.ID, "panic", fmt.Sprint(r))
			err = errors.New("the message could not be rendered (internal error)")
		}
	}()
	return f(w, o, x.p.Clock())
}

// enrich asks all lookups at once and waits no longer than the deadline. What
// does not answer is left out and noted.
func (x *Pipeline) enrich(w *waxwing.Work, o *waxwing.Order) (notes []string) {
	names := x.lookups()
	if len(names) == 0 {
		return nil
	}
	deadline := x.plan.enrich.Deadline.D()
	if deadline <= 0 {
		deadline = 300 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(x.hard, deadline)
	defer cancel()
	q := inquiry(w, o)
	if x.p.Plugins != nil && len(x.plan.hooks) > 0 {
		_, q.Candidates, q.Baskets, q.Lane = x.p.Plugins.Wants(w.Tenant)
	}
	found := make([]*waxwing.Finding, len(names))
	errs := make([]error, len(names))
	done := make(chan int, len(names))
	for i, n := range names {
		go func() {
			found[i], errs[i] = ask(ctx, x.p.Enrichers[n], q)
			done <- i
		}()
	}
	answered := make([]bool, len(names))
wait:
	for range names {
		select {
		case i := <-done:
			answered[i] = true
		case <-ctx.Done():
			break wait
		}
	}
	for i, n := range names {
		switch {
		case !answered[i], errors.Is(errs[i], context.DeadlineExceeded):
			notes = append(notes, "enrich: "+n+" did not answer in time and was left out")
		case errs[i] != nil:
			notes = append(notes, "enrich: "+n+" failed and was left out")
			x.p.Log.Warn("enrich failed", "lookup", n, "confirmation", w.ID, "err", errs[i])
		case found[i] != nil:
			merge(o, found[i])
		}
	}
	return notes
}

func ask(ctx context.Context, e Enricher, q *waxwing.Inquiry) (f *waxwing.Finding, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("lookup failed (internal error)")
		}
	}()
	return e.Find(ctx, q)
}

// lookups are the names that the enrich stage asks, all where it names none.
func (x *Pipeline) lookups() []string {
	if x.plan.enrich == nil || len(x.p.Enrichers) == 0 {
		return nil
	}
	if len(x.plan.enrich.From) > 0 {
		return x.plan.enrich.From
	}
	return sortedKeys(x.p.Enrichers)
}

func inquiry(w *waxwing.Work, o *waxwing.Order) *waxwing.Inquiry {
	q := &waxwing.Inquiry{Tenant: w.Tenant, Shop: w.Shop, Order: o.ID, Customer: o.Customer.ID, Email: o.Customer.Email,
		Placed: o.PlacedAt, Currency: o.Currency}
	if o.Shipping != nil {
		q.Country, q.PostalCode = o.Shipping.Country, o.Shipping.PostalCode
	}
	for i := range o.Items {
		if s := o.Items[i].SKU; s != "" {
			q.SKUs = append(q.SKUs, s)
		}
	}
	return q
}

// merge adds what was found where the order itself says nothing. Stock is the
// lookup's to say: it is fresher than the event.
func merge(o *waxwing.Order, f *waxwing.Finding) {
	if c := f.Customer; c != nil {
		fill(&o.Customer.FirstName, c.FirstName)
		fill(&o.Customer.LastName, c.LastName)
		fill(&o.Customer.Phone, c.Phone)
		fill(&o.Customer.Group, c.Group)
		fill(&o.Customer.Email, c.Email)
		fillCount(&o.Customer.Orders, c.Orders)
		fillCount(&o.Customer.Points, c.Points)
	}
	mergeInsight(o, &f.Insight)
	for i := range o.Items {
		it := &o.Items[i]
		if p, ok := f.Products[it.SKU]; ok && it.SKU != "" {
			fill(&it.Name, p.Name)
			fill(&it.ImageURL, p.ImageURL)
			fill(&it.URL, p.URL)
		}
		if s, ok := f.Stock[it.SKU]; ok && it.SKU != "" {
			it.Stock = s
			if s == waxwing.StockPending {
				o.Stock = s
			}
		}
	}
	if f.Delivery != nil && o.Delivery.From.IsZero() && o.Delivery.To.IsZero() {
		m := o.Delivery.Method
		pickup := o.Delivery.Pickup
		o.Delivery = *f.Delivery
		fill(&o.Delivery.Method, m)
		o.Delivery.Pickup = o.Delivery.Pickup || pickup
	}
}

// mergeInsight adds what plugins may ask for. Of several lookups the first that
// knows a thing says it.
func mergeInsight(o *waxwing.Order, n *waxwing.Insight) {
	if len(n.Candidates)+len(n.Baskets) == 0 && n.Lane == nil {
		return
	}
	if o.Insight == nil {
		o.Insight = &waxwing.Insight{}
	}
	if o.Insight.Candidates == nil {
		o.Insight.Candidates = n.Candidates
	}
	if o.Insight.Baskets == nil {
		o.Insight.Baskets = n.Baskets
	}
	if o.Insight.Lane == nil {
		o.Insight.Lane = n.Lane
	}
}

func fillCount(dst **int64, v *int64) {
	if *dst == nil {
		*dst = v
	}
}

func fill(dst *string, v string) {
	if *dst == "" {
		*dst = v
	}
}
