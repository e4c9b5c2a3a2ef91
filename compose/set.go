package compose

import (
	"sync"

	"github.com/waxwinghq/waxwing/channel/mime"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/templates"
)

// templateSet is a set of templates with what mails make of it once: its passages as they
// stand in a mail, by the direction of writing, when the first one is written.
type templateSet struct {
	*templates.Set
	name    string // of its dictionaries: tenants with the built-in set share them
	encoded [2]func() *mime.Passages
}

func newTemplateSet(set *templates.Set, name string) *templateSet {
	s := &templateSet{Set: set, name: name}
	for i, rtl := range []bool{false, true} {
		s.encoded[i] = sync.OnceValue(func() *mime.Passages { return mime.NewPassages(set.Passages(rtl)) })
	}
	return s
}

// passages are the set's, encoded.
func (s *templateSet) passages(rtl bool) *mime.Passages {
	if rtl {
		return s.encoded[1]()
	}
	return s.encoded[0]()
}

// dictionary names what the set's mails in a language have in common. A variant's have that of
// its base, whose texts it has: else each would need a dictionary though no tenant lists it.
func (s *templateSet) dictionary(tag string) string { return s.name + "/" + locales.BaseOf(tag) }
