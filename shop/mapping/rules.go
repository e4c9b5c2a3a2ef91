package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Rules say where the events of one shop have what an order is.
type Rules struct {
	// When are conditions, by pointer or "topic": words with | between them of which it must be one, or
	// "set" or "unset". An event that does not meet all of them is no order.
	When map[string]string
	// Read has an expression for each field of the generic order that the events have.
	Read map[string]string
	// Words are the shop's own for ours, by field.
	Words map[string]map[string]string
	// Amounts are "major" (12.50 euros), "minor" (1250 cents, in the currency's own places) or "hundredths"
	// (of any currency).
	Amounts string
	// Zone is that of times without one; nil is UTC.
	Zone *time.Location
}

// Fault is what is wrong with one rule.
type Fault struct {
	// Key is where it stands: "read.payment.status", "when./event", "read" for one that is missing.
	Key          string
	Text, Remedy string
}

// Mapping is rules that were understood.
type Mapping struct {
	when    []condition
	read    map[string]expression
	below   map[string][]string // the fields of each list's items, and of the order, sorted
	words   map[string]map[string]string
	amounts string
	zone    *time.Location
}

type condition struct {
	key    string
	topic  bool
	at     expression
	values []string
}

// New understands rules; where there are faults it is of no use.
func New(r Rules) (*Mapping, []Fault) {
	m := &Mapping{read: map[string]expression{}, below: map[string][]string{}, words: map[string]map[string]string{}, amounts: r.Amounts, zone: r.Zone}
	if m.zone == nil {
		m.zone = time.UTC
	}
	var bad []Fault
	for _, key := range slices.Sorted(maps.Keys(r.When)) {
		c := condition{key: key, topic: key == "topic"}
		if !c.topic {
			e, err := parse(key)
			if err != nil || e[0][0].fixed || len(e) > 1 || len(e[0]) > 1 {
				bad = append(bad, Fault{"when." + key, "the condition is at no JSON pointer", "Write a pointer, such as /event, or topic"})
				continue
			}
			c.at = e
		}
		for _, v := range strings.Split(r.When[key], "|") {
			c.values = append(c.values, strings.TrimSpace(v))
		}
		m.when = append(m.when, c)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Read)) {
		f, known := fields[name]
		if !known {
			remedy := "The fields are those of the generic order: " + strings.Join(fieldNames(), ", ")
			if n := near(name); n != "" {
				remedy = "Did you mean " + n + "?"
			}
			bad = append(bad, Fault{"read." + name, "an order has no field " + name, remedy})
			continue
		}
		e, err := parse(r.Read[name])
		if err != nil {
			bad = append(bad, Fault{"read." + name, err.Error(), "Write it such as /order/id, \"/a | /b\" for the first of them that is there, \"/a + /b\" for both, or =EUR"})
			continue
		}
		if f.kind == list && slices.ContainsFunc(e, func(a alternative) bool { return a[0].fixed }) {
			bad = append(bad, Fault{"read." + name, "a list cannot be a constant", "Point to the list"})
			continue
		}
		m.read[name] = e
		m.below[above(name)] = append(m.below[above(name)], name)
	}
	return m, append(bad, m.complete(r, len(bad) == 0)...)
}

// complete finds what is missing, and words that are nobody's.
func (m *Mapping) complete(r Rules, readable bool) (bad []Fault) {
	for _, name := range fieldNames() {
		_, given := r.Read[name]
		if fields[name].required && !given && readable {
			bad = append(bad, Fault{"read", name + " is missing", "Say where the event has it: " + name + ": /pointer, or =constant"})
		}
		if l := above(name); given && l != "" {
			if _, there := r.Read[l]; !there && l == "items.properties" {
				bad = append(bad, Fault{"read." + name, "the list " + l + " is not read", "Add " + l + ": with the pointer to the list"})
			}
		}
	}
	if _, ok := m.read["customer.email"]; !ok && readable {
		bad = append(bad, Fault{"read", "customer.email is missing, so that no mail could be sent", "Say where the event has it: customer.email: /pointer"})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Words)) {
		f := fields[name]
		if f.kind != choice && f.kind != flag && f.kind != word && f.kind != currency && f.kind != locale {
			bad = append(bad, Fault{"words." + name, name + " is no field that is read by words", "Take it out, or name such a field: payment.status, payment.offline, locale"})
			continue
		}
		if _, read := m.read[name]; !read && readable {
			bad = append(bad, Fault{"words." + name, name + " is not read", "Add it below read, or take its words out"})
		}
		own := map[string]string{}
		for _, theirs := range slices.Sorted(maps.Keys(r.Words[name])) {
			ours := r.Words[name][theirs]
			if f.kind == choice && !slices.Contains(f.known, ours) && ours != "" {
				bad = append(bad, Fault{"words." + name + "." + theirs, fmt.Sprintf("%s cannot be %.40q", name, ours), "Choose " + strings.Join(f.known, ", ")})
			}
			own[strings.ToLower(theirs)] = ours
		}
		m.words[name] = own
	}
	for name, e := range m.read {
		f := fields[name]
		for _, a := range e {
			if p := a[0]; p.fixed && f.kind == choice && !slices.Contains(f.known, p.constant) {
				bad = append(bad, Fault{"read." + name, fmt.Sprintf("%s cannot be %.40q", name, p.constant), "Choose " + strings.Join(f.known, ", ")})
			}
		}
	}
	slices.SortFunc(bad, func(a, b Fault) int { return strings.Compare(a.Key+a.Text, b.Key+b.Text) })
	return bad
}

// near is the field that somebody meant; "" unless one is close: one with the same last word, if it can be of
// the same part, or of the same letters.
func near(name string) (best string) {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", ".", "", "-", "").Replace(s))
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, f := range fieldNames() {
		switch {
		case plain(f) == plain(name):
			return f
		case f[strings.LastIndexByte(f, '.')+1:] != last:
		case best == "" || f[0] == name[0] && best[0] != name[0]:
			best = f
		}
	}
	return best
}
