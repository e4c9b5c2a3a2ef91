package pipeline

import (
	"errors"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// TestResend: what was sent is sent again; where that cannot be, or is not wanted, the order
// runs through its stages anew, and neither gate nor filter holds it.
func TestResend(t *testing.T) {
	unpaid := func() (*waxwing.Order, error) {
		o, _ := paid()
		o.Payment.Status = waxwing.PaymentPending
		return o, nil
	}
	sent := &waxwing.Outgoing{To: "old@mail.example", Data: []byte("mail")}
	for name, c := range map[string]struct {
		order    func() (*waxwing.Order, error)
		change   func(*book, *letters)
		ask      waxwing.Resend
		said     string
		rendered bool
		err      string
		later    bool // it is worth another try
	}{
		"as it was":               {order: paid, said: `add email queued to old@mail.example, asked false, notes ["again"]`},
		"to another address":      {order: paid, ask: waxwing.Resend{To: " new@mail.example "}, said: `add email queued to new@mail.example, asked false, notes ["again"]`},
		"anew":                    {order: paid, ask: waxwing.Resend{Render: true}, rendered: true, said: `add email queued to ida@mail.example, asked true, notes ["composed"]`},
		"anew, another address":   {order: paid, ask: waxwing.Resend{Render: true, To: "new@mail.example"}, rendered: true, said: `add email queued to new@mail.example, asked true, notes ["composed"]`},
		"anew, not paid":          {order: unpaid, ask: waxwing.Resend{Render: true}, rendered: true, said: `add email queued to ida@mail.example, asked true, notes ["composed"]`},
		"nothing was sent":        {order: paid, change: func(b *book, _ *letters) { b.sent = &waxwing.Outgoing{} }, rendered: true, said: `add email queued to ida@mail.example, asked true, notes ["composed"]`},
		"its content is gone":     {order: paid, change: func(b *book, _ *letters) { b.bytes = waxwing.ErrNotFound }, rendered: true, said: `add email queued to ida@mail.example, asked true, notes ["composed"]`},
		"no address":              {order: func() (*waxwing.Order, error) { return &waxwing.Order{}, nil }, ask: waxwing.Resend{Render: true}, err: "say where to send it"},
		"unreadable":              {order: func() (*waxwing.Order, error) { return nil, errors.New("odd") }, ask: waxwing.Resend{Render: true}, err: "odd"},
		"a plugin rests":          {order: func() (*waxwing.Order, error) { return nil, waxwing.ErrUnavailable }, ask: waxwing.Resend{Render: true}, err: "unavailable", later: true},
		"it was erased":           {order: paid, change: func(b *book, _ *letters) { b.rework = waxwing.ErrState }, err: "state", later: true},
		"it cannot be made":       {order: paid, change: func(_ *book, l *letters) { l.again = errors.New("no @ in it") }, err: "no @ in it"},
		"the disk cannot be read": {order: paid, change: func(b *book, _ *letters) { b.bytes = waxwing.ErrUnavailable }, err: "unavailable", later: true},
	} {
		t.Run(name, func(t *testing.T) {
			b, l := newBook(), &letters{}
			b.sent = sent
			if c.change != nil {
				c.change(b, l)
			}
			p := partsOf(b, c.order, &taker{}, &taker{})
			p.Composer = l
			p.Config.Pipeline = append([]config.Stage{p.Config.Pipeline[0], At(&EnrichStage{}), At(&PluginsStage{})}, p.Config.Pipeline[1:]...)
			x := newPipeline(t, p)
			msg, rendered, err := x.Resend(t.Context(), "acme", 64, c.ask)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || waxwing.IsPermanent(err) == c.later || len(b.said) > 0 {
					t.Errorf("%v, permanent %v, said %q; want %q", err, waxwing.IsPermanent(err), b.said, c.err)
				}
				return
			}
			if err != nil || rendered != c.rendered || msg != 66 {
				t.Errorf("message %d, rendered %v, %v", int64(msg), rendered, err)
			}
			b.want(t, name, c.said)
		})
	}
}
