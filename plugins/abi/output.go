package abi

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

// The limits of what a hook may say.
const (
	maxDepth  = 16
	maxReason = 200 // characters
	maxNames  = 32
)

// Answer is what a hook said of an order, judged. Fields of other hooks stay
// empty.
type Answer struct {
	Subject, Greeting string
	Vars              map[string]string
	Blocks            map[string]bool
	SKUs              []string
	Delay             *waxwing.Delay
	Action            string // of filter: "", "pass", "hold" or "drop"
	Reason            string
	Order             []byte // of normalise: the generic order

	said said
}

// Apply adds an answer to what was said before: of two subjects the later counts, of two
// lists of articles both. It reports whether there is anything to show. o is the order that
// the hook was asked about.
func (a *Answer) Apply(p *waxwing.Personal, o *waxwing.Order) bool {
	return a.said != nil && a.said.apply(p, o)
}

// Decode judges what a guest gave for a hook. candidates are the SKUs that it
// was given. The error says what is wrong, and holds no personal data.
func Decode(h waxwing.Hook, out []byte, candidates []waxwing.Candidate) (*Answer, error) {
	a := &Answer{}
	k, ok := kindOf(h)
	switch {
	case !ok:
		return nil, fmt.Errorf("there is no hook %.60q", h)
	case k.begin == nil: // normalise: the generic format reads it
		if err := checkJSON(out, maxDepth); err != nil {
			return nil, err
		}
		a.Order = out
		return a, nil
	}
	a.said = k.begin(a, candidates)
	r := &reader{b: out, depth: maxDepth}
	r.object(func(key string) {
		if !a.said.key(r, key) {
			r.fail("%s does not know the key %.60q", h, key)
		}
	})
	if err := r.end(); err != nil {
		return nil, err
	}
	return a, a.said.whole()
}

// orNothing is a text, or nothing where nobody would see anything of it: a mail
// with an empty subject is worse than one with the template's own.
func orNothing(s string) string {
	if !visible(s) {
		return ""
	}
	return s
}

// line reads a text that may stand in a header: no control characters at all.
func (r *reader) line(most int) string {
	s := r.text()
	for _, c := range s {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			r.fail("a line break or control character in a text of one line")
		}
	}
	return r.short(s, most)
}

// prose reads a text that may have line breaks and tabs.
func (r *reader) prose(most int) string {
	s := r.text()
	for _, c := range s {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			r.fail("a control character in a text")
		}
	}
	return r.short(s, most)
}

func (r *reader) short(s string, most int) string {
	if len(s) > most && utf8.RuneCountInString(s) > most {
		r.fail("a text of more than %d characters", most)
	}
	return s
}

func (r *reader) named(f func(name string)) {
	n := 0
	r.object(func(k string) {
		if n++; n > maxNames {
			r.fail("more than %d names", maxNames)
		}
		if !keyForm.MatchString(k) {
			r.fail("the name %.60q: use a-z, 0-9 and _, up to 32", k)
		}
		f(k)
	})
}
