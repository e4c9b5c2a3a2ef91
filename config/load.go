package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a file, far above what a real one needs: whoever can write it is
// trusted, but a mistaken -c must not hang.
const (
	maxFile   = 1 << 20
	maxDepth  = 32
	maxIndent = 200
	maxNodes  = 100_000 // counted where aliases are followed
)

// Load reads a configuration file strictly, with ${VAR} from the process's
// environment; r is what the program has to configure. The error is an ErrorList, except where the file itself cannot
// be read.
func Load(path string, r Registry) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: there is no such file. Name it with -c FILE; config/examples has some to start from", path)
		}
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, src, os.LookupEnv, r)
}

// Parse reads a configuration from memory. The name stands in the errors; its
// folder is where relative paths of secrets ("file:"), templates and ca_file
// begin. env looks up variables; r is what the program has to configure. Every mistake that can be found is in the
// ErrorList; defaults are filled in.
func Parse(name string, src []byte, env func(string) (string, bool), r Registry) (*Config, error) {
	s, root := read(name, src, &lexicon{Registry: r}, "Begin with config/examples/minimal.yaml")
	files := []*source{s}
	if root == nil {
		return nil, errorsOf(files)
	}
	d := &decoder{paths: &paths{s, filepath.Dir(name), map[string]spot{}}, env: env, anchors: anchors{}, sections: map[string]bool{}, files: &files}
	c := &Config{}
	d.document(root, c)
	check(d, c)
	if err := errorsOf(files); err != nil {
		return nil, err
	}
	c.loaded = &loaded{files, d.spots}
	return c, nil
}

// read makes a file's tree; nil means that a fault was added.
func read(name string, src []byte, words *lexicon, begin string) (*source, ast.Node) {
	text := strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n")
	s := newSource(name, text, words)
	root := s.parse(text, begin)
	s.parsed = root != nil
	return s, root
}

// parse makes the tree; nil means that a fault was added. begin is the remedy for an
// empty file.
func (s *source) parse(text, begin string) (root ast.Node) {
	defer func() {
		if recover() != nil { // the library's fault, but the file is at hand
			s.faults = nil
			s.add(place{1, 1}, "this is not valid YAML", "Compare it with config/examples/full.yaml")
			root = nil
		}
	}()
	if !s.readable(text) {
		return nil
	}
	tokens := lexer.Tokenize(text)
	if !s.shallow(tokens) {
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		s.syntax(err)
		return nil
	}
	for _, d := range f.Docs {
		if d.Body == nil {
			continue
		}
		if root != nil {
			s.add(placeOf(d.Start), "a second document begins here", "Keep one document in a file: take out the line ---")
			return nil
		}
		root = d.Body
	}
	if root == nil {
		s.add(place{1, 1}, "the file is empty", begin)
	}
	return root
}

// readable checks what no YAML reader should be asked about.
func (s *source) readable(text string) bool {
	if len(text) > maxFile {
		s.add(place{1, 1}, "the file is larger than 1 MiB", "Name the configuration file, not another one")
		return false
	}
	for i, l := range s.lines {
		if !utf8.ValidString(l) {
			col := 1
			for _, r := range l {
				if r == utf8.RuneError {
					break
				}
				col++
			}
			s.add(place{i + 1, col}, "this is not UTF-8", "Save the file as UTF-8")
			return false
		}
		for j, r := range []rune(l) {
			if r < ' ' && r != '\t' || r == 0x7f {
				s.add(place{i + 1, j + 1}, fmt.Sprintf("there is a control character (U+%04X)", r), "Take it out")
				return false
			}
		}
		if lead := l[:indent(l)]; strings.Contains(lead, "\t") && strings.TrimSpace(l) != "" {
			s.add(place{i + 1, strings.Index(lead, "\t") + 1}, "a tab stands in the indentation", "Indent with spaces")
			return false
		}
	}
	return true
}

// shallow bounds the depth before the parser recurses into it, and refuses
// what this file has no use for.
func (s *source) shallow(tokens token.Tokens) bool {
	flow, row, line := 0, 0, 0
	for _, t := range tokens {
		at := placeOf(t)
		if at.line != line {
			row, line = 0, at.line
		}
		switch t.Type {
		case token.CommentType:
			s.comments = append(s.comments, at)
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType:
			row++
		case token.TagType:
			s.add(at, "tags (!...) are not used here", "Take it out")
			return false
		case token.DirectiveType:
			s.add(at, "directives (%...) are not used here", "Take the line out")
			return false
		case token.MappingKeyType:
			s.add(at, `"?" does not begin a key here`, `Write "key: value"`)
			return false
		case token.MergeKeyType:
			s.add(at, "merge keys (<<) are not used here", "Write the keys out, or give the whole value an anchor and use *anchor")
			return false
		}
		if flow > maxDepth || row > maxDepth || flow == 0 && at.column > maxIndent && t.Type == token.MappingValueType && len(s.lines[at.line-1]) > 0 && indent(s.lines[at.line-1]) > maxIndent {
			s.add(at, "this is nested too deeply", "Compare it with config/examples/full.yaml")
			return false
		}
	}
	return true
}

// remedies go with the parser's words, by a part of them. The words themselves
// may quote the file, so they are not passed on.
var remedies = []struct{ part, problem, remedy string }{
	{"mapping value is not allowed", `a second "key: value" stands in one place`, "Check the indentation, and put quotes around a value that holds a colon"},
	{"map key-value is pre-defined", "a value stands beside its mapping", "Check the indentation of this line, and whether the quotes above it are closed"},
	{"',' or '}' must", "a comma or } is missing", "Close the brace that was opened, and put quotes around a value that holds { } [ ] or a comma"},
	{"',' or ']' must", "a comma or ] is missing", "Close the bracket that was opened, and put quotes around a value that holds { } [ ] or a comma"},
	{"end token '}'", "this { is never closed", "Add the }"},
	{"sequence end token", "this [ is never closed", "Add the ]"},
	{"corresponding to ']'", "this ] closes nothing", "Take it out, or put quotes around the value"},
	{"corresponding to '}'", "this } closes nothing", "Take it out, or put quotes around the value"},
	{"end character of", "this quote is never closed", "Close it at the end of the value"},
	{"reserved character", "a value cannot begin with this character", "Put quotes around the value"},
	{"tab character", "a tab stands where spaces must", "Use spaces"},
	{"cannot start any token", "a value cannot begin with this character", "Put quotes around the value, and use spaces instead of tabs"},
	{"escape", "a backslash means nothing here", "Double it, or use single quotes"},
	{"non-map value", "a value stands where a key must", `Write "key: value", and check the indentation`},
	{"unexpected key name", "a key without a colon", `Write "key: value", with a space after the colon`},
	{"could not find map value", "this key has no value", "Give it one"},
	{"anchor", "an anchor stands where it cannot", "Put it between the key and its value"},
	{"alias", "an alias (*) has no name", "Put quotes around a value that begins with *"},
	{"block sequence entries", "a list begins in the middle of a line", "Begin it on the next line"},
	{"literal", "the text after | or > cannot be read", "Indent it by two spaces below its key"},
	{"invalid header", "the text after | or > cannot be read", "Begin it on the next line, indented by two spaces"},
}

func (s *source) syntax(err error) {
	at, problem, remedy := place{1, 1}, "this is not valid YAML", "Check the indentation, the quotes and the colons of this line"
	var e yaml.Error
	if errors.As(err, &e) {
		at = placeOf(e.GetToken())
		for _, r := range remedies {
			if strings.Contains(e.GetMessage(), r.part) {
				problem, remedy = r.problem, r.remedy
				break
			}
		}
	}
	if hash, ok := s.swallowed(at.line); ok {
		at, problem, remedy = hash, "a # begins a comment here, and the rest of the line is lost to it", `Put quotes around the value: "#..."`
	}
	if at.line <= len(s.lines) && bareVariable(s.lines[at.line-1]) {
		remedy = `Put quotes around the variable: "${VAR}"`
	}
	s.add(at, problem, remedy)
}

// swallowed finds a value in braces or brackets that begins with # and has no
// quotes: a colour, mostly. The parser stumbles lines later, since the brace that
// should close went with the comment.
func (s *source) swallowed(line int) (place, bool) {
	line = min(line, len(s.lines))
	for i := line; i >= 1 && i > line-20; i-- {
		for _, m := range hashValue.FindAllStringIndex(s.lines[i-1], -1) {
			at := m[1] - 2 // of the #
			if before := s.lines[i-1][:at]; strings.Count(before, `"`)%2 == 0 && strings.Count(before, "'")%2 == 0 && s.inFlow(i, before) {
				return place{i, utf8.RuneCountInString(before) + 1}, true
			}
		}
	}
	return place{}, false
}

var hashValue = regexp.MustCompile(`[:\[,]\s+#[^\s#]`)

// inFlow reports whether a brace or bracket is open where a line has come to.
func (s *source) inFlow(line int, before string) bool {
	open := 0
	for i := max(line-20, 1); i < line; i++ {
		l, _, _ := strings.Cut(s.lines[i-1], " #")
		open = max(open+depthOf(l), 0)
	}
	return open+depthOf(before) > 0
}

func depthOf(l string) int {
	return strings.Count(l, "{") + strings.Count(l, "[") - strings.Count(l, "}") - strings.Count(l, "]")
}

// bareVariable reports whether a line has ${VAR} in braces without quotes,
// which YAML reads as a mapping.
func bareVariable(l string) bool {
	i := strings.Index(l, "${")
	return i > 0 && strings.ContainsAny(l[:i], "{[") && l[i-1] != '"' && l[i-1] != '\''
}
