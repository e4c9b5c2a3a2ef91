package locales

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed catalogue/*.json
var catalogueFiles embed.FS

// Catalogue is the built-in locales with one set of messages: the built-in ones,
// or a tenant's on top of them. A variant (en-GB) shares the texts of its base
// but for those that its own file has.
type Catalogue struct {
	locales map[string]*Locale
	names   []string // by Message
	ids     map[string]Message
}

// Builtin returns the built-in catalogue. It is loaded once.
var Builtin = sync.OnceValues(func() (*Catalogue, error) {
	dir, err := fs.Sub(catalogueFiles, "catalogue")
	if err != nil {
		return nil, err
	}
	c := &Catalogue{locales: map[string]*Locale{}, ids: map[string]Message{}, names: builtinNames[:]}
	for m, name := range builtinNames {
		c.ids[name] = Message(m)
	}
	for i := range icuTables {
		t := &icuTables[i]
		plurals, err := newPlurals(language.Make(t.tag))
		if err != nil {
			return nil, err
		}
		c.locales[t.tag] = &Locale{
			tag: t.tag, base: cmp.Or(variants[t.tag], t.tag), rtl: t.tag == "ar", formats: allFormats()[t.tag],
			plurals: plurals, messages: make([]message, numBuiltin), regions: allRegions()[t.tag],
		}
	}
	if _, err := c.read(dir, false); err != nil {
		return nil, err
	}
	for tag, base := range variants {
		c.locales[tag].messages = slices.Clone(c.locales[base].messages)
	}
	if _, err := c.read(dir, true); err != nil {
		return nil, err
	}
	for _, l := range c.locales {
		for m := range l.messages {
			if l.messages[m].forms[other] == nil {
				return nil, fmt.Errorf("locale %s: message %s is missing", l.tag, c.names[m])
			}
		}
	}
	return c, nil
})

// Load reads a tenant's own catalogue: files named by their locale ("de.json",
// go-i18n's format) whose messages replace the built-in ones of the same id or
// add new ones. What a file says of en holds for en-GB too, unless en-GB.json says
// otherwise. Where a locale lacks an added message it takes that of en, or of the
// first locale by tag that has it. The error lists every breach.
func Load(dir fs.FS) (*Catalogue, error) {
	base, err := Builtin()
	if err != nil {
		return nil, err
	}
	c := &Catalogue{locales: map[string]*Locale{}, ids: map[string]Message{}, names: slices.Clone(base.names)}
	for name, m := range base.ids {
		c.ids[name] = m
	}
	for tag, l := range base.locales {
		own := *l
		own.messages = slices.Clone(l.messages)
		c.locales[tag] = &own
	}
	given, err := c.read(dir, false)
	if err == nil {
		for tag, base := range variants {
			for _, m := range given[base] {
				c.set(c.locales[tag], m, c.locales[base].messages[m])
			}
		}
		_, err = c.read(dir, true)
	}
	if err != nil {
		return nil, err
	}
	c.fillGaps()
	return c, nil
}

// Locale returns the locale with exactly this tag.
func (c *Catalogue) Locale(tag string) (*Locale, bool) {
	l, ok := c.locales[tag]
	return l, ok
}

// Message returns the message with this id.
func (c *Catalogue) Message(id string) (Message, bool) {
	m, ok := c.ids[id]
	return m, ok
}

// Tags returns the tags of the built-in locales in the order of their tables.
func Tags() []string {
	tags := make([]string, len(icuTables))
	for i := range icuTables {
		tags[i] = icuTables[i].tag
	}
	return tags
}

// read reads the files of the locales that are variants, or of those that are
// not, and returns which messages each brought.
func (c *Catalogue) read(dir fs.FS, ofVariants bool) (map[string][]Message, error) {
	files, err := fs.Glob(dir, "*.json")
	if err != nil {
		return nil, err
	}
	var breaches []error
	given := map[string][]Message{}
	for _, file := range files {
		tag := strings.TrimSuffix(path.Base(file), ".json")
		l, ok := c.locales[tag]
		switch _, variant := variants[tag]; {
		case !ok && !ofVariants:
			breaches = append(breaches, fmt.Errorf("%s: not a built-in locale; name the file for one of %s", file, strings.Join(Tags(), ", ")))
			continue
		case !ok || variant != ofVariants:
			continue
		}
		raw, err := fs.ReadFile(dir, file)
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		parsed, err := i18n.ParseMessageFileBytes(raw, file, map[string]i18n.UnmarshalFunc{"json": json.Unmarshal})
		if err != nil {
			breaches = append(breaches, fmt.Errorf("%s: %w", file, err))
			continue
		}
		sort.Slice(parsed.Messages, func(i, j int) bool { return parsed.Messages[i].ID < parsed.Messages[j].ID })
		for _, m := range parsed.Messages {
			id, err := c.put(l, m)
			if err != nil {
				breaches = append(breaches, fmt.Errorf("%s: message %q: %w", file, m.ID, err))
				continue
			}
			given[tag] = append(given[tag], id)
		}
	}
	return given, errors.Join(breaches...)
}

// put stores one message, adding its id where it is new.
func (c *Catalogue) put(l *Locale, m *i18n.Message) (Message, error) {
	msg, err := newMessage(l, m)
	if err != nil {
		return 0, err
	}
	id, ok := c.ids[m.ID]
	if !ok {
		id = Message(len(c.names))
		c.ids[m.ID] = id
		c.names = append(c.names, m.ID)
	}
	c.set(l, id, msg)
	return id, nil
}

func (c *Catalogue) set(l *Locale, id Message, msg message) {
	for int(id) >= len(l.messages) {
		l.messages = append(l.messages, message{})
	}
	l.messages[id] = msg
}

func newMessage(l *Locale, m *i18n.Message) (message, error) {
	texts := [numForms]string{m.Other, m.Zero, m.One, m.Two, m.Few, m.Many}
	var msg message
	for f, s := range texts {
		if strings.ContainsFunc(s, unicode.IsControl) {
			return msg, errors.New("holds a line break or control character: a message is one line")
		}
		parts, err := cutParts(s)
		if err != nil {
			return msg, err
		}
		msg.forms[f] = parts
		msg.plural = msg.plural || f > int(other) && s != ""
	}
	if msg.forms[other] == nil {
		return msg, errors.New(`has no text: give a string or the form "other"`)
	}
	if msg.plural {
		var missing []string
		for _, f := range l.plurals.categories() {
			if msg.forms[f] == nil {
				missing = append(missing, formNames[f])
			}
		}
		if missing != nil {
			return msg, fmt.Errorf("%s also needs the plural forms %s", l.tag, strings.Join(missing, ", "))
		}
	}
	for f := range msg.forms {
		if msg.forms[f] == nil {
			msg.forms[f] = msg.forms[other]
		}
	}
	return msg, nil
}

// fillGaps gives every locale every added message.
func (c *Catalogue) fillGaps() {
	order := append([]string{"en"}, Tags()...)
	for m := int(numBuiltin); m < len(c.names); m++ {
		var source *message
		for _, tag := range order {
			if l := c.locales[tag]; source == nil && m < len(l.messages) && l.messages[m].forms[other] != nil {
				source = &l.messages[m]
			}
		}
		for _, l := range c.locales {
			for len(l.messages) <= m {
				l.messages = append(l.messages, message{})
			}
			if l.messages[m].forms[other] == nil {
				l.messages[m] = *source
			}
		}
	}
}
