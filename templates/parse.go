package templates

import (
	"strings"
	"unicode/utf8"
)

// nodeKind is what stands in a template.
type nodeKind uint8

const (
	nodeText nodeKind = iota
	nodeValue
	nodeRaw // triple braces or &: known so that it can be refused
	nodeSection
	nodeInverted
	nodePartial
)

// node is a piece of a parsed template.
type node struct {
	kind   nodeKind
	text   string // of nodeText
	name   string // of the others
	indent string // of a standalone partial
	kids   []node // of sections
	pos    position
}

// parser reads one template file by the Mustache specification.
type parser struct {
	file        string
	src         string
	indent      int // width of the indentation that was put before each line
	open, close string
	at          int // next byte
	breaches    *Breaches
}

// maxNesting bounds sections within sections.
const maxNesting = 16

// parse reads a template. indent is put before each of its lines, as a
// standalone partial demands.
func parse(file, src, indent string, breaches *Breaches) []node {
	if indent != "" {
		lines := strings.SplitAfter(src, "\n")
		for i, l := range lines {
			if l != "" {
				lines[i] = indent + l
			}
		}
		src = strings.Join(lines, "")
	}
	p := &parser{file: file, src: src, indent: len(indent), open: "{{", close: "}}", breaches: breaches}
	nodes, _ := p.nodes(nil)
	return nodes
}

func (p *parser) position(offset int) position {
	before := p.src[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return position{p.file, strings.Count(before, "\n") + 1, max(utf8.RuneCountInString(before[start:])+1-p.indent, 1)}
}

func (p *parser) breach(offset int, problem, remedy string, args ...any) {
	*p.breaches = append(*p.breaches, p.position(offset).breach(problem, remedy, args...))
}

// nodes reads up to the end of the innermost open section; closed reports
// whether that end was there.
func (p *parser) nodes(open []string) (nodes []node, closed bool) {
	for {
		start := strings.Index(p.src[p.at:], p.open)
		if start < 0 {
			nodes = appendText(nodes, p.src[p.at:], p.position(p.at))
			p.at = len(p.src)
			return nodes, false
		}
		start += p.at
		text, textAt := p.src[p.at:start], p.at
		tag, ok := p.tag(start)
		if !ok {
			return nodes, false
		}
		if tag.standalone() {
			if before, after, alone := p.alone(start); alone {
				text = text[:len(text)-before]
				tag.indent = p.src[start-before : start]
				p.at = after
			}
		}
		nodes = appendText(nodes, text, p.position(textAt))
		pos := p.position(start)
		switch tag.sigil {
		case '!', '=':
		case '#', '^':
			if len(open) >= maxNesting {
				p.breach(start, "sections nest deeper than %d", "flatten the template", maxNesting)
				return nodes, false
			}
			kids, closed := p.nodes(append(open, tag.name))
			if !closed {
				*p.breaches = append(*p.breaches, pos.breach("section %q is not closed", "add {{/"+tag.name+"}}", tag.name))
			}
			kind := nodeSection
			if tag.sigil == '^' {
				kind = nodeInverted
			}
			nodes = append(nodes, node{kind: kind, name: tag.name, kids: kids, pos: pos})
			if !closed {
				return nodes, false
			}
		case '/':
			if len(open) == 0 || open[len(open)-1] != tag.name {
				want := "remove it"
				if len(open) > 0 {
					want = "close {{#" + open[len(open)-1] + "}} first"
				}
				p.breach(start, "{{/%s}} closes no open section", want, tag.name)
				continue
			}
			return nodes, true
		case '>':
			nodes = append(nodes, node{kind: nodePartial, name: tag.name, indent: tag.indent, pos: pos})
		case '&', '{':
			nodes = append(nodes, node{kind: nodeRaw, name: tag.name, pos: pos})
		default:
			nodes = append(nodes, node{kind: nodeValue, name: tag.name, pos: pos})
		}
	}
}

func appendText(nodes []node, s string, pos position) []node {
	if s == "" {
		return nodes
	}
	return append(nodes, node{kind: nodeText, text: s, pos: pos})
}

// tag is one Mustache tag.
type tag struct {
	sigil  byte // one of # ^ / > ! = & {, or 0
	name   string
	indent string
}

// standalone reports whether a tag alone on its line takes the line with it.
func (t tag) standalone() bool { return strings.IndexByte("#^/>!=", t.sigil) >= 0 }

// tag reads the tag at start and moves behind it.
func (p *parser) tag(start int) (t tag, ok bool) {
	body := start + len(p.open)
	if body < len(p.src) && strings.IndexByte("#^/>!=&{", p.src[body]) >= 0 {
		t.sigil = p.src[body]
		body++
	}
	end := p.close
	switch t.sigil {
	case '{':
		end = "}" + p.close
	case '=':
		end = "=" + p.close
	}
	n := strings.Index(p.src[body:], end)
	if n < 0 {
		p.breach(start, "the tag is not closed", "add "+end)
		return t, false
	}
	content := strings.TrimSpace(p.src[body : body+n])
	p.at = body + n + len(end)
	switch t.sigil {
	case '!':
		return t, true
	case '=':
		open, close, _ := strings.Cut(content, " ")
		close = strings.TrimSpace(close)
		if open == "" || close == "" || strings.ContainsAny(close, " =\t\n") || strings.Contains(open, "=") {
			p.breach(start, "set delimiters: %.40q", "write two words, as in {{=<% %>=}}", content)
			return t, false
		}
		p.open, p.close = open, close
		return t, true
	}
	t.name = content
	if content == "" || strings.ContainsAny(content, " \t\r\n") {
		p.breach(start, "%.40q is not a name", "write one name without spaces", content)
		return t, false
	}
	return t, true
}

// alone reports whether the tag that began at start and ended at p.at is the
// only thing on its lines: how much blank stands before it, and where the next
// line begins.
func (p *parser) alone(start int) (before, after int, ok bool) {
	line := strings.LastIndexByte(p.src[:start], '\n') + 1
	if strings.Trim(p.src[line:start], " \t") != "" {
		return 0, 0, false
	}
	rest := p.src[p.at:]
	n := strings.IndexByte(rest, '\n')
	if n < 0 {
		n = len(rest) - 1
	}
	if strings.Trim(rest[:n+1], " \t\r\n") != "" {
		return 0, 0, false
	}
	return start - line, p.at + n + 1, true
}
