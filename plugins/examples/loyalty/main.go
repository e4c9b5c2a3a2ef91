// Command loyalty is a Waxwing plugin: it greets a customer by what she is to
// the shop (new, returning, at a round number of orders, of a group that counts
// as VIP), in twelve languages. In any other language it says nothing, so that
// the template's own words stand: half a mail in English helps nobody.
package main

import (
	"strconv"
	"strings"

	"plugins/loyalty/waxwing"
)

var _ = waxwing.OnPersonalise(personalise)

func personalise(in *waxwing.Input) (*waxwing.PersonaliseOutput, error) {
	w := wordsFor(in.Locale)
	if w == nil || in.Customer == nil {
		return nil, nil
	}
	c := in.Customer
	vip := contains(in.Config["vip_groups"], c.Group)
	var nth int64 // this order's place among hers; 0: unknown
	if c.Orders != nil && *c.Orders >= 0 {
		nth = *c.Orders + 1
	}
	round := nth > 1 && contains(in.Config["milestones"], strconv.FormatInt(nth, 10))

	out := &waxwing.PersonaliseOutput{
		Vars:   map[string]string{},
		Blocks: map[string]bool{"vip": vip, "milestone": round},
	}
	var greeting string
	switch {
	case round:
		greeting, out.Vars["tier"] = w.milestone, "milestone"
	case vip:
		greeting, out.Vars["tier"] = w.vip, "vip"
	case nth == 1:
		greeting, out.Vars["tier"] = w.first, "first"
	case nth > 1:
		greeting, out.Vars["tier"] = w.again, "returning"
	default:
		return nil, nil // nothing is known that the template does not know
	}
	if nth > 0 {
		out.Blocks["first_order"] = nth == 1
		out.Vars["orders"] = w.number(nth)
	}
	out.Greeting = w.fill(greeting, cleanName(c.FirstName), nth, "")
	if in.Order != nil && in.Order.Number != "" && (round || vip || nth == 1) {
		out.Subject = w.fill(w.subject, "", nth, in.Order.Number)
	}
	if c.Points != nil && *c.Points > 0 {
		out.Vars["points"] = w.number(*c.Points)
		out.Vars["points_line"] = w.points + w.colon + w.number(*c.Points)
	}
	return out, nil
}

// contains reports whether a list such as "vip, gold" names a word, whatever
// its capitals.
func contains(list, word string) bool {
	word = strings.TrimSpace(word)
	if word == "" {
		return false
	}
	for part := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(part), word) {
			return true
		}
	}
	return false
}

func main() {}
