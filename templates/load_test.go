package templates

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/waxwinghq/waxwing/locales"
)

// Each bad template names its place and its remedy. The text is the body of
// order.html.mustache, or of a named file.
func TestBadTemplates(t *testing.T) {
	for _, c := range []struct{ file, src, want string }{
		{"", "<p>{{{order.number}}}</p>", "order.html.mustache:1:4: {{{order.number}}} would print a value unescaped: write {{order.number}}"},
		{"", "<p>\n {{&order.number}}</p>", "order.html.mustache:2:2: {{{order.number}}} would print a value unescaped"},
		{"", "<p>{{order.nmber}}</p>", `1:4: there is no field "order.nmber" here: did you mean order.number? Else, all fields are listed in templates/README.md`},
		{"", "<p>{{brand.nmae}}</p>", `did you mean brand.name?`},
		{"", "{{#items}}<p>{{varaint}}</p>{{/items}}", `did you mean variant?`},
		{"", "{{#shipping}}<p>{{labl}}</p>{{/shipping}}", `did you mean label?`},
		{"", "{{#itms}}<p>x</p>{{/itms}}", `did you mean items?`},
		{"", "<p>{{xyzzy_plugh}}</p>", `there is no field "xyzzy_plugh" here: all fields are listed in templates/README.md`},
		{"", "<p>{{t.no_such}}</p>", `there is no field "t.no_such" here: add the message to a locale file`},
		{"", "<p>{{variant}}</p>", `there is no field "variant" here`},
		{"", "<p>{{items}}</p>", `"items" has no text of its own: use it as a section: {{#items}}...{{/items}}`},
		{"", "<p>{{#items}}x</p>", `section "items" is not closed: add {{/items}}`},
		{"", "<p>x{{/items}}</p>", "{{/items}} closes no open section: remove it"},
		{"", "{{#items}}{{/total}}{{/items}}", "{{/total}} closes no open section: close {{#items}} first"},
		{"", "<p>{{order.number</p>", "the tag is not closed: add }}"},
		{"", "<p>{{}}</p>", `"" is not a name`},
		{"", "<p>{{order number}}</p>", `"order number" is not a name`},
		{"", "{{=<% =}}", "set delimiters"},
		{"", "<p>{{> nowhere}}</p>", `there is no partial "nowhere" in the set: add the file "nowhere.mustache"; partials are never read from elsewhere`},
		{"", "<p>{{> ../../etc/passwd}}</p>", `there is no partial "../../etc/passwd" in the set`},
		{"", "<p>{{> /etc/hostname}}</p>", `there is no partial "/etc/hostname"`},
		{"footer.mustache", "<p>{{> footer}}</p>", `footer.mustache:1:4: partial "footer" holds itself`},
		{"footer.mustache", "<p>\n\t{{oops}}</p>", "footer.mustache:2:2: there is no field"},
		{"", `<a href="{{order.number}}">x</a>`, "{{order.number}} is no URL field, but stands in href: use a field whose name ends in url"},
		{"", `<a href="https://x.example/{{order.url}}">x</a>`, "{{order.url}} is not the whole of href"},
		{"", `<a href="{{order.url}}?x=1">x</a>`, "text follows the URL in href"},
		{"", `<a href="{{#order.url}}{{order.url}}{{/order.url}}">x</a>`, `section "order.url" stands in attribute href: put the section around the whole element`},
		{"", `<a href={{order.url}}>x</a>`, "{{order.url}} stands in an attribute without quotes: put quotes around it"},
		{"", `<a title=x{{order.number}}>x</a>`, "stands in an attribute without quotes"},
		{"", `<img src="http://x.example/a.png">`, `src="http://x.example/a.png" is not an absolute https address`},
		{"", `<img src="/a.png">`, `is not an absolute https address: write it whole, beginning with https://`},
		{"", `<a href="javascript:alert(1)">x</a>`, "is not an absolute https address"},
		{"", `<p style="color:{{order.number}}">x</p>`, "{{order.number}} stands in a style: colours come from the brand"},
		{"", `<td bgcolor="{{order.number}}">x</td>`, "{{order.number}} stands in a style"},
		{"", `<style>p {color: {{order.number}}}</style>`, "{{order.number}} stands in a style block: colours come from the brand"},
		{"", `<style>p {background: url(https://x.example/a.png)}</style>`, "the style loads something from elsewhere"},
		{"", `<p style="background: URL(x)">x</p>`, "the style loads something from elsewhere"},
		{"", `<style>@import "x";</style>`, "the style loads something from elsewhere"},
		{"", `<script>var x = "{{order.number}}"</script>`, "element script has no place in a mail"},
		{"", `<script>var x = "{{order.number}}"</script>`, "{{order.number}} stands in a script"},
		{"", `<iframe src="https://x.example"></iframe>`, "element iframe has no place in a mail"},
		{"", `<form action="https://x.example"></form>`, "element form has no place in a mail"},
		{"", `<p onclick="x()">x</p>`, "attribute onclick runs code"},
		{"", `<p onclick="{{order.number}}">x</p>`, "{{order.number}} stands in attribute onclick, which runs code"},
		{"", `<{{order.number}}>`, "{{order.number}} stands in a tag's name"},
		{"", `<p{{order.number}}>`, "{{order.number}} stands in a tag's name"},
		{"", `<p {{order.number}}>`, "{{order.number}} stands in a tag, between attributes"},
		{"", `<p {{order.number}}="x">`, "stands in a tag, between attributes"},
		{"", `<p data-{{order.number}}="x">`, "stands in an attribute's name"},
		{"", `<!-- {{order.number}} -->`, "{{order.number}} stands in a comment"},
		{"", `<!DOCTYPE {{order.number}}>`, "stands in a declaration"},
		{"", `<meta http-equiv="refresh" content="0">`, "the page would go elsewhere by itself"},
		{"", `<meta name="x" content="{{order.number}}">`, "{{order.number}} stands in a meta element"},
		{"", `<p {{#test}}class="x"{{/test}}>x</p>`, `section "test" stands in a tag, between attributes: put the section around the whole element`},
		{"", `{{#test}}<p title="{{/test}}x">y</p>`, `section "test" ends in another place of the HTML than it begins`},
		{"", `<p title="{{> json-ld}}">x</p>`, "{{> json-ld}} stands outside the HTML's text"},
		{"", `<p title="x>y</p>`, "the HTML ends within a tag, a comment or a style: close it"},
		{"", `<b><p>{{order.number}}</b>{{order.date}}</p>`, ""},
		{"", `{{#items}}{{#items}}{{name}}{{/items}}{{/items}}`, `list "items" stands in a list of the same kind`},
		{"", `{{#items}}{{#properties}}{{#charges}}{{label}}{{/charges}}{{/properties}}{{/items}}`, `list "charges" is the third in one another`},
		{"", "<p>\ue000</p>", "order.html.mustache:1:4: a private or zero character: remove it"},
		{textFile, "{{{order.number}}}", "order.txt.mustache:1:1: {{{order.number}}} would print a value unescaped"},
		{textFile, "a\n  {{nothing}}", "order.txt.mustache:2:3: there is no field"},
		{"", strings.Repeat("{{#test}}", 30) + strings.Repeat("{{/test}}", 30), "sections nest deeper than"},
	} {
		file := c.file
		if file == "" {
			file = htmlFile
		}
		_, err := Load(fstest.MapFS{file: {Data: []byte(c.src)}}, nil)
		if c.want == "" {
			continue // only that it does not panic
		}
		var bs Breaches
		if !errors.As(err, &bs) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.src, err, c.want)
			continue
		}
		for _, b := range bs {
			if b.Line < 1 || b.Column < 1 || b.Remedy == "" || b.File == "" {
				t.Errorf("%s: %+v lacks its place or remedy", c.src, b)
			}
		}
	}
}

// All faults are listed at once, in the order of their places.
func TestBreachesAreListed(t *testing.T) {
	_, err := Load(fstest.MapFS{htmlFile: {Data: []byte("<p>{{a}}</p>\n<p>{{{b}}}</p>\n<a href=\"{{lang}}\">{{> c}}</a>")}}, nil)
	var bs Breaches
	if !errors.As(err, &bs) || len(bs) != 4 {
		t.Fatalf("%v", err)
	}
	for i, line := range []int{1, 2, 3, 3} {
		if bs[i].Line != line {
			t.Errorf("breach %d stands in line %d: %v", i, bs[i].Line, bs[i])
		}
	}
}

// A tenant's files replace the built-in ones by name, with her own messages.
func TestTenantSet(t *testing.T) {
	catalogue, err := locales.Load(fstest.MapFS{"en.json": {Data: []byte(`{"motto": "Made for {{.FirstName}} & co", "headline": "Well chosen"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load(fstest.MapFS{
		"footer.mustache": {Data: []byte(`<p style="padding-inline-start: 4px; color: brand-ink">{{t.motto}}</p>`)},
		"notes.txt":       {Data: []byte("ignored")},
	}, catalogue)
	if err != nil {
		t.Fatal(err)
	}
	en, _ := catalogue.Locale("en")
	var m Mail
	if err := s.Render(&Input{Order: richOrder("en"), Brand: acme(t), Locale: en}, &m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Made for Anna &amp; co", ">Well chosen</h1>", "padding-left: 4px", "color: #0f6b5c"} {
		if !strings.Contains(string(m.HTML), want) {
			t.Errorf("the mail lacks %q", want)
		}
	}
	ar, _ := catalogue.Locale("ar")
	if err := s.Render(&Input{Order: richOrder("ar"), Brand: acme(t), Locale: ar}, &m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(m.HTML), "padding-right: 4px") {
		t.Error("start is not right in Arabic")
	}
}

// A set that fails at an order falls back to the built-in one and says so.
func TestFallback(t *testing.T) {
	for name, file := range map[string]string{
		"too large": strings.Repeat("<p>"+strings.Repeat("x", 500)+"</p>\n", 220),
		"nothing":   "",
	} {
		s, err := Load(fstest.MapFS{textFile: {Data: []byte("{{#test}}x{{/test}}")}, htmlFile: {Data: []byte("<html><body>" + file + "</body></html>")}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var m Mail
		err = s.Render(&Input{Order: richOrder("en"), Brand: acme(t), Locale: locale(t, "en")}, &m)
		var fallback *FallbackError
		if !errors.As(err, &fallback) {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(string(m.HTML), "Thank you for your order") {
			t.Errorf("%s: the built-in mail is not there", name)
		}
	}
}

// Loading twice makes the same mail, byte for byte.
func TestLoadIsDeterministic(t *testing.T) {
	in := &Input{Order: richOrder("en"), Brand: acme(t), Locale: locale(t, "en")}
	var first Mail
	if err := builtin(t).Render(in, &first); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s, err := Load(fstest.MapFS{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var m Mail
		if err := s.Render(in, &m); err != nil {
			t.Fatal(err)
		}
		if string(m.HTML) != string(first.HTML) || string(m.Text) != string(first.Text) {
			t.Fatal("the same files made another mail")
		}
	}
}

func TestSetLimits(t *testing.T) {
	many := fstest.MapFS{}
	for i := range maxFiles + 1 {
		many[fmt.Sprintf("p%d.mustache", i)] = &fstest.MapFile{}
	}
	for name, dir := range map[string]fs.FS{
		"has at most":     many,
		"bytes: a templa": fstest.MapFS{"x.mustache": {Data: make([]byte, maxFile+1)}},
	} {
		if _, err := Load(dir, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q: %v", name, err)
		}
	}
}

// No tenant template, whatever its bytes, makes Load or Render panic, and what
// loads keeps every value in its place.
func FuzzTemplate(f *testing.F) {
	f.Add(`<p title="{{order.number}}">{{#items}}{{name}}{{/items}}</p>`)
	f.Add(`<a href="{{order.url}}">{{t.headline}}</a>{{> footer}}{{> json-ld}}`)
	f.Add(`<table>{{#charges}}<tr><td align="end">{{label}}</td></tr>{{/charges}}</table>`)
	f.Add(`<style>p{color:brand-ink}</style><title>{{subject}}</title><!-- x --><p style='text-align:start'>{{#test}}x{{/test}}`)
	f.Add(`<b><p>{{order.number}}</b>{{order.date}}</p><textarea>{{order.note}}</textarea>`)
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 2000 {
			return
		}
		catalogue, err := locales.Builtin()
		if err != nil {
			t.Fatal(err)
		}
		files, err := defaults()
		if err != nil {
			t.Fatal(err)
		}
		files[htmlFile] = src
		s, err := compileSet(files, catalogue)
		if err != nil {
			return
		}
		render := func(value string) []byte {
			o := richOrder("en")
			o.Number, o.Note, o.Items[0].Name = value, value, value
			var m Mail
			if err := s.render(&Input{Order: o, Brand: acme(t), Locale: locale(t, "en")}, &m, true); err != nil {
				return nil
			}
			return m.HTML
		}
		br := func(doc []byte) string { return strings.ReplaceAll(structure(t, doc), "<br2>\n", "") } // of the note
		if a, b := render("benign"), render(hostile); br(a) != br(b) {
			t.Errorf("%q lets a value out:\n%s\n%s", src, a, b)
		}
	})
}

// A file that nothing includes is named, with what it may have been meant to be.
func TestUnusedFiles(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"masthaed.mustache"}, "masthaed.mustache:1:1: the file is never used: did you mean masthead? Else include it with {{> masthaed}}, or take it away"},
		{[]string{"order.htm.mustache"}, "did you mean order.html?"},
		{[]string{"totals.mustache", "zebra.mustache"}, "zebra.mustache:1:1: the file is never used: include it with {{> zebra}}"},
		{[]string{"footer.mustache"}, ""},
	} {
		dir := fstest.MapFS{}
		for _, f := range c.files {
			dir[f] = &fstest.MapFile{Data: []byte("<p>x</p>")}
		}
		s, err := Load(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		switch err := s.Unused(); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v: %v, want %s", c.files, err, c.want)
		}
	}
	s, err := Load(fstest.MapFS{"footer.mustache": {Data: []byte("{{> mine}}")}, "mine.mustache": {Data: []byte("{{=<% %>=}}<%> deeper%>")}, "deeper.mustache": {Data: []byte("x")}}, nil)
	if err != nil || s.Unused() != nil {
		t.Errorf("%v, %v", err, s.Unused())
	}
}

// The page of fields names every field.
func TestFieldsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range scopeNames {
		for name := range names {
			if !strings.Contains(string(raw), "`"+name+"`") {
				t.Errorf("README.md lacks %s", name)
			}
		}
	}
}
