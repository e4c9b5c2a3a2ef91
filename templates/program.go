package templates

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// model is what a program reads its values from. Names became refs at load.
type model interface {
	// value returns a field's value, without escaping.
	value(ref int) []byte
	// count says how often a section is rendered: 0 for what is false or empty.
	count(ref int) int
	// enter makes the i-th element of a section current; leave ends the section.
	enter(ref, i int)
	// leave ends the section that enter began.
	leave(ref int)
	// message appends a message of the locale with its values escaped.
	message(b []byte, m locales.Message, esc escape) []byte
	// word is a design word: a colour or a font list.
	word(w word) string
	// block appends what an encoder writes (JSON-LD).
	block(b []byte) []byte
}

// schema gives names their meaning at load.
type schema interface {
	// resolve looks a name up from the innermost scope outwards.
	resolve(stack []frame, name string) (field, bool)
}

// frame is one section that is open around a tag.
type frame struct {
	scope  scope
	prefix string // of object sections: "billing."
	ref    int    // what {{.}} means; -1 nothing
	list   bool   // whether it is run for each element
}

// field is a resolved name.
type field struct {
	kind  kind
	ref   int
	frame frame // what a section of this field opens
	// msg is the message of a name that begins with "t.".
	msg locales.Message
}

// kind is what a field may be used for.
type kind uint8

const (
	kindText kind = iota
	kindURL
	kindFlag // only in sections
	kindList
	kindObject
	kindMessage
	kindAny // of a schema that knows no kinds
)

type opcode uint8

const (
	opText    opcode = iota
	opPassage        // a text with a number
	opValue
	opMessage
	opWord
	opBlock
	opSection
	opInverted
	opShown   // a section of a text: once where there is any
	opMissing // its opposite
	opCall
)

// op is one instruction. Sections hold the index behind their last instruction.
type op struct {
	code opcode
	esc  escape
	ref  int
	end  int
	text string
	call *program
}

// program is a compiled template.
type program struct {
	ops []op
	// passages are the literals that are worth knowing again. The ops that print them
	// have their numbers.
	passages []string
}

// output is what a program printed, and where in it its passages stand.
type output struct {
	b     []byte
	marks []waxwing.Extent
}

// print runs the whole program into out, in place of what is there.
func (p *program) print(out *output, m model) {
	out.b, out.marks = out.b[:0], out.marks[:0]
	p.run(out, m, 0, len(p.ops))
}

// run appends what ops[from:to] make of m.
func (p *program) run(out *output, m model, from, to int) {
	for i := from; i < to; i++ {
		o := &p.ops[i]
		switch o.code {
		case opPassage:
			out.marks = append(out.marks, waxwing.Extent{At: len(out.b), Passage: o.ref})
			out.b = append(out.b, o.text...)
		case opText:
			out.b = append(out.b, o.text...)
		case opValue:
			out.b = o.esc.append(out.b, m.value(o.ref))
		case opMessage:
			out.b = m.message(out.b, locales.Message(o.ref), o.esc)
		case opWord:
			out.b = append(out.b, m.word(word(o.ref))...)
		case opBlock:
			out.b = m.block(out.b)
		case opSection:
			n := m.count(o.ref)
			for k := range n {
				if len(out.b) > maxOutput {
					return
				}
				m.enter(o.ref, k)
				p.run(out, m, i+1, o.end)
			}
			if n > 0 {
				m.leave(o.ref)
			}
			i = o.end - 1
		case opInverted:
			if m.count(o.ref) == 0 {
				p.run(out, m, i+1, o.end)
			}
			i = o.end - 1
		case opShown:
			if len(m.value(o.ref)) == 0 {
				i = o.end - 1
			}
		case opMissing:
			if len(m.value(o.ref)) > 0 {
				i = o.end - 1
			}
		case opCall:
			o.call.run(out, m, 0, len(o.call.ops))
		}
	}
}

// Limits of passages, in bytes: a shorter literal is written as quickly as it is found, and
// what they are together must be small enough to be kept with each language.
const (
	minPassage = 32
	mostBytes  = 64 << 10
)

// number makes passages of the long literals, each text once.
func (p *program) number() {
	known, size := map[string]int{}, 0
	for i := range p.ops {
		o := &p.ops[i]
		if o.code != opText || len(o.text) < minPassage {
			continue
		}
		n, is := known[o.text]
		if !is {
			if size+len(o.text) > mostBytes {
				continue
			}
			n, size = len(p.passages), size+len(o.text)
			known[o.text], p.passages = n, append(p.passages, o.text)
		}
		o.code, o.ref = opPassage, n
	}
}

// text adds a literal, joining it to one that stands right before it.
func (p *program) text(s string, joinable int) {
	if s == "" {
		return
	}
	if n := len(p.ops); n > joinable && p.ops[n-1].code == opText {
		p.ops[n-1].text += s
		return
	}
	p.ops = append(p.ops, op{code: opText, text: s})
}

// compiler turns nodes into a program.
type compiler struct {
	schema   schema
	breaches *Breaches
	// text says how a value is escaped where no HTML decides it.
	plain escape
	// html follows the HTML that the literals make; nil for plain text.
	html *scanner
	// raw permits triple braces (in the specification's tests only).
	raw bool
	// partial, where not nil, makes a partial a call (for recursion).
	partial func(name, indent string) *program
}

// compile appends nodes to p. Literals of before joinable belong to an open section.
func (c *compiler) compile(p *program, nodes []node, stack []frame) {
	joinable := len(p.ops)
	for i := range nodes {
		n := &nodes[i]
		switch n.kind {
		case nodeText:
			c.literal(p, n, joinable)
		case nodeValue, nodeRaw:
			c.value(p, n, stack)
		case nodeSection, nodeInverted:
			c.section(p, n, stack)
			joinable = len(p.ops)
		case nodePartial:
			switch {
			case n.name == blockJSONLD:
				if c.html == nil || c.html.state != inData {
					c.breach(n, "{{> %s}} stands outside the HTML's text", "put it into head or body, between elements", n.name)
				}
				p.ops = append(p.ops, op{code: opBlock})
			case c.partial != nil:
				if call := c.partial(n.name, n.indent); call != nil {
					p.ops = append(p.ops, op{code: opCall, call: call})
				}
			}
		}
	}
}

// blockJSONLD is the partial that an encoder writes.
const blockJSONLD = "json-ld"

func (c *compiler) breach(n *node, problem, remedy string, args ...any) {
	*c.breaches = append(*c.breaches, n.pos.breach(problem, remedy, args...))
}

func (c *compiler) literal(p *program, n *node, joinable int) {
	if c.html == nil {
		p.text(n.text, joinable)
		return
	}
	for _, span := range c.html.feed(n, c.breaches) {
		if !span.css {
			p.text(span.text, joinable)
			continue
		}
		rest := span.text
		for {
			before, w, after, found := cutWord(rest)
			p.text(before, joinable)
			if !found {
				break
			}
			p.ops = append(p.ops, op{code: opWord, ref: int(w)})
			rest = after
		}
	}
}

func (c *compiler) value(p *program, n *node, stack []frame) {
	esc := c.plain
	if n.kind == nodeRaw {
		if !c.raw {
			c.breach(n, "{{{%s}}} would print a value unescaped", "write {{"+n.name+"}}", n.name)
			return
		}
		esc = escapeNone
	}
	f, ok := c.schema.resolve(stack, n.name)
	if !ok {
		c.breach(n, "there is no field %q here", c.unknownRemedy(stack, n.name), n.name)
		return
	}
	if f.kind == kindFlag || f.kind == kindList || f.kind == kindObject {
		c.breach(n, "%q has no text of its own", "use it as a section: {{#"+n.name+"}}...{{/"+n.name+"}}", n.name)
		return
	}
	if c.html != nil {
		c.html.value(n, f.kind, c.breaches)
		if c.html.state != inData && esc == escapeHTML {
			esc = escapeAttribute
		}
	}
	if f.kind == kindMessage {
		p.ops = append(p.ops, op{code: opMessage, ref: int(f.msg), esc: esc})
		return
	}
	if f.kind == kindURL && esc == escapePlain {
		esc = escapeNone // checked already; plain text must not break it
	}
	p.ops = append(p.ops, op{code: opValue, ref: f.ref, esc: esc})
}

func (c *compiler) section(p *program, n *node, stack []frame) {
	f, ok := c.schema.resolve(stack, n.name)
	if !ok || f.kind == kindMessage {
		c.breach(n, "there is no field %q here", c.unknownRemedy(stack, n.name), n.name)
		return
	}
	code, text := opSection, f.kind == kindText || f.kind == kindURL
	switch {
	case n.kind == nodeInverted && text:
		code = opMissing
	case n.kind == nodeInverted:
		code = opInverted
	case text:
		code = opShown
	}
	if n.kind != nodeInverted {
		c.checkNesting(n, f, stack)
		stack = append(stack, f.frame)
	}
	at := len(p.ops)
	p.ops = append(p.ops, op{code: code, ref: f.ref})
	var before scanner
	if c.html != nil {
		before = *c.html
		c.html.section(n, c.breaches)
	}
	c.compile(p, n.kids, stack)
	if c.html != nil && !c.html.same(&before) {
		c.breach(n, "section %q ends in another place of the HTML than it begins", "close within it each tag, quote and element text that it opens", n.name)
		*c.html = before
	}
	p.ops[at].end = len(p.ops)
}

// maxLists bounds lists within lists: with it, and the limits of what a mail
// lists, no template can run for long.
const maxLists = 2

func (c *compiler) checkNesting(n *node, f field, stack []frame) {
	if !f.frame.list || f.kind != kindList {
		return
	}
	lists := 1
	for _, open := range stack {
		if open.list {
			lists++
			if open.scope == f.frame.scope {
				c.breach(n, "list %q stands in a list of the same kind", "close the outer one first", n.name)
				return
			}
		}
	}
	if lists > maxLists {
		c.breach(n, "list %q is the third in one another", "nest at most two lists", n.name)
	}
}

// unknownRemedy says what to write in place of a name that is none.
func (c *compiler) unknownRemedy(stack []frame, name string) string {
	if strings.HasPrefix(name, "t.") {
		return "add the message to a locale file, or use one of locales/catalogue/en.json"
	}
	if strings.HasPrefix(name, "vars.") || strings.HasPrefix(name, "blocks.") {
		return "name it as a plugin may: a letter, then a-z, 0-9 and _, 32 at most, and not more than 200 of them"
	}
	const all = "all fields are listed in templates/README.md"
	if s, ok := c.schema.(orderSchema); ok {
		if n := nearest(name, s.known(stack)); n != "" {
			return "did you mean " + n + "? Else, " + all
		}
	}
	return all
}
