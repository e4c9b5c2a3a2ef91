package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/mime"
	"github.com/waxwinghq/waxwing/templates"
)

// Email renders, builds and signs the mail. ErrNotFound: the order has no address.
func (x *Composer) Email(w *waxwing.Work, o *waxwing.Order, at time.Time) (waxwing.Draft, error) {
	p := x.profiles[w.Tenant]
	if p == nil {
		return waxwing.Draft{Channel: waxwing.Email}, errNoTenant
	}
	return x.email(p, w, o, at)
}

func (x *Composer) email(p *profile, w *waxwing.Work, o *waxwing.Order, at time.Time) (waxwing.Draft, error) {
	d := waxwing.Draft{Channel: waxwing.Email}
	to := strings.TrimSpace(o.Customer.Email)
	if to == "" {
		return d, waxwing.ErrNotFound
	}
	rcpt, err := address.Parse(to)
	if err != nil {
		return d, fmt.Errorf("bad_address: %w", err)
	}
	in := x.input(p, o)
	sc, set := x.scratch.Get().(*scratch), p.set
	defer x.scratch.Put(sc)
	if err := p.set.Render(in, &sc.mail); err != nil {
		var fb *templates.FallbackError
		if !errors.As(err, &fb) {
			return d, fmt.Errorf("render: %w", err)
		}
		x.log.Error("a tenant's template failed; the built-in one was used", "tenant", w.Tenant, "confirmation", w.ID, "err", fb.Err)
		d.Notes = append(d.Notes, "render: the tenant's template failed and the built-in one was used")
		set = x.builtin
	}
	if sc.mail.Impersonal {
		x.log.Error("a mail cannot be rendered with what plugins said; it goes without", "tenant", w.Tenant, "confirmation", w.ID)
		d.Notes = append(d.Notes, "render: what plugins said was left out, since no mail came out of it")
	}
	if meant := rcpt.Slip(); meant != "" { // for support: nobody but the customer knows
		d.Notes = append(d.Notes, "address: it ends in "+rcpt.Domain+"; "+meant+" may be meant")
	}
	d.Notes = append(d.Notes, o.Notices...)
	if off := sc.mail.Unbalanced; !off.IsZero() {
		d.Notes = append(d.Notes, "render: the amounts shown do not add up to the total by "+off.String())
	}
	m := mime.Mail{From: p.from, To: mime.Mailbox{Name: o.Customer.FullName(), Addr: rcpt.String()}, ReplyTo: p.reply,
		Subject: sc.mail.Subject, MessageID: w.Token + "@" + p.domain, Date: at, Text: sc.mail.Text, HTML: sc.mail.HTML,
		Passages: set.passages(in.Locale.RTL()), Marks: sc.mail.Marks, Language: in.Locale.Tag(), EntityRef: w.Token, FeedbackID: feedbackID(w)}
	if d.Data, sc.extents, err = p.build(sc, &m, at); err != nil {
		return d, err
	}
	d.Extents = slices.Clone(sc.extents)
	d.From, d.To, d.MessageID, d.Locale = p.returnPath(w), rcpt.String(), m.MessageID, in.Locale.Tag()
	d.SMTPUTF8, d.Dictionary = m.SMTPUTF8(), set.dictionary(in.Locale.Tag())
	return d, nil
}

// feedbackID names the stream of mails that one is of, for the figures of mailbox providers: what it tells, the
// shop, the tenant, and the sender as the last one. It is the same for all of the stream's mails.
func feedbackID(w *waxwing.Work) string {
	return "order:" + string(w.Shop) + ":" + string(w.Tenant) + ":waxwing"
}

// build makes the mail's bytes, which are the caller's, and says where its passages stand:
// in room of the scratch buffer's.
func (p *profile) build(sc *scratch, m *mime.Mail, at time.Time) (data []byte, extents []waxwing.Extent, err error) {
	if p.signer == nil {
		data, extents = mime.BuildExtents(nil, m, sc.extents[:0])
		return data, extents, nil
	}
	sc.mime, extents = mime.BuildExtents(sc.mime[:0], m, sc.extents[:0])
	data, err = p.sign(sc.mime, at)
	for i := range extents { // the signature stands in front
		extents[i].At += len(data) - len(sc.mime)
	}
	return data, extents, err
}

// sign copies the mail out of the scratch buffer, with its signatures in front.
func (p *profile) sign(mail []byte, at time.Time) ([]byte, error) {
	if p.signer == nil {
		return append([]byte(nil), mail...), nil
	}
	out, err := p.signer.Append(make([]byte, 0, len(mail)+p.signer.Room()), mail, at)
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	return append(out, mail...), nil
}
