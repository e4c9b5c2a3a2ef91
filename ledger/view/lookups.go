package view

import (
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
)

// Whose an event is is looked up, not searched for: whatever leaves the state received
// has a lookup for each address and number that its events name. What nobody can read as
// values has a lookup under unread, and those alone are searched by their bytes.

const (
	// Unread is the kind of the lookup of events that are neither JSON nor a form.
	Unread = "unread"
	// maxIndexed bounds the lookups of an event, and maxValues the bytes in which they
	// are looked for when it comes.
	maxIndexed = 64
	maxValues  = 128 << 10
)

// Lookups gives the keyed hashes that confirmations are found by. It is safe for
// concurrent use.
type Lookups struct {
	// read says whom an event names, as its format reads it; nil: no format is known.
	read func(format, topic string, raw []byte) (waxwing.People, bool)
	// address gives the form that all spellings of an address have in common; nil: a
	// plain one of its own.
	address func(string) (string, error)
}

// NewLookups returns what hashes by these readers of events and addresses. people's ok is
// false where an event's format is not known or cannot read it, and Named is then what can
// be told. Either may be nil.
func NewLookups(people func(format, topic string, raw []byte) (p waxwing.People, ok bool), address func(string) (string, error)) *Lookups {
	return &Lookups{people, address}
}

// people are whom an event names; ok is false where its format cannot read it.
func (l *Lookups) people(format, topic string, raw []byte) (p waxwing.People, ok bool) {
	if l.read == nil {
		return p, false
	}
	return l.read(format, topic, raw)
}

// Whose gives the lookups of all whom an event names.
func (l *Lookups) Whose(t *seal.Tenant, format, topic string, raw []byte) []seal.Hash {
	who, ok := l.people(format, topic, raw)
	out := l.Index(t, waxwing.Lookup{People: who.Named})
	if !ok {
		out = append(out, l.Unreadable(t, raw)...)
	}
	return out
}

// Unreadable gives the lookups of an event that its format cannot read: each value that
// may be an address or a number, or, where there are none to be told, or too many, unread.
func (l *Lookups) Unreadable(t *seal.Tenant, raw []byte) []seal.Hash {
	var lk waxwing.Lookup
	read := len(raw) <= maxValues && values(raw, func(key, v string) {
		if len(v) <= maxNamed && (strings.Contains(v, "@") || mayBePhone(key, v) && phoneDigits(v) != "") {
			lk.People = append(lk.People, v)
		}
	})
	if !read || len(lk.People) > maxIndexed {
		return []seal.Hash{t.Key.Index(Unread)}
	}
	return l.Index(t, lk)
}

// Index hashes what a confirmation can be found by, once each: an order names a person at
// several places, and most addresses are what all of their spellings have in common.
func (l *Lookups) Index(t *seal.Tenant, lk waxwing.Lookup) []seal.Hash {
	out := slices.Grow([]seal.Hash(nil), len(lk.Order)+len(lk.People))
	var forms []string // of one kind, which are in out
	add := func(kind, v string) {
		if v == "" || slices.Contains(forms, v) {
			return
		}
		forms = append(forms, v)
		out = append(out, t.Key.Index(kind, v))
	}
	for _, o := range lk.Order {
		add("number", seal.NormaliseOrder(o))
	}
	forms = forms[:0]
	for _, p := range lk.People {
		add("person", seal.NormalisePerson(p))
		if strings.Contains(p, "@") {
			add("person", l.mailbox(p)) // whatever name stands beside it
		}
	}
	return out
}
