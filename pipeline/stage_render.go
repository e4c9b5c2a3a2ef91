package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func renderStage() kind {
	return stage(config.Component{Name: "render", Place: config.Rendering, Settings: func() config.Block { return &Render{} }, Usual: always(func() config.Block { return &Render{} })},
		func(_ *Render, p *site) []Stage { return []Stage{p.flow.render} })
}

// Render makes the exact bytes of the message.
type Render struct{}

// Check finds nothing.
func (*Render) Check(*config.Report) {}

// renderer makes the drafts: the channel's message, or, where there is no way to send that,
// its failure and the message of another channel that takes its place.
type renderer struct {
	channel waxwing.Channel
	others  []waxwing.Channel // to fall back to, in this order
	clock   waxwing.Clock
	log     *slog.Logger
}

func (*renderer) Name() string { return "rendered" }

// Run makes what the job is for: see Purpose. But for a confirmation, which then fails with
// its reason, an error says that it cannot be made.
func (s *renderer) Run(_ context.Context, j *Job) (Decision, error) {
	notes := append(j.Notes, j.Order.Notices...)
	if j.For == Instead {
		d, ok := s.instead(j, j.Work, j.Failed)
		if !ok {
			return Decision{}, waxwing.ErrNotFound
		}
		d.Notes = append(d.Notes, notes...)
		j.Drafts = []waxwing.Draft{d}
		return Decision{}, nil
	}
	d, err := s.compose(j.Settings.Composer, s.channel, j.Work, j.Order)
	switch {
	case err == nil:
		d.State, d.Notes = waxwing.Queued, append(d.Notes, notes...)
		j.Drafts = []waxwing.Draft{d}
	case j.For == Again && errors.Is(err, waxwing.ErrNotFound):
		return Decision{}, waxwing.Permanent(errors.New("the order has no e-mail address: say where to send it with \"to\""))
	case j.For == Again, j.For == Show:
		return Decision{}, waxwing.Permanent(err)
	default:
		j.Drafts = []waxwing.Draft{{Channel: s.channel, State: waxwing.Failed, Reason: reasonOf(err), Notes: notes}}
		next := *j.Work
		next.Next++
		if t, ok := s.instead(j, &next, s.channel); ok {
			j.Drafts = append(j.Drafts, t)
		}
	}
	j.Found.People = withRecipients(j.Found.People, j.Drafts)
	return Decision{}, nil
}

// instead is the message of the first channel that can carry the order, of those that come after the one that has failed. It
// waits for the end of the tenant's quiet hours.
func (s *renderer) instead(j *Job, w *waxwing.Work, failed waxwing.Channel) (waxwing.Draft, bool) {
	for _, ch := range s.others[slices.Index(s.others, failed)+1:] {
		if d, err := s.compose(j.Settings.Composer, ch, w, j.Order); err == nil {
			d.State = waxwing.Queued
			if d.NotBefore = j.Tenant.Quiet.Until(s.clock()); !d.NotBefore.IsZero() {
				d.Notes = append(d.Notes, "fallback: it waits for the end of the quiet hours, "+d.NotBefore.Format("15:04"))
			}
			return d, true
		}
	}
	return waxwing.Draft{}, false
}

func reasonOf(err error) string {
	if errors.Is(err, waxwing.ErrNotFound) {
		return waxwing.NoAddress
	}
	return err.Error()
}

// compose renders a channel's message and turns a panic into a reason.
func (s *renderer) compose(c Composer, ch waxwing.Channel, w *waxwing.Work, o *waxwing.Order) (waxwing.Draft, error) {
	return s.guarded(w.ID, func() (waxwing.Draft, error) { return c.Compose(ch, w, o, s.clock()) })
}

func (s *renderer) guarded(id waxwing.ID, f func() (waxwing.Draft, error)) (d waxwing.Draft, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("rendering failed; this is a fault of ours", "confirmation", id, "panic", fmt.Sprint(r))
			err = errors.New("the message could not be rendered (internal error)")
		}
	}()
	return f()
}
