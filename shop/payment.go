package shop

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
)

// gateways are the names that customers know for the words that shops use. A
// word that only the merchant knows has none: the customer paid by a card, not
// "with Shopify Payments", and which card the payload no longer says.
var gateways = map[string]string{
	"afterpay": "Afterpay", "affirm": "Affirm", "airwallex": "Airwallex", "amazon_payments": "Amazon Pay",
	"amazon_pay": "Amazon Pay", "apple_pay": "Apple Pay", "google_pay": "Google Pay", "klarna": "Klarna",
	"paypal": "PayPal", "paypal_express_checkout": "PayPal", "paypal_express": "PayPal", "ppec_paypal": "PayPal",
	"shop_pay": "Shop Pay", "shop_pay_installments": "Shop Pay", "shop_cash": "Shop Cash",
	"shopify_payments": "", "shopify_installments": "Shop Pay", "swish": "Swish",
	"authorize_net": "Authorize.Net", "manual": "", "ideal": "iDEAL", "bogus": "", "cash": "", "shopify_store_credit": "",
	"american_express": "American Express", "amex": "American Express", "jcb": "JCB", "master": "Mastercard", "twint": "TWINT",
	"stripe": "", "stripe_cc": "", "woocommerce_payments": "", "ppcp-gateway": "PayPal", "ppcp-credit-card-gateway": "",
	"ppcp-card-button-gateway": "", "ppcp-applepay": "Apple Pay", "ppcp-googlepay": "Google Pay", "kco": "Klarna",
	"klarna_payments": "Klarna", "klarna_checkout": "Klarna", "square_credit_card": "", "mercado_pago": "Mercado Pago",
	"przelewy24": "Przelewy24", "p24": "Przelewy24", "komoju": "KOMOJU", "sofort": "Sofort", "(for testing) Bogus Gateway": "",
}

// MethodName returns a payment method as a customer would read it. Words of a
// merchant's own stay as they are.
func MethodName(s string) string {
	s = strings.TrimPrefix(s, "mollie_wc_gateway_")
	if name, ok := gateways[s]; ok {
		return name
	}
	if strings.ToLower(s) != s || strings.ContainsAny(s, " ") || len(s) > 0 && s[0] >= 0x80 {
		return s
	}
	words := strings.FieldsFunc(s, func(r rune) bool { return r == '_' || r == '-' })
	for i, w := range words {
		if w[0]-'a' < 26 {
			words[i] = string(w[0]-0x20) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

// offlineWords are what merchants call payment that comes outside the shop, in
// the languages of the built-in locales. The first match counts.
var offlineWords = []struct{ word, method string }{
	{"(cod)", waxwing.CashOnDelivery}, {"cash_on_delivery", waxwing.CashOnDelivery},
	{"cash on delivery", waxwing.CashOnDelivery}, {"cash on pickup", waxwing.CashOnDelivery},
	{"nachnahme", waxwing.CashOnDelivery}, {"à la livraison", waxwing.CashOnDelivery},
	{"contra reembolso", waxwing.CashOnDelivery}, {"contrareembolso", waxwing.CashOnDelivery},
	{"contrassegno", waxwing.CashOnDelivery}, {"pagamento na entrega", waxwing.CashOnDelivery},
	{"onder rembours", waxwing.CashOnDelivery}, {"za pobraniem", waxwing.CashOnDelivery},
	{"postförskott", waxwing.CashOnDelivery}, {"代金引換", waxwing.CashOnDelivery}, {"代引", waxwing.CashOnDelivery},
	{"货到付款", waxwing.CashOnDelivery}, {"الدفع عند الاستلام", waxwing.CashOnDelivery},
	{"bank deposit", waxwing.BankTransfer}, {"bacs", waxwing.BankTransfer}, {"bank_deposit", waxwing.BankTransfer},
	{"bank transfer", waxwing.BankTransfer}, {"bank_transfer", waxwing.BankTransfer},
	{"wire transfer", waxwing.BankTransfer}, {"überweisung", waxwing.BankTransfer},
	{"vorkasse", waxwing.BankTransfer}, {"virement", waxwing.BankTransfer},
	{"transferencia banc", waxwing.BankTransfer}, {"transferência", waxwing.BankTransfer},
	{"bonifico", waxwing.BankTransfer}, {"bankoverschrijving", waxwing.BankTransfer},
	{"przelew", waxwing.BankTransfer}, {"banköverföring", waxwing.BankTransfer},
	{"銀行振込", waxwing.BankTransfer}, {"银行转账", waxwing.BankTransfer}, {"تحويل", waxwing.BankTransfer},
	{"money order", waxwing.Cheque}, {"money_order", waxwing.Cheque}, {"cheque", waxwing.Cheque},
	{"check payment", waxwing.Cheque}, {"chèque", waxwing.Cheque},
	{"purchase order", waxwing.Invoice}, {"purchase_order", waxwing.Invoice},
	{"invoice", waxwing.Invoice}, {"rechnung", waxwing.Invoice}, {"facture", waxwing.Invoice},
	{"faktura", waxwing.Invoice}, {"請求書", waxwing.Invoice},
}

// OwnWords returns a method's name, or "" where it says no more than that it is
// the offline method: that the mail says in the customer's language. A title of
// the merchant's own, which the customer chose by, stays.
func OwnWords(name, offline string) string {
	if offline != "" && OfflineMethod(name) == offline {
		return ""
	}
	return name
}

// OfflineMethod tells an offline method by its name, or "".
func OfflineMethod(s string) string {
	if s == "" {
		return ""
	}
	s = strings.ToLower(s)
	if s == "cod" {
		return waxwing.CashOnDelivery
	}
	for _, w := range offlineWords {
		if strings.Contains(s, w.word) {
			return w.method
		}
	}
	return ""
}

// LastFour returns the digits that a masked card number ends in.
func LastFour(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s) - 4; n >= 0 && payload.Digits(s, n) == len(s) {
		return s[n:]
	}
	return ""
}
