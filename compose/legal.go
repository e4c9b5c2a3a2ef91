package compose

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/templates"
)

// legal lays legal blocks over one another, the last on top: in each language,
// what a block says in it, else what it says in general. nil: nobody says anything.
func legal(blocks ...*config.Legal) *templates.Legal {
	var l *templates.Legal
	for _, b := range blocks {
		if b == nil {
			continue
		}
		if l == nil {
			l = &templates.Legal{}
		}
		lay(l, "", config.LegalText{Seller: b.Seller, Register: b.Register, VAT: b.VAT, TermsURL: b.TermsURL,
			WithdrawalURL: b.WithdrawalURL, PrivacyURL: b.PrivacyURL, Text: b.Text})
		for tag, t := range b.Locales {
			lay(l, tag, t)
		}
	}
	return l
}

// lay puts the texts of one language over what is there; "" is every language
// and covers the languages below it.
func lay(l *templates.Legal, tag string, t config.LegalText) {
	for _, x := range []struct {
		to   *templates.Text
		text string
	}{{&l.Seller, t.Seller}, {&l.Register, t.Register}, {&l.VAT, t.VAT}, {&l.Terms, t.TermsURL},
		{&l.Withdrawal, t.WithdrawalURL}, {&l.Privacy, t.PrivacyURL}, {&l.Text, t.Text}} {
		switch {
		case x.text == "":
		case tag == "":
			*x.to = templates.Text{Default: x.text}
		default:
			if x.to.Locales == nil {
				x.to.Locales = map[string]string{}
			}
			x.to.Locales[tag] = x.text
		}
	}
}

// instructions are the tenant's texts by the methods that they are for.
func instructions(p *config.PaymentInstructions) map[string]templates.Text {
	m := map[string]templates.Text{}
	for method, i := range map[string]*config.Instruction{waxwing.BankTransfer: p.BankTransfer, waxwing.Cheque: p.Cheque,
		waxwing.Invoice: p.Invoice, waxwing.CashOnDelivery: p.CashOnDelivery} {
		if i != nil {
			m[method] = templates.Text{Default: i.Text, Locales: i.Locales}
		}
	}
	return m
}
