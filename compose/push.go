package compose

import (
	"encoding/json"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
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
	var n httpsend.Note
	n.Title, n.Body, n.URL = p.set.Note(in)
	var err error
	if d.Data, err = json.Marshal(n); err == nil && len(d.Data) > httpsend.MaxNote { // a link's fault: texts are short
		n.URL = ""
		d.Data, err = json.Marshal(n)
	}
	return d, err
}
