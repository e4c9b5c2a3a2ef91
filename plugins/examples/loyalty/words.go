package main

import (
	"strconv"
	"strings"
	"unicode"
)

// words are the texts of a language. What stands in brackets is left out where
// the name is not known.
type words struct {
	first, again, milestone, vip string
	subject                      string
	points, colon                string
	// group stands between thousands; from is the smallest number that has it.
	group string
	from  int64
	rtl   bool
}

var languages = map[string]*words{
	"en":      {"Welcome[, {name}], and thank you for your first order!", "Good to see you again[, {name}]!", "Order number {n}[, {name}]: thank you for staying with us!", "Thank you[, {name}]: your order comes first.", "Thank you! Order {number}", "Your points", ": ", ",", 1000, false},
	"de":      {"Willkommen[, {name}], und danke für die erste Bestellung!", "Schön, dass Sie wieder da sind[, {name}]!", "Bestellung Nummer {n}[, {name}]: danke für die Treue!", "Danke[, {name}]: Ihre Bestellung hat Vorrang.", "Danke! Bestellung {number}", "Ihre Punkte", ": ", ".", 1000, false},
	"fr":      {"Bienvenue[, {name}], et merci pour votre première commande\u202f!", "Ravis de vous revoir[, {name}]\u202f!", "Commande n° {n}[, {name}] : merci de votre fidélité\u202f!", "Merci[, {name}] : votre commande passe en priorité.", "Merci\u202f! Commande {number}", "Vos points", "\u00a0: ", "\u202f", 1000, false},
	"es":      {"¡Te damos la bienvenida[, {name}], y gracias por tu primer pedido!", "¡Qué alegría verte de nuevo[, {name}]!", "Pedido número {n}[, {name}]: ¡gracias por tu confianza!", "Gracias[, {name}]: tu pedido tiene prioridad.", "¡Gracias! Pedido {number}", "Tus puntos", ": ", ".", 10000, false},
	"it":      {"Ti diamo il benvenuto[, {name}], e grazie per il tuo primo ordine!", "È bello rivederti[, {name}]!", "Ordine numero {n}[, {name}]: grazie per la tua fedeltà!", "Grazie[, {name}]: il tuo ordine ha la precedenza.", "Grazie! Ordine {number}", "I tuoi punti", ": ", ".", 1000, false},
	"pt-br":   {"Boas-vindas[, {name}], e obrigado pelo seu primeiro pedido!", "Que bom ver você de novo[, {name}]!", "Pedido número {n}[, {name}]: obrigado pela confiança!", "Obrigado[, {name}]: seu pedido tem prioridade.", "Obrigado! Pedido {number}", "Seus pontos", ": ", ".", 1000, false},
	"nl":      {"Welkom[, {name}], en bedankt voor je eerste bestelling!", "Fijn dat je er weer bent[, {name}]!", "Bestelling nummer {n}[, {name}]: bedankt voor je trouw!", "Bedankt[, {name}]: je bestelling krijgt voorrang.", "Bedankt! Bestelling {number}", "Je punten", ": ", ".", 1000, false},
	"pl":      {"Witamy[, {name}], i dziękujemy za pierwsze zamówienie!", "Miło znów Cię widzieć[, {name}]!", "Zamówienie numer {n}[, {name}]: dziękujemy, że jesteś z nami!", "Dziękujemy[, {name}]: Twoje zamówienie ma pierwszeństwo.", "Dziękujemy! Zamówienie {number}", "Twoje punkty", ": ", "\u00a0", 10000, false},
	"sv":      {"Välkommen[, {name}], och tack för din första beställning!", "Kul att se dig igen[, {name}]!", "Beställning nummer {n}[, {name}]: tack för att du är trogen oss!", "Tack[, {name}]: din beställning går före.", "Tack! Beställning {number}", "Dina poäng", ": ", "\u00a0", 1000, false},
	"ja":      {"[{name}様、]はじめてのご注文ありがとうございます。", "[{name}様、]またのご利用ありがとうございます。", "[{name}様、]{n}回目のご注文、いつもありがとうございます。", "[{name}様、]ご注文を優先して手配いたします。", "ありがとうございます。ご注文 {number}", "ポイント残高", "：", ",", 1000, false},
	"zh-hans": {"[{name}，]欢迎您，感谢您的首次下单！", "[{name}，]很高兴再次见到您！", "[{name}，]这是您的第 {n} 笔订单，感谢一路相伴！", "[{name}，]感谢您，您的订单将优先处理。", "感谢您！订单 {number}", "您的积分", "：", ",", 1000, false},
	"ar":      {"مرحبًا بك[ يا {name}]، وشكرًا على طلبك الأول!", "سعداء برؤيتك من جديد[ يا {name}]!", "الطلب رقم {n}[ يا {name}]: شكرًا لوفائك!", "شكرًا لك[ يا {name}]: لطلبك الأولوية.", "شكرًا لك! الطلب {number}", "نقاطك", ": ", ",", 1000, true},
}

// wordsFor finds the language of a BCP 47 tag, nil where there is none. pt-PT
// and traditional Chinese are other languages than ours to their readers.
func wordsFor(tag string) *words {
	parts := strings.Split(strings.ToLower(strings.ReplaceAll(tag, "_", "-")), "-")
	has := func(s string) bool {
		for _, p := range parts[1:] {
			if p == s {
				return true
			}
		}
		return false
	}
	switch parts[0] {
	case "pt":
		if len(parts) == 1 || has("br") {
			return languages["pt-br"]
		}
		return nil
	case "zh":
		if has("hant") || !has("hans") && (has("tw") || has("hk") || has("mo")) {
			return nil
		}
		return languages["zh-hans"]
	}
	return languages[parts[0]]
}

// The directional isolates keep a name of the other direction from turning the
// sentence around it.
const (
	isolate    = "\u2068"
	popIsolate = "\u2069"
)

func (w *words) fill(s, name string, n int64, number string) string {
	if open, end := strings.Index(s, "["), strings.Index(s, "]"); open >= 0 && end > open {
		part := s[open+1 : end]
		if name == "" {
			part = ""
		}
		s = s[:open] + part + s[end+1:]
	}
	return strings.NewReplacer("{name}", w.isolated(name), "{n}", w.number(n), "{number}", w.isolated(number)).Replace(s)
}

func (w *words) isolated(s string) string {
	if s == "" {
		return s
	}
	for _, c := range s {
		if unicode.IsLetter(c) && rightToLeft(c) != w.rtl || w.rtl && unicode.IsDigit(c) {
			return isolate + s + popIsolate
		}
	}
	return s
}

func rightToLeft(c rune) bool {
	return unicode.In(c, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
}

// number writes a whole number as the language groups it.
func (w *words) number(n int64) string {
	s := strconv.FormatInt(n, 10)
	if n < w.from {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + w.group + s[i:]
	}
	return s
}

const longestName = 40 // characters

// cleanName takes a name as people type it and gives one that may stand in a
// greeting, or none: what holds a link or an address was never a name.
func cleanName(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case c == '\u200c' || c == '\u200d': // joiners belong to some scripts' names
			return c
		case !unicode.IsPrint(c): // controls, and marks that turn the text around
			return -1
		}
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if strings.ContainsAny(s, "@/<>{}[]\\") || strings.Contains(strings.ToLower(s), "www.") || !strings.ContainsFunc(s, unicode.IsLetter) {
		return ""
	}
	if len([]rune(s)) > longestName {
		return ""
	}
	return s
}
