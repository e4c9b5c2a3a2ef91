package compose

import (
	"fmt"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/templates"
)

// Preview is an order as a tenant would write of it, before anything is kept.
type Preview struct {
	x     *Composer
	p     *profile
	in    *templates.Input
	order *waxwing.Order
	work  *waxwing.Work
}

// Preview looks at an order of a tenant's in one language; "" is the one that its
// mail would have. The order is changed where a language is given.
func (x *Composer) Preview(t waxwing.TenantID, o *waxwing.Order, tag string) (*Preview, error) {
	p := x.profiles[t]
	if p == nil {
		return nil, errNoTenant
	}
	in := x.input(p, o)
	if tag != "" {
		l, ok := x.catalogue.Locale(tag)
		if !ok {
			return nil, fmt.Errorf("%q is not built in; there are %s", tag, strings.Join(locales.Tags(), ", "))
		}
		in.Locale = l
		own, settings := *p, *p.t
		settings.Locales = []string{tag}
		own.t, p = &settings, &own
		o.Locale = tag
	}
	return &Preview{x: x, p: p, in: in, order: o, work: &waxwing.Work{Tenant: t, Token: "preview"}}, nil
}

// Mail renders the mail. A *templates.FallbackError says that the tenant's template
// failed; the mail is the built-in set's then.
func (v *Preview) Mail() (m templates.Mail, err error) {
	err = v.p.set.Render(v.in, &m)
	return m, err
}

// Text is what the text message would say.
func (v *Preview) Text() string { return v.p.set.SMS(v.in) }

// Note is what a push message would carry, as JSON.
func (v *Preview) Note() ([]byte, error) { return note(v.p.set, v.in) }

// Draft builds and signs the mail as it would be sent; see Composer.Email.
func (v *Preview) Draft(at time.Time) (waxwing.Draft, error) {
	return v.x.email(v.p, v.work, v.order, at)
}
