package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func enrichStage() kind {
	return stage(config.Component{Name: "enrich", Settings: func() config.Block { return &EnrichStage{} }, Usual: always(func() config.Block { return &EnrichStage{} })}, (*EnrichStage).stages)
}

// EnrichStage asks the lookups for more about the order. It may be left out, or stand several
// times with other lookups.
type EnrichStage struct {
	// From names the lookups of the top-level enrich section, in order; all by default.
	From []string `yaml:"from,omitempty"`
	// Deadline is for all lookups of one order together; what has not answered
	// by then is left out and noted in the trail.
	Deadline config.Duration `yaml:"deadline,omitempty" default:"300ms" min:"1ms" max:"10s"`
}

// Check looks for the lookups.
func (s *EnrichStage) Check(r *config.Report) { r.Lookups("from", s.From) }

func (s *EnrichStage) stages(p *site) []Stage {
	e := &enricher{lookups: p.Enrichers, from: s.From, deadline: s.Deadline.D(), log: p.Log}
	if p.asks() {
		e.plugins = p.Plugins
	}
	if len(e.from) == 0 {
		e.from = sortedKeys(p.Enrichers)
	}
	return []Stage{e}
}

// enricher asks lookups for more about the order.
type enricher struct {
	lookups  map[string]Enricher
	from     []string // names of lookups
	deadline time.Duration
	plugins  Plugins // which may need more of an order than its mail does; nil: there are none
	log      *slog.Logger
}

func (*enricher) Name() string { return "enriched" }

// Run asks all lookups at once and waits no longer than the deadline. What does not
// answer is left out and noted. What was found may say that the stock is not there yet.
func (s *enricher) Run(ctx context.Context, j *Job) (Decision, error) {
	before := len(j.Notes)
	if len(s.from) > 0 && j.For != Show {
		s.find(ctx, j)
	}
	j.Said = append(j.Said, "notes", len(j.Notes)-before)
	return stockGate(j.Order), nil
}

func (s *enricher) find(ctx context.Context, j *Job) {
	ctx, cancel := context.WithTimeout(ctx, s.deadline)
	defer cancel()
	q := inquiry(j.Work, j.Order)
	if s.plugins != nil {
		_, q.Candidates, q.Baskets, q.Lane = s.plugins.Wants(j.Work.Tenant)
	}
	found := make([]*waxwing.Finding, len(s.from))
	errs := make([]error, len(s.from))
	done := make(chan int, len(s.from))
	for i, n := range s.from {
		go func() {
			found[i], errs[i] = ask(ctx, s.lookups[n], q)
			done <- i
		}()
	}
	answered := make([]bool, len(s.from))
wait:
	for range s.from {
		select {
		case i := <-done:
			answered[i] = true
		case <-ctx.Done():
			break wait
		}
	}
	for i, n := range s.from {
		switch {
		case !answered[i], errors.Is(errs[i], context.DeadlineExceeded):
			j.Notes = append(j.Notes, "enrich: "+n+" did not answer in time and was left out")
		case errs[i] != nil:
			j.Notes = append(j.Notes, "enrich: "+n+" failed and was left out")
			s.log.Warn("enrich failed", "lookup", n, "confirmation", j.Work.ID, "err", errs[i])
		case found[i] != nil:
			merge(j.Order, found[i])
		}
	}
}

func ask(ctx context.Context, e Enricher, q *waxwing.Inquiry) (f *waxwing.Finding, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("lookup failed (internal error)")
		}
	}()
	return e.Find(ctx, q)
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
