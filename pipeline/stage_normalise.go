package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func normaliseStage() kind {
	return stage(config.Component{Name: "normalise", Place: config.First, Settings: func() config.Block { return &Normalise{} }, Usual: always(func() config.Block { return &Normalise{} })},
		func(_ *Normalise, p *site) []Stage { return []Stage{&normaliser{numbers: p.Numbers}, gate{}} })
}

// Normalise turns the shop's event into an order, and holds it until it is paid and its stock allocated.
type Normalise struct{}

// Check finds nothing.
func (*Normalise) Check(*config.Report) {}

// normaliser makes the order of the event, by the shop's format.
type normaliser struct {
	// numbers gives further spellings of an order's phone numbers; nil: none.
	numbers func(*waxwing.Order) []string
}

func (*normaliser) Name() string { return "normalised" }

// Run quarantines what its format cannot read. A plugin that could not be asked now is
// an error: the order is tried again.
func (s *normaliser) Run(_ context.Context, j *Job) (Decision, error) {
	f, ok := j.Settings.Formats[j.Work.Format]
	if !ok {
		return quarantine("the shop's format is not known any more: " + j.Work.Format), nil
	}
	o, err := normalise(f, j.Work)
	var bare *waxwing.BareError
	if errors.As(err, &bare) && j.For == Confirm && apiOf(j.Tenant, j.Work.Shop, f) != nil {
		return Decision{}, bare // the shop is asked
	}
	if errors.Is(err, waxwing.ErrUnavailable) {
		return Decision{}, err
	}
	if err != nil {
		return quarantine(err.Error()), nil
	}
	j.Order, j.Found = o, lookupOf(o, s.numbers)
	if j.To != "" {
		o.Customer.Email = j.To
	}
	j.Said = append(j.Said, "format", j.Work.Format, "items", len(o.Items))
	return Decision{}, nil
}

// apiOf is where a shop is asked for whole orders; nil: nowhere.
func apiOf(t *config.Tenant, shop waxwing.ShopID, f waxwing.Format) *config.ShopAPI {
	if f.API == nil {
		return nil
	}
	return t.Shops[string(shop)].API
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

func lookupOf(o *waxwing.Order, numbers func(*waxwing.Order) []string) waxwing.Lookup {
	return waxwing.Lookup{Order: []string{o.Number, o.ID}, People: peopleIn(o, numbers), Whole: true}
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
