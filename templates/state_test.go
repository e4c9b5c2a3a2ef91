package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// What a mail says fits the order's state, in every language, in HTML, text,
// preheader and SMS.
func TestWhatIsSaidFitsTheState(t *testing.T) {
	const (
		track   = "https://acme.example/track/1042"
		pay     = "https://acme.example/pay/1042"
		returns = "https://acme.example/returns/1042"
	)
	type want struct {
		intro, subject, headline, sms locales.Message
		has, lacks                    []locales.Message // words
		links, noLinks                []string
	}
	window := locales.MsgDelivery
	for state, w := range map[string]want{
		"paid": {intro: locales.MsgIntro, has: []locales.Message{window, locales.MsgNextPacked, locales.MsgSameAsShipping},
			lacks: []locales.Message{locales.MsgAmountDue, locales.MsgHowToPay, locales.MsgBackorderNote}, links: []string{track, returns}},
		"refunded": {intro: locales.MsgIntroRefunded, subject: locales.MsgSubjectRefunded, headline: locales.MsgHeadlineRefunded, sms: locales.MsgSmsRefunded,
			has: []locales.Message{locales.MsgRefunded}, lacks: []locales.Message{window, locales.MsgNextPacked, locales.MsgNet, locales.MsgHeadline, locales.MsgAmountDue},
			noLinks: []string{track, returns}},
		"partly": {intro: locales.MsgIntroPartlyRefunded, has: []locales.Message{window, locales.MsgRefunded, locales.MsgNet, locales.MsgPayPartlyRefunded},
			lacks: []locales.Message{locales.MsgNextPacked}, links: []string{track}},
		"prepay": {intro: locales.MsgIntroPrepay, subject: locales.MsgSubjectPrepay, sms: locales.MsgSmsPrepay,
			has:   []locales.Message{locales.MsgHowToPay, locales.MsgAmountDue, locales.MsgPaymentReference, locales.MsgPayNow, locales.MsgBankTransfer},
			lacks: []locales.Message{locales.MsgNextPacked, window}, links: []string{pay}, noLinks: []string{track}},
		"cheque": {intro: locales.MsgIntroPrepay, subject: locales.MsgSubjectPrepay, sms: locales.MsgSmsPrepay,
			has: []locales.Message{locales.MsgHowToPay, locales.MsgPaymentReference}, lacks: []locales.Message{locales.MsgPayNow}, noLinks: []string{track, pay}},
		"invoice": {intro: locales.MsgIntro, has: []locales.Message{locales.MsgHowToPay, locales.MsgAmountDue, locales.MsgNextPacked}, noLinks: []string{track}},
		"cod":     {intro: locales.MsgIntro, has: []locales.Message{locales.MsgCashOnDelivery, window}, lacks: []locales.Message{locales.MsgHowToPay, locales.MsgAmountDue}, links: []string{track}},
		"deposit": {intro: locales.MsgIntroDeposit, has: []locales.Message{locales.MsgDepositPaid, locales.MsgAmountDue, locales.MsgPayPartly}, lacks: []locales.Message{locales.MsgNextPacked}},
		"pickup": {intro: locales.MsgIntroPickup, has: []locales.Message{locales.MsgPickup, locales.MsgPickupAddress, locales.MsgNextPickup},
			lacks: []locales.Message{window, locales.MsgShippingAddress, locales.MsgSameAsShipping, locales.MsgNextPacked}, noLinks: []string{track}},
		"pickup-nowhere": {intro: locales.MsgIntroPickup, lacks: []locales.Message{locales.MsgPickupAddress, locales.MsgShippingAddress, locales.MsgSameAsShipping}},
		"digital": {intro: locales.MsgIntroDigital, has: []locales.Message{locales.MsgDigitalItem, locales.MsgBillingAddress},
			lacks: []locales.Message{window, locales.MsgShippingAddress, locales.MsgNextPacked, locales.MsgSameAsShipping}, noLinks: []string{track, returns}},
		"backorder": {intro: locales.MsgIntroBackorder, has: []locales.Message{locales.MsgStockBackorder}, lacks: []locales.Message{window, locales.MsgNextPacked, locales.MsgBackorderNote}},
		"backorder-mixed": {intro: locales.MsgIntroPlain, has: []locales.Message{locales.MsgStockBackorder, locales.MsgDigitalItem, locales.MsgBackorderNote},
			lacks: []locales.Message{window, locales.MsgNextPacked}},
		"handed": {intro: locales.MsgIntroPlain, lacks: []locales.Message{window, locales.MsgNextPacked, locales.MsgShippingAddress, locales.MsgBackorderNote},
			noLinks: []string{track}},
		"shipped": {intro: locales.MsgIntroPlain, has: []locales.Message{window, locales.MsgShippingAddress},
			lacks: []locales.Message{locales.MsgNextPacked, locales.MsgBackorderNote}, links: []string{track}},
		"some-wait": {intro: locales.MsgIntro, has: []locales.Message{window, locales.MsgBackorderNote, locales.MsgStockBackorder}},
		"zero": {intro: locales.MsgIntro, has: []locales.Message{locales.MsgNothingToPay},
			lacks: []locales.Message{locales.MsgPayPending, locales.MsgAmountDue, locales.MsgHowToPay}},
	} {
		for _, tag := range locales.Tags() {
			t.Run(state+"/"+tag, func(t *testing.T) {
				in := &Input{Order: stateOrder(tag, state), Brand: stateBrand(), Locale: locale(t, tag)}
				var m Mail
				if err := builtin(t).Render(in, &m); err != nil {
					t.Fatal(err)
				}
				text, page, sms := string(m.Text), visible(string(m.HTML)), builtin(t).SMS(in)
				say := in.Locale.Text
				holds := func(word string, yes bool) {
					t.Helper()
					if strings.Contains(text, word) != yes {
						t.Errorf("text holds %q: %v\n%s", word, !yes, text)
					}
					if strings.Contains(page, word) != yes {
						t.Errorf("HTML holds %q: %v", word, !yes)
					}
				}
				holds(say(w.intro), true)
				for _, other := range []locales.Message{locales.MsgIntro, locales.MsgIntroPickup, locales.MsgIntroPrepay, locales.MsgIntroRefunded,
					locales.MsgIntroPartlyRefunded, locales.MsgIntroDeposit, locales.MsgIntroDigital, locales.MsgIntroBackorder} {
					if other != w.intro {
						holds(say(other), false)
					}
				}
				for _, msg := range w.has {
					holds(say(msg), true)
				}
				for _, msg := range w.lacks {
					// As a label or a line of its own, not as a part of other words.
					if lineWith(text, say(msg), in.Locale) {
						t.Errorf("text has a line %q\n%s", say(msg), text)
					}
				}
				for _, u := range w.links {
					holds(u, true)
				}
				for _, u := range w.noLinks {
					holds(u, false)
				}
				if headline := say(max(w.headline, locales.MsgHeadline)); !strings.HasPrefix(text, headline+"\n") {
					t.Errorf("headline %.60q, want %q", text, headline)
				}
				if w.subject != 0 && m.Subject != oneLine(string(in.Locale.Append(nil, w.subject, 0, &locales.Args{locales.ArgNumber: "#1042"})), in.Locale.RTL()) {
					t.Errorf("subject %q", m.Subject)
				}
				if w.subject == locales.MsgSubjectPrepay && !strings.Contains(m.Preheader, say(locales.MsgAmountDue)) {
					t.Errorf("preheader %q", m.Preheader)
				}
				if w.subject == locales.MsgSubjectRefunded && m.Preheader != say(w.intro) {
					t.Errorf("preheader %q", m.Preheader)
				}
				usual := w.sms == 0
				if confirms := strings.Contains(withoutAccents(sms), lastWords(in.Locale, locales.MsgSms)); confirms != usual {
					t.Errorf("SMS confirms: %v: %s", confirms, sms)
				}
				if _, n := Segments(sms); n > maxSegments || !strings.Contains(sms, "1042") {
					t.Errorf("SMS of %d segments: %s", n, sms)
				}
			})
		}
	}
}

// visible is what a reader of the HTML sees and can follow.
func visible(page string) string {
	if _, after, ok := strings.Cut(page, "<body"); ok {
		page = after
	}
	return strings.NewReplacer("&#39;", "'", "&amp;", "&", "&quot;", `"`).Replace(page)
}

// lineWith reports whether a line is a text or begins with it as its label.
func lineWith(text, word string, l *locales.Locale) bool {
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == word || strings.HasPrefix(line, word+":") || strings.HasPrefix(line, word+"\u00a0:") || strings.HasPrefix(line, word+"：") {
			return true
		}
	}
	return false
}

// lastWords is the text of a message before its link, as a phone shows it.
func lastWords(l *locales.Locale, m locales.Message) (last string) {
	for _, p := range l.Parts(m, 0) {
		if s := strings.TrimSpace(withoutAccents(p.Text)); p.Arg == 0 && len([]rune(s)) > 1 {
			last = s
		}
	}
	return last
}

// What went back, or was never sent, is not late; and what has no day has no new one.
func TestDelayFitsTheState(t *testing.T) {
	for state, want := range map[string][2]bool{"paid": {true, true}, "refunded": {}, "digital": {}, "backorder": {true, false}, "prepay": {true, false}} {
		o := stateOrder("en", state)
		o.Personal = &waxwing.Personal{Delay: &waxwing.Delay{P50: 30 * time.Hour, P90: 80 * time.Hour}}
		var m Mail
		if err := builtin(t).Render(&Input{Order: o, Brand: stateBrand(), Locale: locale(t, "en")}, &m); err != nil {
			t.Fatal(err)
		}
		notice := strings.Contains(string(m.Text), locale(t, "en").Text(locales.MsgDelayTitle))
		moved := strings.Contains(string(m.Text), locale(t, "en").Text(locales.MsgDelayWindow))
		if notice != want[0] || moved != want[1] {
			t.Errorf("%s: notice %v, new window %v", state, notice, moved)
		}
	}
}

// The state follows from amounts where the shop's words do not say it.
func TestStateOf(t *testing.T) {
	for name, c := range map[string]struct {
		order waxwing.Order
		want  state
	}{
		"refunded without amounts": {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentRefunded}}, state{refunded: true}},
		"refunded in part":         {waxwing.Order{Total: eur(500), Refunded: eur(100), Payment: waxwing.Payment{Status: waxwing.PaymentRefunded}}, state{partly: true}},
		"refunded but a card":      {waxwing.Order{Total: eur(500), Refunded: eur(400), GiftCards: []waxwing.Adjustment{{Amount: eur(100)}}, Payment: waxwing.Payment{Status: waxwing.PaymentRefunded}}, state{refunded: true}},
		"all back, said paid":      {waxwing.Order{Total: eur(500), Refunded: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentPaid}}, state{refunded: true}},
		"some back, said paid":     {waxwing.Order{Total: eur(500), Refunded: eur(1), Payment: waxwing.Payment{Status: waxwing.PaymentPaid}}, state{partly: true}},
		"transfer":                 {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Offline: waxwing.BankTransfer}}, state{unpaid: true, prepay: true, due: eur(500)}},
		"transfer beside a card":   {waxwing.Order{Total: eur(500), GiftCards: []waxwing.Adjustment{{Amount: eur(200)}}, Payment: waxwing.Payment{Offline: waxwing.BankTransfer}}, state{unpaid: true, prepay: true, due: eur(300)}},
		"a card pays it all":       {waxwing.Order{Total: eur(500), GiftCards: []waxwing.Adjustment{{Amount: eur(500)}}, Payment: waxwing.Payment{Offline: waxwing.BankTransfer}}, state{nothing: true}},
		"paid transfer":            {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentPaid, Offline: waxwing.BankTransfer}}, state{}},
		"deposit, due unknown":     {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentPartlyPaid, Deposit: eur(100)}}, state{deposit: true, due: eur(400)}},
		"deposit, nothing known":   {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentPartlyPaid}}, state{deposit: true}},
		"silent shop":              {waxwing.Order{Total: eur(500)}, state{}},
		"silent shop, pay link":    {waxwing.Order{Total: eur(500), Links: waxwing.Links{Pay: "https://a.example"}}, state{unpaid: true, due: eur(500)}},
		"on account":               {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentAuthorized, Offline: waxwing.Invoice}}, state{unpaid: true, due: eur(500)}},
		"authorized":               {waxwing.Order{Total: eur(500), Payment: waxwing.Payment{Status: waxwing.PaymentAuthorized}}, state{}},
		"zero":                     {waxwing.Order{Total: eur(0), Payment: waxwing.Payment{Status: waxwing.PaymentPending, Offline: waxwing.Cheque}}, state{nothing: true}},
		"gift cards only":          {waxwing.Order{Items: []waxwing.Item{{GiftCard: true}}}, state{digital: true}},
		"one of two waits":         {waxwing.Order{Items: []waxwing.Item{{Stock: waxwing.StockPreorder}, {Stock: waxwing.StockInStock}}}, state{waiting: true}},
		"all but a song wait":      {waxwing.Order{Items: []waxwing.Item{{Stock: waxwing.StockOut}, {Digital: true}}}, state{waiting: true, allWait: true, mixed: true}},
		"over the counter":         {waxwing.Order{Delivery: waxwing.Delivery{HandedOver: true}, Items: []waxwing.Item{{Stock: waxwing.StockOut}}}, state{handed: true}},
		"the order waits":          {waxwing.Order{Stock: waxwing.StockBackorder, Items: []waxwing.Item{{Name: "A"}}}, state{waiting: true, allWait: true}},
		"low stock is no waiting":  {waxwing.Order{Stock: waxwing.StockLow, Items: []waxwing.Item{{Stock: waxwing.StockLow}}}, state{}},
	} {
		if got := stateOf(&c.order); got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}
