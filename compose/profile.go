package compose

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/channel/mime"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/feedback/returnpath"
	"github.com/waxwinghq/waxwing/templates"
)

// profile is how one tenant speaks: brand, templates, languages, sender.
type profile struct {
	t      *config.Tenant
	brand  *templates.Brand
	brands map[waxwing.ShopID]*templates.Brand // of shops that say something else of the seller
	set    *templateSet
	from   mime.Mailbox
	reply  mime.Mailbox
	domain string
	signer *dkim.Signer
	fault  error // why the tenant's own templates are not used, or not all of them
}

// returnPath is where the message that comes next comes back to.
func (p *profile) returnPath(w *waxwing.Work) string {
	if p.t.ReturnPath == "" {
		return p.from.Addr
	}
	return returnpath.Write(p.t.ReturnPath, w.Tenant, w.ID|waxwing.ID(w.Next), w.Token)
}

func newProfile(name string, t *config.Tenant, builtin *templateSet, log *slog.Logger) (*profile, error) {
	p := &profile{t: t, set: builtin}
	var err error
	b := templates.Brand{Name: t.Name, LogoURL: t.Brand.Logo, Color: t.Brand.Color, SupportURL: t.SupportURL,
		TrackingURL: t.TrackingURL, ReturnsURL: t.ReturnsURL, InvoiceURL: t.InvoiceURL, Footer: t.Brand.Footer,
		Instructions: instructions(&t.PaymentInstructions), Legal: legal(t.Legal)}
	if t.Brand.Address != "" {
		b.Address = strings.Split(strings.TrimSpace(t.Brand.Address), "\n")
	}
	for _, d := range t.Deliveries {
		b.Deliveries = append(b.Deliveries, templates.Delivery{Name: d.Name, Names: d.Names, URL: d.URL})
	}
	if p.brand, err = templates.NewBrand(b); err != nil {
		return nil, err
	}
	for name, shop := range t.Shops {
		if shop.Legal != nil {
			own := *p.brand
			own.Legal = legal(t.Legal, shop.Legal)
			if p.brands == nil {
				p.brands = map[waxwing.ShopID]*templates.Brand{}
			}
			p.brands[waxwing.ShopID(name)] = &own
		}
	}
	a, err := address.Parse(t.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	p.from, p.domain = mime.Mailbox{Name: t.Name, Addr: a.String()}, a.Domain
	if t.ReplyTo != "" {
		r, err := address.Parse(t.ReplyTo)
		if err != nil {
			return nil, fmt.Errorf("reply_to: %w", err)
		}
		p.reply = mime.Mailbox{Name: t.Name, Addr: r.String()}
	}
	if t.Templates != "" {
		// A template that does not load is the merchant's mistake, not her
		// customers': the built-in set speaks until it is mended.
		set, err := templates.Load(os.DirFS(t.Templates), nil)
		if err != nil {
			log.Error("the tenant's templates do not load; the built-in ones are used", "folder", t.Templates, "err", err)
			p.fault = fmt.Errorf("templates %s: %w", t.Templates, err)
		} else {
			p.set = newTemplateSet(set, "tenant/"+name)
			if err := set.Unused(); err != nil {
				log.Warn("some of the tenant's templates are never used", "folder", t.Templates, "err", err)
				p.fault = fmt.Errorf("templates %s: %w", t.Templates, err)
			}
		}
	}
	if t.DKIM != nil {
		if p.signer, err = newSigner(t.DKIM); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// newSigner signs by all of a tenant's keys.
func newSigner(d *config.DKIM) (s *dkim.Signer, err error) {
	for i, k := range d.Keys() {
		at := "dkim"
		if i > 0 {
			at = fmt.Sprintf("dkim.also[%d]", i-1)
		}
		key, err := dkim.ParseKey(k.Key)
		if err != nil {
			return nil, fmt.Errorf("%s.key: %w", at, err)
		}
		if s == nil {
			s, err = dkim.New(d.Domain, k.Selector, key)
		} else {
			s, err = s.With(k.Selector, key)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
	}
	return s, nil
}
