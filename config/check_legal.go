package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what a mail can hold of them, in characters.
const (
	maxLegalLine = 240
	maxLegalText = 4000
	maxPayText   = 1000
)

// legal checks the links and lengths of a legal block, in each language.
func (x *tenantRules) legal(path string, l *Legal) {
	if l == nil {
		return
	}
	x.legalText(path, LegalText{l.Seller, l.Register, l.VAT, l.TermsURL, l.WithdrawalURL, l.PrivacyURL, l.Text})
	for _, tag := range sorted(l.Locales) {
		at := path + ".locales." + tag
		x.localeKey(at, tag)
		x.legalText(at, l.Locales[tag])
	}
}

func (x *tenantRules) legalText(path string, l LegalText) {
	x.link(path+".terms_url", l.TermsURL, false)
	x.link(path+".withdrawal_url", l.WithdrawalURL, false)
	x.link(path+".privacy_url", l.PrivacyURL, false)
	x.fits(path+".register", l.Register, maxLegalLine)
	x.fits(path+".vat", l.VAT, maxLegalLine)
	x.fits(path+".seller", l.Seller, maxLegalLine*4)
	x.fits(path+".text", l.Text, maxLegalText)
}

// fits refuses what a mail would cut.
func (x *tenantRules) fits(path, s string, limit int) {
	if n := utf8.RuneCountInString(s); n > limit {
		x.fail(path, fmt.Sprintf("%s has %d characters", path, n), fmt.Sprintf("Keep it to %d, or let a link lead to the rest", limit))
	}
}

func (x *tenantRules) instructions(path string, p *PaymentInstructions) {
	for _, m := range []struct {
		key string
		i   *Instruction
	}{{"bank_transfer", p.BankTransfer}, {"cheque", p.Cheque}, {"invoice", p.Invoice}, {"cash_on_delivery", p.CashOnDelivery}} {
		if m.i == nil {
			continue
		}
		at := path + "." + m.key
		x.instruction(at+".text", m.i.Text)
		for _, tag := range sorted(m.i.Locales) {
			x.localeKey(at+".locales."+tag, tag)
			x.instruction(at+".locales."+tag, m.i.Locales[tag])
		}
	}
}

func (x *tenantRules) instruction(path, s string) {
	if !x.given(path) {
		return // reported where it was read
	}
	x.fits(path, s, maxPayText)
	switch rest := strings.NewReplacer("{order}", "", "{total}", "").Replace(s); {
	case strings.TrimSpace(s) == "":
		x.fail(path, path+" is empty", "Write how to pay, such as the account to transfer {total} to")
	case strings.ContainsAny(rest, "{}"):
		x.fail(path, path+" has a placeholder that is not known", "There are {order} and {total}")
	}
}

// localeKey checks the key of a mapping by locale.
func (x *tenantRules) localeKey(path, tag string) {
	if !slices.Contains(x.words.Locales, tag) {
		x.failKey(path, fmt.Sprintf("the locale %.40q is not built in", tag), meant(tag, x.words.Locales, "There are "+strings.Join(x.words.Locales, ", ")))
	}
}
