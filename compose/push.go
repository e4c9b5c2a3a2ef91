package compose

import (
	"encoding/json"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/templates"
)

// Push renders the push message for the fallback. ErrNotFound: nobody has said where the customer
// is reached by one.
func (x *Composer) Push(w *waxwing.Work, o *waxwing.Order, _ time.Time) (waxwing.Draft, error) {
	d := waxwing.Draft{Channel: waxwing.Push}
	p := x.profiles[w.Tenant]
	if p == nil {
		return d, errNoTenant
	}
	if o.Customer.Push == "" {
		return d, waxwing.ErrNotFound
	}
	in := x.input(p, o)
	d.To, d.Locale = o.Customer.Push, in.Locale.Tag()
	var err error
	d.Data, err = note(p.set, in)
	return d, err
}

// note is a push message's bytes.
func note(set *templateSet, in *templates.Input) (data []byte, err error) {
	var n httpsend.Note
	n.Title, n.Body, n.URL = set.Note(in)
	if data, err = json.Marshal(n); err == nil && len(data) > httpsend.MaxNote { // a link's fault: texts are short
		n.URL = ""
		data, err = json.Marshal(n)
	}
	return data, err
}
