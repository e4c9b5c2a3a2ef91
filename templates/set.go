package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"sort"
	"strings"
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

//go:embed default/*.mustache
var defaultFiles embed.FS

// The files that make the two parts of a mail.
const (
	htmlFile = "order.html.mustache"
	textFile = "order.txt.mustache"
)

// Limits of a set and of what it may print.
const (
	maxFile   = 256 << 10 // bytes of a file
	maxFiles  = 64
	maxHTML   = 98 << 10  // Gmail clips at 102 KB
	maxOutput = 512 << 10 // where rendering stops whatever happens
)

// Set is a compiled template set. It is immutable and safe for use by many
// goroutines.
type Set struct {
	html     [2]*program // left to right, right to left
	text     *program
	names    *personalNames
	fallback *Set // the built-in set, nil in itself
	unused   Breaches
}

// Input is what a mail is made of. Nothing of it is kept.
type Input struct {
	Order *waxwing.Order
	// Brand may be nil: then the mail is neutral and unsigned.
	Brand *Brand
	// Locale comes from the catalogue that the set was loaded with.
	Locale *locales.Locale
}

// Mail is one rendered confirmation. Its buffers are used again when it is
// handed to Render again; the zero Mail is ready.
type Mail struct {
	// Subject is one line without control characters, at most maxSubject runes,
	// as the header keeps it.
	Subject   string
	Preheader string
	HTML      []byte
	Text      []byte
	// Marks are the stretches of HTML that are passages of the set, in order: those of
	// Set.Passages for the locale's direction. After a *FallbackError they are the built-in
	// set's.
	Marks []waxwing.Extent
	// Shortened says how many lines of the order the mail does not list.
	Shortened int
	// Unbalanced is what the total is more than the rows that the mail shows of
	// it, where an order's amounts do not add up: for the trail. Zero: they do.
	Unbalanced waxwing.Money
	// Impersonal says that what plugins said was left out, since the mail would
	// have become too large or its rendering failed with it.
	Impersonal bool

	view view
}

// FallbackError says that a tenant's set failed and the mail is the built-in
// set's: it is whole and may be sent.
type FallbackError struct{ Err error }

// Error says what failed.
func (e *FallbackError) Error() string {
	return "the tenant's templates failed, the built-in ones were used: " + e.Err.Error()
}

// Unwrap returns what failed.
func (e *FallbackError) Unwrap() error { return e.Err }

// Builtin returns the built-in set. It is compiled once.
var Builtin = sync.OnceValues(func() (*Set, error) {
	catalogue, err := locales.Builtin()
	if err != nil {
		return nil, err
	}
	files, err := defaults()
	if err != nil {
		return nil, err
	}
	return compileSet(files, catalogue)
})

func defaults() (map[string]string, error) {
	dir, err := fs.Sub(defaultFiles, "default")
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	return files, readFiles(dir, files)
}

// Load compiles a tenant's set: the files of dir in place of the built-in ones
// of the same name. The error is of type Breaches where templates are at fault,
// and lists all of them. catalogue may be nil for the built-in one.
func Load(dir fs.FS, catalogue *locales.Catalogue) (*Set, error) {
	base, err := Builtin()
	if err != nil {
		return nil, err
	}
	if catalogue == nil {
		if catalogue, err = locales.Builtin(); err != nil {
			return nil, err
		}
	}
	files, err := defaults()
	if err != nil {
		return nil, err
	}
	own := map[string]string{}
	if err := readFiles(dir, own); err != nil {
		return nil, err
	}
	maps.Copy(files, own)
	s, err := compileSet(files, catalogue)
	if err != nil {
		return nil, err
	}
	s.fallback, s.unused = base, unused(own, files)
	return s, nil
}

// Unused lists the files of a tenant's set that no other file includes, as an
// error of type Breaches; nil: none. The set works without them, but hardly as
// its author thinks.
func (s *Set) Unused() error {
	if len(s.unused) == 0 {
		return nil
	}
	return s.unused
}

// readFiles reads the templates of a folder, not of its subfolders.
func readFiles(dir fs.FS, files map[string]string) error {
	names, err := fs.Glob(dir, "*.mustache")
	if err != nil {
		return fmt.Errorf("list templates: %w", err)
	}
	if len(names) > maxFiles {
		return fmt.Errorf("%d templates: a set has at most %d", len(names), maxFiles)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(dir, name)
		if err != nil {
			return fmt.Errorf("read template: %w", err)
		}
		if len(raw) > maxFile {
			return fmt.Errorf("%s: %d bytes: a template has at most %d", name, len(raw), maxFile)
		}
		files[path.Base(name)] = string(raw)
	}
	return nil
}

func compileSet(files map[string]string, catalogue *locales.Catalogue) (*Set, error) {
	var breaches Breaches
	for name, src := range files {
		for i, line := range strings.Split(src, "\n") {
			if at := strings.IndexAny(line, markOpen+markClose+"\x00"); at >= 0 {
				breaches = append(breaches, Breach{name, i + 1, len([]rune(line[:at])) + 1, "a private or zero character", "remove it"})
			}
		}
	}
	s := &Set{names: newPersonalNames()}
	if len(breaches) == 0 {
		s.compileHTML(files, catalogue, &breaches)
		s.compileText(files, catalogue, &breaches)
	}
	if len(breaches) > 0 {
		return nil, ordered(breaches)
	}
	return s, nil
}

// ordered sorts breaches by place and drops those that a partial used twice
// brought twice.
func ordered(bs Breaches) Breaches {
	sort.SliceStable(bs, func(i, j int) bool {
		a, b := bs[i], bs[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	out := bs[:0]
	for i, b := range bs {
		if i == 0 || b != bs[i-1] {
			out = append(out, b)
		}
	}
	return out
}

func (s *Set) compileHTML(files map[string]string, catalogue *locales.Catalogue, breaches *Breaches) {
	nodes := expand(files, parse(htmlFile, files[htmlFile], "", breaches), nil, breaches)
	check := func(nodes []node) *program {
		p, c := &program{}, compiler{schema: orderSchema{catalogue, s.names}, breaches: breaches, plain: escapeHTML, html: &scanner{}}
		c.compile(p, nodes, nil)
		if c.html.state != inData && len(*breaches) == 0 {
			*breaches = append(*breaches, Breach{htmlFile, strings.Count(files[htmlFile], "\n") + 1, 1, "the HTML ends within a tag, a comment or a style", "close it"})
		}
		return p
	}
	// First as written, for the positions; then as inlined, for the program.
	if check(nodes); len(*breaches) > 0 {
		return
	}
	for i, rtl := range []bool{false, true} {
		inlined := inlineCSS(nodes, rtl, breaches)
		if len(*breaches) > 0 {
			return
		}
		s.html[i] = check(inlined)
		s.html[i].number()
	}
}

// Passages are the texts that the HTML mails of a set have in common, written from right
// to left or not, by their numbers in Mail.Marks: what is worked out for them once need
// not be worked out for each mail. They are together at most 64 KiB, and belong to the set.
func (s *Set) Passages(rtl bool) []string { return s.program(rtl).passages }

// program is the HTML's, for a direction of writing.
func (s *Set) program(rtl bool) *program {
	if rtl {
		return s.html[1]
	}
	return s.html[0]
}

func (s *Set) compileText(files map[string]string, catalogue *locales.Catalogue, breaches *Breaches) {
	nodes := expand(files, parse(textFile, files[textFile], "", breaches), nil, breaches)
	s.text = &program{}
	c := compiler{schema: orderSchema{catalogue, s.names}, breaches: breaches, plain: escapePlain}
	c.compile(s.text, nodes, nil)
}

var (
	errTooLarge = errors.New("the HTML is too large for mail clients even with few items")
	errNothing  = errors.New("the template printed nothing")
)

// Render makes the mail of an order. Where a tenant's set fails, the built-in
// one makes it and the error is a *FallbackError; any other error means that
// there is no mail.
func (s *Set) Render(in *Input, m *Mail) error {
	err := s.personally(in, m)
	if err == nil || s.fallback == nil {
		return err
	}
	if err := s.fallback.personally(in, m); err != nil {
		return err
	}
	return &FallbackError{err}
}

// personally renders with what plugins said, and without where that fails: a
// plugin costs its own words, never the mail.
func (s *Set) personally(in *Input, m *Mail) error {
	m.Impersonal = false
	err := s.render(in, m, true)
	if err != nil && in.Order != nil && in.Order.Personal != nil && s.render(in, m, false) == nil {
		m.Impersonal = true
		return nil
	}
	return err
}

func (s *Set) render(in *Input, m *Mail, personal bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("render: %v", r)
		}
	}()
	if in.Order == nil || in.Locale == nil {
		return errors.New("render: no order or no locale")
	}
	html := s.program(in.Locale.RTL())
	v := &m.view
	v.names, v.personal = s.names, nil
	if personal {
		v.personal = in.Order.Personal
	}
	out := output{m.HTML, m.Marks}
	for limit := maxItems; ; limit /= 2 {
		v.fill(in, limit)
		if html.print(&out, v); len(out.b) <= maxHTML {
			break
		}
		if limit == 0 {
			return errTooLarge
		}
	}
	m.HTML, m.Marks = out.b, out.marks
	out = output{b: m.Text}
	s.text.print(&out, v)
	if m.Text = out.b; len(m.HTML) == 0 || len(m.Text) == 0 {
		return errNothing
	}
	m.Text = squeeze(m.Text)
	m.Subject = v.subject()
	m.Preheader = string(v.root[fPreheader])
	m.Shortened, m.Unbalanced = len(in.Order.Items)-len(v.items), v.off
	v.order, v.personal = nil, nil
	return nil
}

// maxSubject bounds the subject, in runes.
const maxSubject = 150

// subject is the composed one, or one without the name where that is too long.
func (v *view) subject() string {
	s := oneLine(string(v.root[fSubject]), v.locale.RTL())
	if len(s) > maxSubject && len([]rune(s)) > maxSubject {
		s = oneLine(string(v.compose(locales.MsgSubjectPlain, 0)), v.locale.RTL())
	}
	return s
}

// squeeze takes blanks at line ends away and leaves no more than one empty line
// in a row: sections that were left out leave gaps.
func squeeze(b []byte) []byte {
	out, empty := b[:0], 2
	for i := 0; i < len(b); {
		end := i
		for end < len(b) && b[end] != '\n' {
			end++
		}
		next := min(end+1, len(b))
		for end > i && (b[end-1] == ' ' || b[end-1] == '\r' || b[end-1] == '\t') {
			end--
		}
		if end == i {
			empty++
		} else {
			empty = 0
		}
		if empty < 2 {
			out = append(out, b[i:end]...)
			out = append(out, '\n')
		}
		i = next
	}
	for len(out) > 1 && out[len(out)-1] == '\n' && out[len(out)-2] == '\n' {
		out = out[:len(out)-1]
	}
	return out
}
