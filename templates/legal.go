package templates

import (
	"cmp"
	"strings"

	"github.com/waxwinghq/waxwing/locales"
)

// Text is a text in several languages.
type Text struct {
	// Default stands where the mail's language has none of its own.
	Default string
	Locales map[string]string // by locale
}

// in returns the text for a locale: its own, that of the one whose variant it
// is, the default.
func (t Text) in(l *locales.Locale) string {
	return cmp.Or(t.Locales[l.Tag()], t.Locales[l.Base()], t.Default)
}

// Legal is what the law of many countries wants a shop to say: who sells, where
// it is registered, and the terms. Each is a text or an https address by
// language; what is empty is not shown.
type Legal struct {
	// Seller is the company with its registered office, a line each.
	Seller Text
	// Register is the court and number of a register, VAT the tax number.
	Register, VAT Text
	// Terms, Withdrawal and Privacy are addresses of pages.
	Terms, Withdrawal, Privacy Text
	// Text is whatever else must be said, such as the instruction on withdrawal.
	Text Text
}

// maxLegal bounds a legal text, in characters.
const maxLegal = 4000

// fillLegal makes the block of the footer.
func (v *view) fillLegal() {
	l := v.brand.Legal
	if l == nil {
		return
	}
	v.spans[fSeller] = v.addLines(strings.Split(strings.TrimSpace(l.Seller.in(v.locale)), "\n"))
	v.root[fRegister] = v.outside(strings.TrimSpace(l.Register.in(v.locale)), maxValue)
	v.root[fVAT] = v.outside(strings.TrimSpace(l.VAT.in(v.locale)), maxValue)
	v.root[fLegalText] = v.outsideLines(l.Text.in(v.locale), maxLegal)
	v.root[fTermsURL] = v.url(l.Terms.in(v.locale))
	v.root[fWithdrawalURL] = v.url(l.Withdrawal.in(v.locale))
	v.root[fPrivacyURL] = v.url(l.Privacy.in(v.locale))
	v.flags.legalLinks = v.root[fTermsURL] != nil || v.root[fWithdrawalURL] != nil || v.root[fPrivacyURL] != nil
	v.flags.legal = v.flags.legalLinks || v.spans[fSeller].to > v.spans[fSeller].from || v.root[fRegister] != nil ||
		v.root[fVAT] != nil || v.root[fLegalText] != nil
}

// filled puts the order's number and what is to be paid into a tenant's text.
func (v *view) filled(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	amount := ""
	if due := v.state.due; due.Currency != "" {
		amount = v.plainMoney(due)
	} else if v.root[fTotalPlain] != nil {
		amount = v.plainMoney(v.order.Total)
	}
	return strings.NewReplacer("{order}", v.order.Number, "{total}", amount).Replace(s)
}

// fillNext says what happens next, in a sentence, where the intro does not say
// all of it.
func (v *view) fillNext() {
	s := &v.state
	switch {
	case s.refunded || s.partly || s.digital || s.deposit || s.allWait || s.handed || s.shipped:
	case s.prepay && s.due.Currency != "":
		v.args[locales.ArgAmount] = v.money(s.due)
		v.root[fNext] = v.compose(locales.MsgNextPrepay, 0)
	case s.prepay:
	case s.pickup:
		v.root[fNext] = v.own(v.locale.Text(locales.MsgNextPickup))
	case len(v.order.Items) > 0:
		v.root[fNext] = v.own(v.locale.Text(locales.MsgNextPacked))
	}
}
