package templates

import (
	"bytes"
	"cmp"
	"time"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// Limits of what plugins add to a mail.
const (
	maxVar            = 2000 // characters of a variable
	maxGreeting       = 300
	maxRecommended    = 4 // in {{recommended}}: what looks well in a mail
	maxRecommendedAll = 10
	maxOptions        = 5
	// leastDelay is what is worth a notice.
	leastDelay = time.Hour
)

// fillPersonal adds what plugins made of the order. An order without plugins
// costs one comparison.
func (v *view) fillPersonal() {
	p := v.personal
	if p == nil {
		return
	}
	if s := v.clean(p.Subject, maxSubject-1); s != nil {
		v.root[fSubject] = s
	}
	if s := v.outside(p.Greeting, maxGreeting); s != nil {
		v.root[fGreeting] = s
		v.fresh = !endsInComma(s)
	}
	for _, name := range v.names.vars {
		v.vars = append(v.vars, v.outside(p.Vars[name], maxVar))
	}
	for i, name := range v.names.blocks {
		shown, said := p.Blocks[name]
		v.blocks = append(v.blocks, shown || !said && i < numShown)
	}
	if v.blocks[blockRecommendations] {
		v.fillRecommended(p.Recommended)
	}
	// What is not on its way cannot be late.
	if v.blocks[blockDelay] && p.Delay != nil && !v.state.refunded && !v.state.digital {
		v.fillDelay(p.Delay)
	}
	v.flags.personal = len(v.goods) > 0 || v.root[fDelayNotice] != nil
	for _, s := range v.vars {
		v.flags.personal = v.flags.personal || s != nil
	}
}

// endsInComma reports whether a greeting runs on into the text below it, as
// German and Italian have it.
func endsInComma(s []byte) bool {
	r, _ := utf8.DecodeLastRune(bytes.TrimSuffix(s, []byte(endIsolate)))
	return r == ',' || r == '،'
}

// capital writes a sentence's first letter large.
func capital(s []byte) []byte {
	if len(s) > 0 && s[0] >= 'a' && s[0] <= 'z' { // of the catalogues' own words
		s[0] -= 'a' - 'A'
	}
	return s
}

// blockShown reports whether a block is shown.
func (v *view) blockShown(i int) bool {
	if v.personal == nil {
		return i < numShown
	}
	return i < len(v.blocks) && v.blocks[i]
}

func (v *view) fillRecommended(list []waxwing.Candidate) {
	for i := range list {
		c := &list[i]
		if len(v.goods) == maxRecommendedAll {
			break
		}
		g := [numGood][]byte{gName: v.outside(c.Name, maxValue)}
		if g[gName] == nil {
			continue // an article without a name is no recommendation
		}
		g[gSKU], g[gURL], g[gImage], g[gInitial] = v.outside(c.SKU, 60), v.url(c.URL), v.url(c.ImageURL), v.initial(c.Name)
		if g[gImage] != nil {
			g[gAlt] = v.outside(c.Name, maxAlt)
		}
		if known(c.Price) {
			g[gPrice] = v.money(*c.Price)
		}
		v.goods = append(v.goods, g)
	}
	v.spans[fRecommended] = indexes{0, min(len(v.goods), maxRecommended)}
	v.spans[fRecommendedAll] = indexes{0, len(v.goods)}
}

// delayReasons are the words for what makes a parcel late.
var delayReasons = map[waxwing.DelayReason]locales.Message{
	waxwing.DelayWeather: locales.MsgDelayWeather, waxwing.DelayVolume: locales.MsgDelayVolume,
	waxwing.DelayCustoms: locales.MsgDelayCustoms, waxwing.DelayCarrier: locales.MsgDelayCarrier,
	waxwing.DelayStock: locales.MsgDelayStock, waxwing.DelayHoliday: locales.MsgDelayHoliday,
}

// fillDelay says why and how late. Half of such parcels come before P50, nine
// of ten before P90, so that the latter is "in most cases", never a promise.
func (v *view) fillDelay(d *waxwing.Delay) {
	half, most := max(d.P50, 0), max(d.P90, d.P50, 0)
	if most < leastDelay || most > 10000*time.Hour {
		return
	}
	limit, inDays := rounded(most, true)
	v.args[locales.ArgLimit] = v.span(limit, inDays)
	m := locales.MsgDelayUpTo
	if half >= leastDelay {
		n, days := rounded(half, false)
		v.args[locales.ArgDelay] = v.span(n, days)
		if m = locales.MsgDelayExpected; n == limit && days == inDays {
			m = locales.MsgDelayAbout
		}
	}
	v.args[locales.ArgEstimate] = v.compose(m, 0)
	reason, ok := delayReasons[d.Reason]
	if !ok {
		reason = locales.MsgDelayOther
	}
	v.root[fDelayNotice] = v.compose(reason, 0)
	if v.root[fWindow] != nil {
		v.root[fDelayWindow] = v.delayWindow(half, most)
	}
	from := len(v.options)
	for i := range v.brand.Deliveries {
		if o := &v.brand.Deliveries[i]; len(v.options)-from < maxOptions {
			v.option(o)
		}
	}
	v.spans[fDelayOptions] = indexes{from, len(v.options)}
}

const day = 24 * time.Hour

// rounded makes a time what people say: hours below 20, else days. A limit is
// rounded up.
func rounded(d time.Duration, limit bool) (n int64, days bool) {
	unit := day
	if d <= 20*time.Hour {
		unit = time.Hour
	}
	if limit {
		d += unit - 1
	} else {
		d += unit / 2
	}
	return max(int64(d/unit), 1), unit == day
}

func (v *view) span(n int64, days bool) []byte {
	if days {
		return v.compose(locales.MsgSpanDays, n)
	}
	return v.compose(locales.MsgSpanHours, n)
}

// delayWindow moves the order's window by whole days. Where that moves nothing
// there is no new one.
func (v *view) delayWindow(half, most time.Duration) []byte {
	from, to := v.order.Delivery.From, v.order.Delivery.To
	if from.IsZero() && to.IsZero() || !from.IsZero() && !validDay(from) || !to.IsZero() && !validDay(to) {
		return nil
	}
	if to.IsZero() || to.Before(from) {
		to = from
	}
	first, last := int((half+day/2)/day), 0
	if most >= day/2 {
		last = int((most + day - 1) / day)
	}
	if last == 0 {
		return nil
	}
	if !from.IsZero() {
		from = from.AddDate(0, 0, first)
	}
	to = to.AddDate(0, 0, last)
	return v.since(func(b []byte) []byte { return v.locale.AppendRange(b, from, to, locales.Weekday) })
}

// option adds another way to deliver, in the customer's language.
func (v *view) option(d *Delivery) {
	name := cmp.Or(d.Names[v.locale.Tag()], d.Names[v.locale.Base()], d.Name)
	o := [numOption][]byte{oName: v.outside(name, maxValue)}
	if o[oName] == nil {
		return
	}
	o[oURL] = v.pattern(d.URL)
	v.options = append(v.options, o)
}

// clean keeps a value from outside that is a line of its own, so that nothing
// stands beside it to be kept apart from.
func (v *view) clean(s string, limit int) []byte {
	if s == "" {
		return nil
	}
	return v.since(func(b []byte) []byte { return appendClean(b, s, limit) })
}
