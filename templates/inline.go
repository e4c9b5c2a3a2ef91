package templates

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/vanng822/go-premailer/premailer"
)

// Tags go through the inliner as marks: private characters in text and
// attributes, and in comments where elements may stand, since the HTML parser
// would move other text out of a table. No template may hold these characters.
const (
	markOpen  = "\ue000"
	markClose = "\ue001"
)

var (
	markPattern  = regexp.MustCompile(`<!--` + markOpen + `(\d+)` + markClose + `-->|` + markOpen + `(\d+)` + markClose)
	blankLines   = regexp.MustCompile(`\s*\n\s*`)
	classPattern = regexp.MustCompile(` class="([^"]*)"`)
	styleBlock   = regexp.MustCompile(`(?s)<style.*?</style>`)
	classInStyle = regexp.MustCompile(`\.([A-Za-z][\w-]*)`)
)

// mark is a tag on its way through the inliner.
type mark struct {
	node  *node
	close bool // the end of a section
}

// inliner writes a template as HTML with marks.
type inliner struct {
	out   strings.Builder
	marks []mark
	html  scanner
	rtl   bool
}

// inlineCSS returns the template with its style blocks moved into style
// attributes, for one direction of writing. Blocks with the attribute
// data-premailer="ignore" (media queries, dark mode) stay in the head.
func inlineCSS(nodes []node, rtl bool, breaches *Breaches) []node {
	in := &inliner{rtl: rtl}
	in.write(nodes)
	options := premailer.NewOptions()
	options.CssToAttributes = false // the template's own attributes are deliberate
	p, err := premailer.NewPremailerFromString(in.out.String(), options)
	if err != nil {
		*breaches = append(*breaches, Breach{File: htmlFile, Line: 1, Column: 1, Problem: "inline CSS: " + err.Error()})
		return nil
	}
	out, err := p.Transform()
	if err != nil {
		*breaches = append(*breaches, Breach{File: htmlFile, Line: 1, Column: 1, Problem: "inline CSS: " + err.Error()})
		return nil
	}
	return in.read(tidy(out), breaches)
}

func (in *inliner) write(nodes []node) {
	for i := range nodes {
		n := &nodes[i]
		switch n.kind {
		case nodeText:
			var none Breaches
			for _, s := range in.html.feed(n, &none) {
				if s.css {
					s.text = physical(s.text, in.rtl)
				}
				in.out.WriteString(s.text)
			}
		case nodeSection, nodeInverted:
			in.mark(mark{node: n})
			in.write(n.kids)
			in.mark(mark{node: n, close: true})
		default:
			in.mark(mark{node: n})
		}
	}
}

func (in *inliner) mark(m mark) {
	s := markOpen + strconv.Itoa(len(in.marks)) + markClose
	if in.html.state == inData {
		s = "<!--" + s + "-->"
	}
	in.out.WriteString(s)
	in.marks = append(in.marks, m)
}

// read turns inlined HTML back into nodes. Each mark must be there once and in
// order: a misnested element would have moved or doubled it.
func (in *inliner) read(html string, breaches *Breaches) []node {
	root := &node{}
	open := []*node{root}
	at, next := 0, 0
	for _, loc := range markPattern.FindAllStringSubmatchIndex(html, -1) {
		digits := html[max(loc[2], loc[4]):max(loc[3], loc[5])]
		top := open[len(open)-1]
		top.kids = appendText(top.kids, html[at:loc[0]], position{htmlFile, 1, 1})
		at = loc[1]
		if digits != strconv.Itoa(next) {
			break
		}
		m := in.marks[next]
		next++
		switch {
		case m.close:
			open = open[:len(open)-1]
			open[len(open)-1].kids = append(open[len(open)-1].kids, *top)
		case m.node.kind == nodeSection || m.node.kind == nodeInverted:
			section := *m.node
			section.kids = nil
			open = append(open, &section)
		default:
			top.kids = append(top.kids, *m.node)
		}
	}
	if next < len(in.marks) {
		n := in.marks[next].node
		*breaches = append(*breaches, n.pos.breach("the HTML around %q is not well nested", "close every element in order, and put a table's content into cells", n.name))
		return nil
	}
	root.kids = appendText(root.kids, html[at:], position{htmlFile, 1, 1})
	return root.kids
}

// tidy drops what only the inliner needed: indentation, and classes that no
// remaining style speaks of.
func tidy(html string) string {
	html = strings.ReplaceAll(html, ` data-premailer="ignore"`, "")
	used := map[string]bool{}
	for _, block := range styleBlock.FindAllString(html, -1) {
		for _, m := range classInStyle.FindAllStringSubmatch(block, -1) {
			used[m[1]] = true
		}
	}
	html = classPattern.ReplaceAllStringFunc(html, func(s string) string {
		var keep []string
		for _, c := range strings.Fields(classPattern.FindStringSubmatch(s)[1]) {
			if used[c] || strings.Contains(c, markOpen) {
				keep = append(keep, c)
			}
		}
		if keep == nil {
			return ""
		}
		return ` class="` + strings.Join(keep, " ") + `"`
	})
	return blankLines.ReplaceAllString(html, "\n")
}

var logical = regexp.MustCompile(`(?i)\b((?:padding|margin|border)-)inline-(start|end)\b|(\btext-align\s*:\s*)(start|end)\b|^(start|end)$`)

// physical turns start and end into left and right: mail clients know no
// logical properties.
func physical(css string, rtl bool) string {
	return logical.ReplaceAllStringFunc(css, func(s string) string {
		m := logical.FindStringSubmatch(s)
		side := "left"
		if strings.EqualFold(m[2]+m[4]+m[5], "end") != rtl {
			side = "right"
		}
		return m[1] + m[3] + side
	})
}

// expand puts partials in their places. They come from the set alone, and one
// that holds itself is refused.
func expand(files map[string]string, nodes []node, within []string, breaches *Breaches) []node {
	var out []node
	for _, n := range nodes {
		switch {
		case n.kind == nodePartial && n.name != blockJSONLD:
			file := n.name + ".mustache"
			src, ok := files[file]
			if !ok {
				*breaches = append(*breaches, n.pos.breach("there is no partial %.60q in the set", "add the file "+fmt.Sprintf("%.60q", file)+"; partials are never read from elsewhere", n.name))
				continue
			}
			if contains(within, n.name) || len(within) > maxNesting {
				*breaches = append(*breaches, n.pos.breach("partial %q holds itself", "remove one of the two tags", n.name))
				continue
			}
			kids := parse(file, src, n.indent, breaches)
			out = append(out, expand(files, kids, append(within, n.name), breaches)...)
		case n.kids != nil:
			n.kids = expand(files, n.kids, within, breaches)
			out = append(out, n)
		default:
			out = append(out, n)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
