package pipeline

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// composer renders what a test says.
type composer struct {
	mail, text error
	panics     bool
}

func (c *composer) Compose(ch waxwing.Channel, w *waxwing.Work, _ *waxwing.Order, _ time.Time) (waxwing.Draft, error) {
	if c.panics {
		panic("x")
	}
	switch ch {
	case waxwing.Push:
		return waxwing.Draft{}, waxwing.ErrNotFound
	case waxwing.SMS:
		return waxwing.Draft{Channel: waxwing.SMS, To: "+4915199887766", Reason: string(rune('0' + w.Next))}, c.text
	}
	return waxwing.Draft{Channel: waxwing.Email, To: "ida@mail.example", Notes: []string{"a fallback template"}}, c.mail
}

func (c *composer) Again(*waxwing.Work, *waxwing.Outgoing, string, time.Time) (waxwing.Draft, error) {
	return waxwing.Draft{}, nil
}

// TestRender: the e-mail with all notes, or its failure and the text message.
func TestRender(t *testing.T) {
	const queued, failed = waxwing.Queued, waxwing.Failed
	for name, c := range map[string]struct {
		c      composer
		texts  bool
		states []waxwing.State
		reason string // of the first
		people []string
	}{
		"a mail":                         {states: []waxwing.State{queued}, texts: true, people: []string{"x", "ida@mail.example"}},
		"no address":                     {c: composer{mail: waxwing.ErrNotFound}, states: []waxwing.State{failed}, reason: "no_address", people: []string{"x"}},
		"no address, but a number":       {c: composer{mail: waxwing.ErrNotFound}, texts: true, states: []waxwing.State{failed, queued}, reason: "no_address", people: []string{"x", "+4915199887766"}},
		"neither":                        {c: composer{mail: waxwing.ErrNotFound, text: waxwing.ErrNotFound}, texts: true, states: []waxwing.State{failed}, reason: "no_address", people: []string{"x"}},
		"an address that is none":        {c: composer{mail: errors.New("address has no @")}, states: []waxwing.State{failed}, reason: "address has no @", people: []string{"x"}},
		"a template fails in an odd way": {c: composer{panics: true}, states: []waxwing.State{failed}, reason: "the message could not be rendered (internal error)", people: []string{"x"}},
	} {
		s := &renderer{channel: waxwing.Email, clock: time.Now, log: slog.New(slog.DiscardHandler)}
		if c.texts {
			s.others = []waxwing.Channel{waxwing.Push, waxwing.SMS}
		}
		j := &Job{Tenant: &config.Tenant{}, Settings: &Settings{Composer: &c.c}, Work: &waxwing.Work{Next: 1}, Order: &waxwing.Order{Notices: []string{"n2"}}, Notes: []string{"n1"}, Found: waxwing.Lookup{People: []string{"x"}}}
		if d, err := s.Run(t.Context(), j); err != nil || d != (Decision{}) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		var states []waxwing.State
		for _, d := range j.Drafts {
			states = append(states, d.State)
		}
		if !slices.Equal(states, c.states) || j.Drafts[0].Reason != c.reason || !slices.Equal(j.Found.People, c.people) {
			t.Errorf("%s: %v %q %q", name, states, j.Drafts[0].Reason, j.Found.People)
		}
		if n := j.Drafts[0].Notes; !slices.Equal(n[max(0, len(n)-2):], []string{"n1", "n2"}) {
			t.Errorf("%s: notes %q", name, n)
		}
		if len(j.Drafts) > 1 && j.Drafts[1].Reason != "2" {
			t.Errorf("%s: the text has not the next number", name)
		}
	}
}
