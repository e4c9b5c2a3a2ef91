package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/waxwinghq/waxwing"
)

// Askable is a provider that knows later what has become of a message.
type Askable interface {
	// Became asks for a message that may have been taken, until ctx ends. Nil evidence without an
	// error: it knows of none, which is no proof where its events lag. waxwing.ErrEarly: nor would it
	// yet; waxwing.ErrNotAsked: this one cannot be asked; waxwing.ErrMayNotAsk: not by us. No error holds anything personal.
	Became(ctx context.Context, q *waxwing.Question) (*waxwing.Evidence, error)
}

// Doubts is what an Asker needs of the ledger.
type Doubts interface {
	// Doubts gives up to limit messages in doubt that are to be asked about now, and to nobody else
	// for a while.
	Doubts(ctx context.Context, limit int) ([]*waxwing.Doubt, error)
	// Answered records what asking came to; held: the message goes out no more by itself. ErrState:
	// something else was done to it meanwhile, and nothing has happened.
	Answered(ctx context.Context, d *waxwing.Doubt, r *waxwing.Reply) (held bool, err error)
}

// Asker asks providers about messages whose answers were lost, beside those who send: no worker
// waits for it, and a few questions are under way at most.
type Asker struct {
	Ledger Doubts
	Rule   waxwing.DoubtRule
	// SenderOf is who would send the message again, and so knows its providers; nil: nobody.
	SenderOf func(d *waxwing.Doubt) *Sender
	Meter    Meter
	Stop     *Stop
	Clock    waxwing.Clock
	Log      *slog.Logger
}

// atOnce is how many questions are under way at most.
const atOnce = 8

// Sweep asks about the messages in doubt that are due, some at once, and waits for the answers. It
// says whether there may be more.
func (a *Asker) Sweep() (more bool, err error) {
	all, err := a.Ledger.Doubts(a.Stop.Context(), atOnce)
	if err != nil {
		return false, err
	}
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() { a.one(d) })
	}
	wg.Wait()
	return len(all) == atOnce, nil
}

// one asks about a message, and records what that came to. Where the ledger cannot write it is
// asked again, when its time has come once more.
func (a *Asker) one(d *waxwing.Doubt) {
	r, err := a.reply(d)
	if a.Stop.offers.Err() != nil && r.Said != waxwing.SaidTaken {
		return // it was cut off
	}
	s := a.SenderOf(d)
	label := d.Provider
	if s != nil {
		label = s.failover.label(d.Provider)
	}
	if r.Said != "" {
		a.Meter.Asked(d.Channel, label, r.Said)
	}
	held, failed := a.Ledger.Answered(a.Stop.Context(), d, &r)
	switch {
	case errors.Is(failed, waxwing.ErrState), errors.Is(failed, waxwing.ErrStopping), failed != nil && a.Stop.Context().Err() != nil:
	case failed != nil:
		a.Log.Error("a provider's word on a message in doubt was not recorded; it is asked again", "message", d.Message, "err", failed)
	case r.Said == waxwing.SaidTaken:
		a.Log.Info("a message in doubt was found at its provider: it is sent", "confirmation", d.Confirmation, "message", d.Message, "provider", d.Provider,
			"evidence", r.Evidence.Words)
	case held:
		a.Meter.HeldInDoubt(d.Channel, label)
		a.Log.Error("a message is held in doubt: it may have arrived, and goes out no more by itself; send it again or cancel it",
			"confirmation", d.Confirmation, "message", d.Message, "channel", d.Channel, "provider", d.Provider, "lost", d.Lost, "asked", r.Said, "until", d.Expires)
	case err != nil:
		a.Log.Warn("a provider could not be asked about a message in doubt", "message", d.Message, "provider", d.Provider, "again", !r.Again.IsZero(), "err", err)
	}
}

// reply asks the provider, and says whether it is to be asked again.
func (a *Asker) reply(d *waxwing.Doubt) (r waxwing.Reply, err error) {
	p := a.provider(d)
	if p == nil || d.Blind {
		return r, nil
	}
	ctx, cancel := context.WithTimeout(a.Stop.offers, waxwing.AskFor)
	defer cancel()
	found, err := p.Became(ctx, &d.Question)
	switch {
	case errors.Is(err, waxwing.ErrNotAsked):
		return r, nil
	case errors.Is(err, waxwing.ErrMayNotAsk): // nor would it be in a minute
		r.Said = waxwing.SaidUnknown
		return r, err
	case errors.Is(err, waxwing.ErrEarly):
		r.Said, err = waxwing.SaidAbsent, nil
	case err != nil:
		r.Said = waxwing.SaidUnknown
	case found != nil:
		r.Said, r.Evidence = waxwing.SaidTaken, *found
		return r, nil
	default:
		r.Said = waxwing.SaidAbsent
		return r, nil
	}
	if wait, ok := a.Rule.Again(d.Lost, a.Clock().Sub(d.Ended)); ok {
		r.Again = a.Clock().Add(wait)
	}
	return r, err
}

// provider is the one whose answer was lost; nil: it is not there any more, or cannot be asked.
func (a *Asker) provider(d *waxwing.Doubt) Askable {
	s := a.SenderOf(d)
	if s == nil {
		return nil
	}
	p := s.failover.named(d.Provider)
	if p == nil {
		return nil
	}
	asked, _ := p.Provider.(Askable)
	return asked
}
