package abi

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

// The limits of what a hook may say.
const (
	maxDepth       = 16
	maxSubject     = 200 // characters
	maxGreeting    = 300
	maxVariable    = 2000
	maxReason      = 200
	maxNames       = 32
	MaxRecommended = 10
	maxDelayHours  = 720
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
}

// Decode judges what a guest gave for a hook. candidates are the SKUs that it
// was given. The error says what is wrong, and holds no personal data.
func Decode(h waxwing.Hook, out []byte, candidates []waxwing.Candidate) (*Answer, error) {
	a := &Answer{}
	if h == waxwing.HookNormalise {
		if err := checkJSON(out, maxDepth); err != nil {
			return nil, err
		}
		a.Order = out
		return a, nil
	}
	r := &reader{b: out, depth: maxDepth}
	var p50, p90 *float64
	r.object(func(k string) {
		switch string(h) + "." + k {
		case "personalise.subject":
			a.Subject = orNothing(r.line(maxSubject))
		case "personalise.greeting":
			a.Greeting = orNothing(r.line(maxGreeting))
		case "personalise.vars":
			a.Vars = map[string]string{}
			r.named(func(name string) {
				if s := orNothing(r.prose(maxVariable)); s != "" {
					a.Vars[name] = s
				}
			})
		case "personalise.blocks":
			a.Blocks = map[string]bool{}
			r.named(func(name string) { a.Blocks[name] = r.truth() })
		case "recommend.skus":
			r.list(func(i int) { a.SKUs = append(a.SKUs, r.sku(i, a.SKUs, candidates)) })
		case "predict_delay.p50_hours":
			v := r.number()
			p50 = &v
		case "predict_delay.p90_hours":
			v := r.number()
			p90 = &v
		case "predict_delay.reason", "filter.reason":
			a.Reason = r.line(maxReason)
		case "filter.action":
			if a.Action = r.text(); r.err == nil && a.Action != "pass" && a.Action != "hold" && a.Action != "drop" {
				r.fail("action: want pass, hold or drop")
			}
		default:
			r.fail("%s does not know the key %.60q", h, k)
		}
	})
	if err := r.end(); err != nil {
		return nil, err
	}
	return a, a.whole(h, p50, p90)
}

// orNothing is a text, or nothing where nobody would see anything of it: a mail
// with an empty subject is worse than one with the template's own.
func orNothing(s string) string {
	if !visible(s) {
		return ""
	}
	return s
}

// whole checks what belongs together.
func (a *Answer) whole(h waxwing.Hook, p50, p90 *float64) error {
	switch {
	case h == waxwing.HookFilter && a.Action != "" && a.Action != "pass" && a.Reason == "":
		return errors.New("filter: hold and drop need a reason")
	case h != waxwing.HookPredictDelay || p50 == nil && p90 == nil && a.Reason == "":
		return nil
	case p50 == nil || p90 == nil:
		return errors.New("predict_delay: give both p50_hours and p90_hours, or neither")
	case *p50 < 0 || *p90 < *p50 || *p90 > maxDelayHours:
		return fmt.Errorf("predict_delay: want 0 <= p50_hours <= p90_hours <= %d", maxDelayHours)
	case a.Reason != "" && !slices.Contains(waxwing.DelayReasons, waxwing.DelayReason(a.Reason)):
		return errors.New("predict_delay: the reason is not one of weather, volume, customs, carrier, stock, holiday, other")
	}
	reason := waxwing.DelayReason(a.Reason)
	if reason == "" {
		reason = waxwing.DelayOther
	}
	a.Delay = &waxwing.Delay{P50: hours(*p50), P90: hours(*p90), Reason: reason}
	return nil
}

func hours(h float64) time.Duration {
	return time.Duration(h * float64(time.Hour)).Round(time.Minute)
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

func (r *reader) sku(i int, had []string, candidates []waxwing.Candidate) string {
	s := r.text()
	switch {
	case r.err != nil:
	case i >= MaxRecommended:
		r.fail("more than %d SKUs", MaxRecommended)
	case slices.Contains(had, s):
		r.fail("a SKU stands there twice")
	case !slices.ContainsFunc(candidates, func(c waxwing.Candidate) bool { return c.SKU == s }):
		r.fail("a SKU that was not among the candidates")
	}
	return s
}
