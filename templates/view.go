package templates

import (
	"strings"
	"unicode"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// Limits of what one mail lists, so that it stays below what clients clip.
const (
	maxItems      = 40
	maxProperties = 8
	maxRows       = 12 // of one kind: discounts, taxes, ...
	maxLines      = 8  // of an address
)

// view is an order as templates see it: every value formatted, cleaned and
// isolated, in one arena that is used again for the next mail.
type view struct {
	order  *waxwing.Order
	brand  *Brand
	locale *locales.Locale
	// items limits how many lines are listed.
	limit  int
	bought int64 // how many pieces
	state  state

	arena []byte
	root  [fItems][]byte
	flags struct{ test, delivery, personal, pay, legal, legalLinks, wide bool }
	items []itemView
	props [][numProperty][]byte
	rows  []rowView
	lines [][]byte
	spans [numRoot]indexes // of the lists: what of rows or lines is theirs
	at    [numScopes]int   // the current element of each scope
	args  [locales.NumArgs][]byte
	font  string

	// sum is what the rows of charges add up to, unless sumUnknown, and off what
	// the total is more.
	sum, off   waxwing.Money
	sumUnknown bool
	paidBy     []byte // the method of payment, with "paid" where it is

	// What plugins made of the order, nil for most; names are the set's.
	personal *waxwing.Personal
	names    *personalNames
	vars     [][]byte
	blocks   []bool
	goods    [][numGood][]byte
	options  [][numOption][]byte
	// fresh says that a plugin's greeting is a sentence of its own, so that the
	// intro begins one.
	fresh bool
}

type itemView struct {
	text    [iProperties][]byte
	digital bool
	props   indexes
}

type rowView struct {
	text   [rSaving][]byte
	saving bool
}

type indexes struct{ from, to int }

// fill computes all that any template may ask for.
func (v *view) fill(in *Input, limit int) {
	v.order, v.brand, v.locale, v.limit = in.Order, in.Brand, in.Locale, limit
	if v.brand == nil {
		v.brand = &Brand{}
	}
	v.arena, v.items, v.props, v.rows, v.lines = v.arena[:0], v.items[:0], v.props[:0], v.rows[:0], v.lines[:0]
	v.vars, v.blocks, v.goods, v.options = v.vars[:0], v.blocks[:0], v.goods[:0], v.options[:0]
	v.flags.personal, v.flags.pay, v.flags.legal, v.flags.legalLinks, v.flags.wide = false, false, false, false, false
	v.fresh, v.sumUnknown, v.off, v.paidBy = false, false, waxwing.Money{}, nil
	clear(v.root[:])
	clear(v.spans[:])
	clear(v.args[:])
	v.font = fonts(v.locale.Tag())
	v.bought, v.state = pieces(v.order.Items), stateOf(v.order)
	v.fillHead()
	v.fillLinks()
	v.fillItems()
	v.fillPayment()
	v.fillTotals()
	v.fillPay()
	v.fillDelivery()
	v.fillAddresses()
	v.fillLegal()
	v.fillNext()
	v.fillPersonal()
	// Composed last, since they speak of the rest.
	v.root[fIntro] = v.own(v.locale.Text(v.intro()))
	if v.fresh {
		v.root[fIntro] = capital(v.root[fIntro])
	}
	v.fillPreheader()
}

// fillPreheader makes what a mailbox shows behind the subject.
func (v *view) fillPreheader() {
	v.root[fPreheader] = v.root[fIntro]
	switch {
	case v.state.refunded:
	case v.state.prepay && v.root[fPayAmount] != nil:
		v.root[fPreheader] = v.since(func(b []byte) []byte {
			b = v.labelled(b, locales.MsgAmountDue, v.root[fPayAmount])
			if v.root[fPayReference] != nil {
				b = v.labelled(append(b, " · "...), locales.MsgPaymentReference, v.root[fPayReference])
			}
			return b
		})
	case v.root[fTotalPlain] != nil && v.root[fBrandName] != nil:
		v.root[fPreheader] = v.compose(locales.MsgPreheader, v.bought)
	}
}

// labelled appends a label and its value as the language joins them.
func (v *view) labelled(b []byte, label locales.Message, value []byte) []byte {
	b = append(b, v.locale.Text(label)...)
	return append(append(b, v.root[fColon]...), value...)
}

func (v *view) fillHead() {
	o, l := v.order, v.locale
	v.root[fLang], v.root[fDir] = v.own(l.Tag()), v.own(l.Dir())
	for _, p := range l.Parts(locales.MsgLabelled, 0) {
		if p.Arg == 0 { // what the language writes between a label and its value
			v.root[fColon] = v.own(p.Text)
		}
	}
	v.root[fBrandName] = v.outside(v.brand.Name, maxValue)
	v.root[fFooter] = v.outside(v.brand.Footer, maxNote)
	v.root[fNumber] = v.outside(o.Number, 60)
	if v.root[fNumber] == nil {
		v.root[fNumber] = v.outside(o.ID, 60)
	}
	v.root[fNote] = v.outsideLines(o.Note, maxNote)
	v.root[fPurchaseOrder] = v.outside(o.PurchaseOrder, 60)
	if validDay(o.PlacedAt) {
		v.root[fDate] = v.since(func(b []byte) []byte { return l.AppendDate(b, o.PlacedAt, locales.Weekday) })
	}
	v.flags.test = o.Test
	whole, first := names(o, l.Tag())
	v.root[fCustomer] = v.outside(whole, 80)
	v.args[locales.ArgMerchant] = v.root[fBrandName]
	v.args[locales.ArgNumber] = v.root[fNumber]
	v.args[locales.ArgName] = v.root[fCustomer]
	v.args[locales.ArgFirstName] = v.outside(first, 80)
	greeting, subject := locales.MsgGreetingPlain, locales.MsgSubjectPlain
	if len(v.root[fCustomer]) > 0 {
		greeting, subject = locales.MsgGreetingNamed, locales.MsgSubjectNamed
	}
	headline := locales.MsgHeadline
	switch {
	case v.state.refunded:
		subject, headline = locales.MsgSubjectRefunded, locales.MsgHeadlineRefunded
	case v.state.prepay:
		subject = locales.MsgSubjectPrepay
	}
	v.root[fHeadline] = v.own(l.Text(headline))
	v.root[fGreeting] = v.compose(greeting, 0)
	v.root[fSubject] = v.compose(subject, 0)
	v.spans[fBrandAddress] = v.addLines(v.brand.Address)
}

// names returns how the customer is called in full and how she is greeted.
// Names in Chinese, Japanese or Korean script are written family name first.
func names(o *waxwing.Order, tag string) (whole, first string) {
	given, family := strings.TrimSpace(o.Customer.FirstName), strings.TrimSpace(o.Customer.LastName)
	if given == "" && family == "" && o.Billing != nil {
		family = strings.TrimSpace(o.Billing.Name)
	}
	switch {
	case given == "":
		return family, family
	case family == "":
		return given, given
	case eastAsian(given) || eastAsian(family):
		if tag == "ja" {
			return family + " " + given, family + " " + given
		}
		return family + given, family + given
	}
	return given + " " + family, given
}

func eastAsian(s string) bool {
	for _, r := range s {
		if r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			return true
		}
	}
	return false
}

// intro is the sentence that fits the order's state.
func (v *view) intro() locales.Message {
	switch s := &v.state; {
	case s.refunded:
		return locales.MsgIntroRefunded
	case s.partly:
		return locales.MsgIntroPartlyRefunded
	case s.prepay:
		return locales.MsgIntroPrepay
	case s.deposit:
		return locales.MsgIntroDeposit
	case s.handed, s.shipped && !s.digital, s.allWait && s.mixed: // what is digital waits for nothing
		return locales.MsgIntroPlain
	case s.allWait:
		return locales.MsgIntroBackorder
	case s.digital:
		return locales.MsgIntroDigital
	case s.pickup:
		return locales.MsgIntroPickup
	}
	return locales.MsgIntro
}

func (v *view) fillLinks() {
	o, s := v.order, &v.state
	status, pay := v.url(o.Links.Status), v.url(o.Links.Pay)
	if !s.unpaid && !s.deposit {
		pay = nil
	}
	// Nothing is on its way before the money is, and what went back stays.
	var tracking []byte
	if back, transfer := s.refunded, s.transfer(&o.Payment); !back && !transfer {
		if tracking = v.url(o.Links.Tracking); tracking == nil && !s.pickup && !s.digital && !s.handed {
			tracking = v.pattern(v.brand.TrackingURL)
		}
	}
	support := v.url(o.Links.Support)
	if u := v.brand.SupportURL; support == nil && (safeURL(u) || safeMailto(u)) {
		support = v.own(u)
	}
	v.root[fOrderURL], v.root[fTrackingURL], v.root[fSupportURL] = status, tracking, support
	v.root[fPayURL] = pay
	v.root[fLogoURL], v.root[fHomeURL] = v.url(v.brand.LogoURL), v.url(v.brand.HomeURL)
	if v.root[fInvoiceURL] = v.url(o.Links.Invoice); v.root[fInvoiceURL] == nil {
		v.root[fInvoiceURL] = v.pattern(v.brand.InvoiceURL)
	}
	if v.root[fReturnsURL] = v.url(o.Links.Returns); v.root[fReturnsURL] == nil && !s.refunded && !s.digital {
		v.root[fReturnsURL] = v.pattern(v.brand.ReturnsURL)
	}
	v.fillButtons([]link{{pay, locales.MsgPayNow}, {status, locales.MsgViewOrder}, {tracking, locales.MsgTrackOrder}})
}

// link is an address with the word on it.
type link struct {
	url  []byte
	word locales.Message
}

// fillButtons makes the first known link the button and the next one the link
// beside it.
func (v *view) fillButtons(links []link) {
	for _, l := range links {
		switch {
		case l.url == nil:
		case v.root[fButtonURL] == nil:
			v.root[fButtonURL], v.root[fButton] = l.url, v.own(v.locale.Text(l.word))
		case v.root[fSecondURL] == nil:
			v.root[fSecondURL], v.root[fSecond] = l.url, v.own(v.locale.Text(l.word))
		}
	}
	v.args[locales.ArgLink] = v.root[fButtonURL]
}

func (v *view) fillDelivery() {
	d, l, s := &v.order.Delivery, v.locale, &v.state
	// No day is named for what is not sent, not to be had yet, or not begun before
	// the money is there.
	dated := !s.refunded && !s.digital && !s.allWait && !s.handed && !s.prepay
	if dated && (d.From.IsZero() || validDay(d.From)) && (d.To.IsZero() || validDay(d.To)) {
		v.root[fWindow] = v.since(func(b []byte) []byte { return l.AppendRange(b, d.From, d.To, locales.Weekday) })
	}
	label := locales.MsgDelivery
	if d.Pickup {
		label = locales.MsgPickup
	}
	v.root[fWindowLabel] = v.own(l.Text(label))
	if s.waiting && !s.refunded && v.intro() != locales.MsgIntroBackorder {
		v.root[fDeliveryNote] = v.own(l.Text(locales.MsgBackorderNote))
	}
	v.root[fMethod] = v.outside(d.Method, maxValue)
	if len(v.root[fMethod]) == 0 && len(v.order.Ship) > 0 {
		v.root[fMethod] = v.outside(v.order.Ship[0].Title, maxValue)
	}
	// What is said of lines, or of things that nobody takes from a shelf, is not
	// said of the whole order; nor after the money went back.
	ofLines := false
	for i := range v.order.Items {
		ofLines = ofLines || v.order.Items[i].Stock != waxwing.StockUnknown
	}
	if m, _, ok := stockMessage(v.order.Stock); ok && !ofLines && !v.onlyDigital() && !s.refunded && !s.handed && !s.shipped {
		v.root[fStock] = v.own(l.Text(m))
	}
	v.flags.delivery = len(v.root[fWindow])+len(v.root[fStock])+len(v.root[fDeliveryNote]) > 0
}

// onlyDigital reports whether nothing of the order is taken from a shelf.
func (v *view) onlyDigital() bool {
	for i := range v.order.Items {
		if it := &v.order.Items[i]; !it.Digital && !it.GiftCard {
			return false
		}
	}
	return len(v.order.Items) > 0
}
