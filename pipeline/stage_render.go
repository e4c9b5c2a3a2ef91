package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/waxwinghq/waxwing"
)

// renderer makes the drafts: the e-mail, or, where there is no way to mail, its failure
// and the text message that takes its place.
type renderer struct {
	composer Composer
	texts    bool // there is a fallback
	clock    waxwing.Clock
	log      *slog.Logger
}

func (*renderer) Name() string { return "rendered" }

func (s *renderer) Run(_ context.Context, j *Job) (Decision, error) {
	notes := append(j.Notes, j.Order.Notices...)
	d, err := s.compose(s.composer.Email, j.Work, j.Order)
	if err == nil {
		d.State, d.Notes = waxwing.Queued, append(d.Notes, notes...)
		j.Drafts = []waxwing.Draft{d}
	} else {
		j.Drafts = []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Failed, Reason: reasonOf(err), Notes: notes}}
		next := *j.Work
		next.Next++
		if t, ok := s.text(&next, j.Order); ok {
			j.Drafts = append(j.Drafts, t)
		}
	}
	j.Found.People = withRecipients(j.Found.People, j.Drafts)
	return Decision{}, nil
}

// text is the text message of an order, where one is configured and possible.
func (s *renderer) text(w *waxwing.Work, o *waxwing.Order) (waxwing.Draft, bool) {
	if !s.texts {
		return waxwing.Draft{}, false
	}
	d, err := s.compose(s.composer.SMS, w, o)
	if err != nil {
		return d, false
	}
	d.State = waxwing.Queued
	return d, true
}

func reasonOf(err error) string {
	if errors.Is(err, waxwing.ErrNotFound) {
		return "no_address"
	}
	return err.Error()
}

// compose renders and turns a panic into a reason.
func (s *renderer) compose(f func(*waxwing.Work, *waxwing.Order, time.Time) (waxwing.Draft, error), w *waxwing.Work, o *waxwing.Order) (d waxwing.Draft, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("rendering failed; this is a fault of ours", "confirmation", w.ID, "panic", fmt.Sprint(r))
			err = errors.New("the message could not be rendered (internal error)")
		}
	}()
	return f(w, o, s.clock())
}
