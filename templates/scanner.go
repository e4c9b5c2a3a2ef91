package templates

import (
	"slices"
	"strings"
)

// htmlState is where in an HTML document a template stands.
type htmlState uint8

const (
	inData htmlState = iota
	inTagOpen
	inTagName
	inEndTag
	inTag // between attributes
	inAttrName
	afterAttrName
	beforeValue
	inDoubleQuoted
	inSingleQuoted
	inUnquoted
	inComment
	inMarkup // <!doctype ...>
	inStyle
	inScript
	inEscapableText // title, textarea
)

// where names the states in which no value may stand.
var where = map[htmlState]string{
	inTagOpen: "a tag's name", inTagName: "a tag's name", inEndTag: "a tag's name",
	inTag: "a tag, between attributes", inAttrName: "an attribute's name", afterAttrName: "a tag, between attributes",
	beforeValue: "an attribute without quotes", inUnquoted: "an attribute without quotes",
	inComment: "a comment", inMarkup: "a declaration", inStyle: "a style block", inScript: "a script",
}

// urlAttributes hold addresses: only checked URL fields may fill them.
var urlAttributes = []string{"href", "src", "action", "formaction", "background", "cite", "poster", "data", "longdesc", "ping", "xlink:href", "srcset", "manifest", "usemap", "profile"}

// forbidden elements do nothing in a mail but harm.
var forbidden = []string{"script", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "link", "form", "svg", "math", "template", "noscript", "xmp", "noembed", "noframes", "plaintext"}

// span is a stretch of literal text in one kind of place.
type span struct {
	text string
	css  bool // a style, or an attribute that holds a colour or an alignment
}

// scanner follows the HTML of a template's literals, by the states of the HTML
// standard's tokenizer (13.2.5) that matter for where a value may stand.
type scanner struct {
	state    htmlState
	tag      string // the element whose tag or text this is
	attr     string
	literal  string // what the attribute's value holds so far
	hasField bool
	tail     string // the last bytes, to find --> and </style
}

// same reports whether two places are alike, so that what lies between may be
// left out or repeated.
func (s *scanner) same(o *scanner) bool {
	a, b := *s, *o
	a.literal, b.literal, a.hasField, b.hasField, a.tail, b.tail = "", "", false, false, "", ""
	if a.state == inData {
		a.tag, b.tag, a.attr, b.attr = "", "", "", ""
	}
	return a == b
}

// css reports whether the place holds a style, a colour or an alignment.
func (s *scanner) css() bool {
	if s.state == inStyle {
		return true
	}
	return (s.state == inDoubleQuoted || s.state == inSingleQuoted) &&
		(s.attr == "style" || s.attr == "bgcolor" || s.attr == "color" || s.attr == "align")
}

// feed reads a literal and cuts it where the kind of place changes.
func (s *scanner) feed(n *node, breaches *Breaches) []span {
	var spans []span
	start, css := 0, s.css()
	for i := range len(n.text) {
		s.step(n, i, breaches)
		if now := s.css(); now != css {
			end := i + 1
			if css { // the closing quote or the < of </style is not CSS
				end = i
			}
			spans = append(spans, span{n.text[start:end], css})
			start, css = end, now
		}
	}
	return append(spans, span{n.text[start:], css})
}

// at is where a byte of a text stands.
func (n *node) at(offset int) position {
	pos := n.pos
	if before := n.text[:offset]; strings.Contains(before, "\n") {
		pos.line += strings.Count(before, "\n")
		pos.column = len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
	} else {
		pos.column += len([]rune(before))
	}
	return pos
}

// step reads one byte.
func (s *scanner) step(n *node, i int, breaches *Breaches) {
	c := n.text[i]
	blank := c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'
	switch s.state {
	case inData:
		if c == '<' {
			s.state, s.tag, s.attr = inTagOpen, "", ""
		}
	case inTagOpen:
		switch {
		case c == '/':
			s.state = inEndTag
		case c == '!':
			s.state, s.tail = inMarkup, ""
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			s.state, s.tag = inTagName, string(c|0x20)
		default:
			s.state = inData
		}
	case inTagName:
		switch {
		case blank || c == '/':
			s.state = inTag
		case c == '>':
			s.endTag(n, i, breaches)
		default:
			s.tag += strings.ToLower(string(c))
		}
	case inEndTag:
		if c == '>' {
			s.state = inData
		}
	case inMarkup:
		if s.tail += string(c); s.tail == "--" {
			s.state, s.tail = inComment, ""
		} else if c == '>' {
			s.state = inData
		}
	case inComment:
		if s.tail += string(c); strings.HasSuffix(s.tail, "-->") {
			s.state = inData
		}
	case inStyle, inScript, inEscapableText:
		s.tail = strings.ToLower(s.tail + string(c))
		if end := "</" + s.tag; strings.HasSuffix(s.tail, end) {
			s.state = inEndTag
		}
		s.tail = s.tail[max(0, len(s.tail)-16):]
		if s.state == inStyle {
			s.checkCSS(n, i, breaches)
		}
	default:
		s.stepAttribute(n, i, c, blank, breaches)
	}
}

func (s *scanner) stepAttribute(n *node, i int, c byte, blank bool, breaches *Breaches) {
	switch s.state {
	case inTag, afterAttrName:
		switch {
		case blank || c == '/':
		case c == '>':
			s.endTag(n, i, breaches)
		case c == '=' && s.state == afterAttrName:
			s.state = beforeValue
		default:
			s.state, s.attr = inAttrName, strings.ToLower(string(c))
		}
	case inAttrName:
		switch {
		case c == '=':
			s.state = beforeValue
		case blank:
			s.state = afterAttrName
		case c == '>':
			s.endTag(n, i, breaches)
		default:
			s.attr += strings.ToLower(string(c))
		}
	case beforeValue:
		s.literal, s.hasField, s.tail = "", false, ""
		switch {
		case blank:
		case c == '"':
			s.state = inDoubleQuoted
		case c == '\'':
			s.state = inSingleQuoted
		case c == '>':
			s.endTag(n, i, breaches)
		default:
			s.state, s.literal = inUnquoted, string(c)
		}
	case inDoubleQuoted, inSingleQuoted:
		if c == '"' && s.state == inDoubleQuoted || c == '\'' && s.state == inSingleQuoted {
			s.endValue(n, i, breaches)
			s.state = inTag
			return
		}
		s.literalInValue(n, i, c, breaches)
	case inUnquoted:
		switch {
		case blank:
			s.endValue(n, i, breaches)
			s.state = inTag
		case c == '>':
			s.endValue(n, i, breaches)
			s.endTag(n, i, breaches)
		default:
			s.literal += string(c)
		}
	}
}

func (s *scanner) literalInValue(n *node, i int, c byte, breaches *Breaches) {
	if s.hasField && s.literal == "" && slices.Contains(urlAttributes, s.attr) {
		*breaches = append(*breaches, n.at(i).breach("text follows the URL in %s", "let the field be the whole value", s.attr))
	}
	s.literal += string(c)
	if s.attr == "style" {
		s.tail = strings.ToLower(s.tail + string(c))
		s.tail = s.tail[max(0, len(s.tail)-16):]
		s.checkCSS(n, i, breaches)
	}
}

// checkCSS refuses what would make a mail client fetch something.
func (s *scanner) checkCSS(n *node, i int, breaches *Breaches) {
	if strings.HasSuffix(s.tail, "url(") || strings.HasSuffix(s.tail, "@import") {
		*breaches = append(*breaches, n.at(i).breach("the style loads something from elsewhere", "use an img element with an https address"))
	}
}

// endValue judges a whole attribute.
func (s *scanner) endValue(n *node, i int, breaches *Breaches) {
	v := strings.ToLower(strings.TrimSpace(s.literal))
	switch {
	case strings.HasPrefix(s.attr, "on"):
		*breaches = append(*breaches, n.at(i).breach("attribute %s runs code", "remove it: no mail client does", s.attr))
	case s.attr == "http-equiv" && v == "refresh":
		*breaches = append(*breaches, n.at(i).breach("the page would go elsewhere by itself", "remove the meta element"))
	case slices.Contains(urlAttributes, s.attr) && !s.hasField:
		for _, scheme := range []string{"https://", "mailto:", "tel:", "cid:", "#"} {
			if strings.HasPrefix(v, scheme) {
				return
			}
		}
		*breaches = append(*breaches, n.at(i).breach("%s=%.60q is not an absolute https address", "write it whole, beginning with https://", s.attr, s.literal))
	}
}

func (s *scanner) endTag(n *node, i int, breaches *Breaches) {
	s.tail = ""
	switch {
	case slices.Contains(forbidden, s.tag):
		*breaches = append(*breaches, n.at(i).breach("element %s has no place in a mail", "remove it; structured data is {{> "+blockJSONLD+"}}", s.tag))
		s.state = inData
		if s.tag == "script" {
			s.state = inScript
		}
	case s.tag == "style":
		s.state = inStyle
	case s.tag == "title" || s.tag == "textarea":
		s.state = inEscapableText
	default:
		s.state = inData
	}
}

// value judges a value that stands here.
func (s *scanner) value(n *node, k kind, breaches *Breaches) {
	refuse := func(problem, remedy string, args ...any) {
		*breaches = append(*breaches, n.pos.breach(problem, remedy, args...))
	}
	if place, no := where[s.state]; no {
		remedy := "put it into an element's text or a quoted attribute"
		switch s.state {
		case beforeValue:
			remedy = "put quotes around it"
			s.state, s.literal, s.hasField = inUnquoted, "", true
		case inUnquoted:
			remedy = "put quotes around it"
		case inStyle:
			remedy = "colours come from the brand: write brand-color and the other words of the documentation"
		}
		refuse("{{%s}} stands in %s", remedy, n.name, place)
		return
	}
	if s.state != inDoubleQuoted && s.state != inSingleQuoted {
		return
	}
	switch {
	case s.attr == "style" || s.attr == "bgcolor" || s.attr == "color":
		refuse("{{%s}} stands in a style", "colours come from the brand: write brand-color and the other words of the documentation", n.name)
	case strings.HasPrefix(s.attr, "on") || s.attr == "srcdoc" || s.attr == "http-equiv":
		refuse("{{%s}} stands in attribute %s, which runs code", "remove the attribute", n.name, s.attr)
	case s.tag == "meta":
		refuse("{{%s}} stands in a meta element", "remove it", n.name)
	case slices.Contains(urlAttributes, s.attr):
		if k != kindURL && k != kindAny {
			refuse("{{%s}} is no URL field, but stands in %s", "use a field whose name ends in url", n.name, s.attr)
		} else if s.literal != "" || s.hasField {
			refuse("{{%s}} is not the whole of %s", "let the URL field be the whole value", n.name, s.attr)
		}
	}
	s.hasField = true
}

// section judges a section that begins here.
func (s *scanner) section(n *node, breaches *Breaches) {
	place, no := where[s.state]
	if !no && (s.state == inDoubleQuoted || s.state == inSingleQuoted) {
		if slices.Contains(urlAttributes, s.attr) || s.css() {
			place, no = "attribute "+s.attr, true
		}
	}
	if no {
		*breaches = append(*breaches, n.pos.breach("section %q stands in %s", "put the section around the whole element", n.name, place))
	}
}
