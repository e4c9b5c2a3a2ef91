package locales

import (
	"fmt"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// Arg is a placeholder that messages may hold. In a catalogue file it is
// written as go-i18n writes it: {{.Number}}.
type Arg uint8

// The placeholders.
const (
	ArgName      Arg = iota + 1 // the customer's whole name
	ArgFirstName                // the name to greet her by
	ArgNumber                   // the order's number
	ArgMerchant
	ArgCount // how many; also chooses the plural form
	ArgTotal
	ArgQuantity
	ArgMethod
	ArgLast4
	ArgTitle
	ArgRate
	ArgAmount
	ArgValue
	ArgLink
	ArgDelay    // how late, as a span of hours or days
	ArgLimit    // how late at most, likewise
	ArgEstimate // the sentence with both
	NumArgs     // how many there are
)

var argNames = map[string]Arg{
	"Name": ArgName, "FirstName": ArgFirstName, "Number": ArgNumber, "Merchant": ArgMerchant,
	"Count": ArgCount, "Total": ArgTotal, "Quantity": ArgQuantity, "Method": ArgMethod,
	"Last4": ArgLast4, "Title": ArgTitle, "Rate": ArgRate, "Amount": ArgAmount,
	"Value": ArgValue, "Link": ArgLink, "Delay": ArgDelay, "Limit": ArgLimit, "Estimate": ArgEstimate,
}

// Args are the values for a message's placeholders. They are inserted as they
// are: escaping and bidirectional isolation are the caller's.
type Args [NumArgs]string

// Part is a piece of a message: text, or the placeholder Arg where that is not 0.
type Part struct {
	Text string
	Arg  Arg
}

// form is one of CLDR's plural categories.
type form uint8

const (
	other form = iota // also the only one of a message without plurals
	zero
	one
	two
	few
	many
	numForms
)

var formNames = [numForms]string{"other", "zero", "one", "two", "few", "many"}

// message is a text with its plural forms, cut into parts at load.
type message struct {
	plural bool
	forms  [numForms][]Part // those that the language lacks equal other
}

// Text returns a message without placeholders and plurals; of others, what of
// them is text.
func (l *Locale) Text(m Message) string {
	parts := l.Parts(m, 0)
	if len(parts) == 1 {
		return parts[0].Text
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// Parts returns the pieces of a message in the form that n calls for; a
// message without plurals ignores n. The result must not be changed. A message
// that the locale's catalogue does not know has none.
func (l *Locale) Parts(m Message, n int64) []Part {
	if int(m) >= len(l.messages) {
		return nil
	}
	msg := &l.messages[m]
	if !msg.plural {
		return msg.forms[other]
	}
	return msg.forms[l.plurals.form(n)]
}

// Append appends a message with its placeholders filled in; n chooses the
// plural form.
func (l *Locale) Append(b []byte, m Message, n int64, args *Args) []byte {
	for _, p := range l.Parts(m, n) {
		b = append(b, p.Text...)
		if p.Arg != 0 && args != nil {
			b = append(b, args[p.Arg]...)
		}
	}
	return b
}

// cutParts cuts a text at its placeholders. Any other use of {{ is an error.
func cutParts(s string) ([]Part, error) {
	var parts []Part
	for s != "" {
		text, rest, found := strings.Cut(s, "{{")
		if text != "" {
			parts = append(parts, Part{Text: text})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}}")
		arg, known := argNames[strings.TrimPrefix(strings.TrimSpace(name), ".")]
		if !closed || !known || !strings.HasPrefix(strings.TrimSpace(name), ".") {
			return nil, fmt.Errorf("placeholder {{%.40s}}: want one of {{.Name}} {{.FirstName}} {{.Number}} {{.Merchant}} {{.Count}} {{.Total}} and the others of locales/message.go", name)
		}
		parts = append(parts, Part{Arg: arg})
		s = after
	}
	return parts, nil
}

// plurals knows which form a language uses for a number. The rules are
// go-i18n's; the small numbers, which nearly all are, come from a table.
type plurals struct {
	small [128]form
	tag   string
	probe *i18n.Localizer
	mu    sync.Mutex
}

// newPlurals asks go-i18n's rules by a message whose forms are their own names.
func newPlurals(tag language.Tag) (*plurals, error) {
	bundle := i18n.NewBundle(tag)
	err := bundle.AddMessages(tag, &i18n.Message{ID: "form", Zero: "zero", One: "one", Two: "two", Few: "few", Many: "many", Other: "other"})
	if err != nil {
		return nil, fmt.Errorf("plural rules of %s: %w", tag, err)
	}
	p := &plurals{tag: tag.String(), probe: i18n.NewLocalizer(bundle, tag.String())}
	for n := range p.small {
		p.small[n] = p.ask(int64(n))
	}
	return p, nil
}

func (p *plurals) form(n int64) form {
	if n < 0 {
		n = -n
	}
	if n >= 0 && n < int64(len(p.small)) {
		return p.small[n]
	}
	return p.ask(n)
}

func (p *plurals) ask(n int64) form {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.probe.Localize(&i18n.LocalizeConfig{MessageID: "form", PluralCount: n})
	if err != nil {
		return other
	}
	for f, name := range formNames {
		if name == s {
			return form(f)
		}
	}
	return other
}

// categories are the forms that a language's whole numbers can take, other
// first. Large samples find the forms of millions (fr, es, it, pt).
func (p *plurals) categories() []form {
	seen := [numForms]bool{other: true}
	for _, f := range p.small {
		seen[f] = true
	}
	for _, n := range []int64{1000, 1_000_000} {
		seen[p.ask(n)] = true
	}
	var forms []form
	for f, yes := range seen {
		if yes {
			forms = append(forms, form(f))
		}
	}
	return forms
}
