package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"text/template"
)

var update = flag.Bool("update", false, "write schema.json and docs/configuration.md")

// TestGenerated holds what is generated to the types; go generate writes it.
func TestGenerated(t *testing.T) {
	g := newGenerator()
	for _, f := range []struct {
		name string
		want []byte
	}{{"schema.json", g.schema(t)}, {"../docs/configuration.md", g.reference(t)}} {
		if *update {
			if err := os.MkdirAll("../docs", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f.name, f.want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(f.name); err != nil || !bytes.Equal(have, f.want) {
			t.Errorf("%s is stale (%v): run go generate ./config", f.name, err)
		}
	}
}

// generator knows the comments of the types: they are the descriptions.
type generator struct {
	lexicon
	comments map[string]string // "package.Type" and "package.Type.Field"
	read     map[string]bool   // the packages whose comments are known
	defs     map[string]any
}

func newGenerator() *generator {
	return &generator{lexicon: lexicon{Registry: Components}, comments: map[string]string{}, read: map[string]bool{}, defs: map[string]any{}}
}

// comment is that of a type, or of a field of one.
func (g *generator) comment(t *testing.T, typ reflect.Type, name string) string {
	t.Helper()
	if pkg := typ.PkgPath(); !g.read[pkg] {
		g.read[pkg] = true
		g.readComments(t, pkg)
	}
	key := typ.PkgPath() + "." + typ.Name()
	if name != "" {
		key += "." + name
	}
	if g.comments[key] == "" {
		t.Errorf("%s has no comment: it is the reference's text", key)
	}
	return g.comments[key]
}

// readComments reads the comments of a package of this module.
func (g *generator) readComments(t *testing.T, pkg string) {
	t.Helper()
	own := reflect.TypeFor[Config]().PkgPath()
	dir := ".." + strings.TrimPrefix(pkg, strings.TrimSuffix(own, "/config"))
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the package %s is not in %s: %v", pkg, dir, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range gen.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok {
					g.commentOf(pkg, gen, ts)
				}
			}
		}
	}
}

func (g *generator) commentOf(pkg string, gen *ast.GenDecl, ts *ast.TypeSpec) {
	g.comments[pkg+"."+ts.Name.Name] = prose(gen.Doc)
	st, ok := ts.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, fl := range st.Fields.List {
		if len(fl.Names) > 0 { // else it is embedded
			g.comments[pkg+"."+ts.Name.Name+"."+fl.Names[0].Name] = prose(fl.Doc)
		}
	}
}

// prose is a comment's first paragraph on one line.
func prose(c *ast.CommentGroup) string {
	first, _, _ := strings.Cut(c.Text(), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}

// describe is a field's comment, without its Go name where it opens with it.
func (g *generator) describe(t *testing.T, typ reflect.Type, f field) string {
	x := typ.Field(f.index)
	if f.inner >= 0 {
		typ = x.Type
		x = typ.Field(f.inner)
	}
	name := x.Name
	s, ok := strings.CutPrefix(g.comment(t, typ, name), name+" ")
	for _, verb := range []string{"is ", "are "} {
		if rest, cut := strings.CutPrefix(s, verb); ok && cut {
			s = rest
			break
		}
	}
	if s == "" {
		return s // reported
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// variablePattern lets "${VAR}" stand for any scalar.
const variablePattern = `\$\{`

func (g *generator) schema(t *testing.T) []byte {
	root := g.object(t, reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Waxwing configuration"
	root["$defs"] = g.defs
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

type object = map[string]any

func (g *generator) object(t *testing.T, typ reflect.Type) object {
	o := object{"type": "object", "additionalProperties": false, "description": g.comment(t, typ, "")}
	props, required := g.properties(t, typ)
	if kind, ok := settingsOf(typ); ok {
		o["allOf"] = g.blocks(t, kind, props)
	}
	o["properties"] = props
	switch {
	case typ == reflect.TypeFor[Config]():
		o["anyOf"] = []any{object{"required": []string{"providers", "tenants"}}, object{"required": []string{"providers", "tenants_dir"}}, object{"required": []string{"include"}}}
	case len(required) > 0:
		o["required"] = required
	}
	return o
}

// properties are a struct's keys, and which of them must be given.
func (g *generator) properties(t *testing.T, typ reflect.Type) (props object, required []string) {
	props = object{}
	for _, f := range g.shape(typ) {
		p := g.value(t, f.typ, f)
		p["description"] = g.describe(t, typ, f)
		if f.def != "" {
			f.def = g.usual(f)
			p["default"] = defaultOf(f)
		}
		props[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	return props, required
}

// blocks adds the keys of a kind's components to those that stand beside them, and says
// for each component what it must and must not have. A key that is not the same in all is
// said anew where the component is known.
func (g *generator) blocks(t *testing.T, kind string, props object) (all []any) {
	type block struct {
		props    object
		required []string
	}
	list, blocks := g.of(kind), []block{}
	for _, c := range list {
		p, required := g.properties(t, reflect.TypeOf(c.Settings()).Elem())
		blocks = append(blocks, block{p, required})
		for k, v := range p {
			if have, ok := props[k]; ok && !reflect.DeepEqual(have, v) {
				props[k] = object{} // either
			} else {
				props[k] = v
			}
		}
	}
	for i, c := range list {
		then := object{}
		for _, other := range blocks {
			for k := range other.props {
				if own, ok := blocks[i].props[k]; !ok {
					then[k] = false
				} else if !reflect.DeepEqual(props[k], own) {
					then[k] = own
				}
			}
		}
		must := object{"properties": then}
		if len(blocks[i].required) > 0 {
			must["required"] = blocks[i].required
		}
		all = append(all, object{"if": object{"properties": object{typeKey: object{"const": c.Name}}}, "then": must})
	}
	return all
}

func (g *generator) value(t *testing.T, typ reflect.Type, f field) object {
	orVariable := func(o object) object {
		return object{"anyOf": []any{o, object{"type": "string", "pattern": variablePattern}}}
	}
	switch {
	case typ == stageType:
		return g.stages(t)
	case typ == secretType:
		return object{"type": "string", "minLength": 1}
	case typ == bearerType:
		if g.defs[typ.Name()] == nil {
			g.defs[typ.Name()] = object{"anyOf": []any{object{"type": "string", "minLength": 1}, g.object(t, typ)}}
		}
		return object{"$ref": "#/$defs/" + typ.Name()}
	case typ == durationType:
		return orVariable(object{"type": "string", "pattern": durationPattern})
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return g.value(t, typ.Elem(), f)
	case reflect.Slice:
		return object{"type": "array", "items": g.value(t, typ.Elem(), f)}
	case reflect.Map:
		names := object{"pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}
		if f.keys == "locale" {
			names = object{"enum": g.Locales}
		}
		o := object{"type": "object", "propertyNames": names, "additionalProperties": g.value(t, typ.Elem(), f)}
		if f.keys != "" && f.keys != "locale" { // names that are not ours
			delete(o, "propertyNames")
		}
		if f.required {
			o["minProperties"] = 1
		}
		return o
	case reflect.Struct:
		name := defName(typ)
		if g.defs[name] == nil {
			g.defs[name] = g.object(t, typ)
		}
		return object{"$ref": "#/$defs/" + name}
	case reflect.Int, reflect.Int64:
		low, _ := strconv.Atoi(f.min)
		high, _ := strconv.Atoi(f.max)
		return orVariable(object{"type": "integer", "minimum": low, "maximum": high})
	case reflect.Bool:
		return orVariable(object{"type": "boolean"})
	}
	if list := g.choices(f); list != nil {
		return orVariable(object{"enum": list})
	}
	return object{"type": "string"}
}

// defName is a type's name in the schema; a component's carry its package's.
func defName(typ reflect.Type) string {
	if typ.PkgPath() == reflect.TypeFor[Config]().PkgPath() {
		return typ.Name()
	}
	return path.Base(typ.PkgPath()) + typ.Name()
}

// stages are words, or one key with its settings.
func (g *generator) stages(t *testing.T) object {
	words, props := []string{}, object{}
	for _, c := range g.of(kindStage) {
		typ := reflect.TypeOf(c.Settings()).Elem()
		p := g.value(t, typ, field{typ: typ})
		bare := true
		for _, x := range shape(typ) {
			bare = bare && !x.required
		}
		if bare {
			words = append(words, c.Name)
			p = object{"anyOf": []any{p, object{"type": "null"}}}
		}
		props[c.Name] = p
	}
	return object{"anyOf": []any{object{"enum": words}, object{"type": "object", "properties": props,
		"additionalProperties": false, "minProperties": 1, "maxProperties": 1}}}
}

func defaultOf(f field) any {
	if list, ok := strings.CutPrefix(f.def, "["); ok {
		return strings.Split(strings.TrimSuffix(list, "]"), ", ")
	}
	if f.typ.Kind() == reflect.Bool {
		return f.def == "true"
	}
	if n, err := strconv.Atoi(f.def); err == nil && f.typ != durationType {
		return n
	}
	return f.def
}

// reference fills the tables into reference.md.tmpl.
func (g *generator) reference(t *testing.T) []byte {
	types := map[string]reflect.Type{}
	for _, typ := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[HTTP](), reflect.TypeFor[BearerKey](), reflect.TypeFor[Keys](), reflect.TypeFor[Tenant](), reflect.TypeFor[Brand](), reflect.TypeFor[Delivery](), reflect.TypeFor[DKIM](), reflect.TypeFor[DKIMKey](), reflect.TypeFor[Shop](),
		reflect.TypeFor[Limits](), reflect.TypeFor[Retention](), reflect.TypeFor[Log](),
		reflect.TypeFor[Legal](), reflect.TypeFor[Mapping](), reflect.TypeFor[LegalText](), reflect.TypeFor[PaymentInstructions](), reflect.TypeFor[Instruction]()} {
		types[typ.Name()] = typ
	}
	shown := map[string]bool{}
	tmpl, err := template.New("reference.md.tmpl").Funcs(template.FuncMap{
		"keys":    func(name string) string { shown[name] = true; return g.table(t, types[name]) },
		"locales": func() string { return "`" + strings.Join(g.Locales, "`, `") + "`" },
		"types":   func(kind string) string { return g.types(t, kind) },
		"stages":  func() string { return g.stageTables(t) },
		"example": func(name string) (string, error) { b, err := os.ReadFile("examples/" + name); return string(b), err },
	}).ParseFiles("reference.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, nil); err != nil {
		t.Fatal(err)
	}
	for name := range types {
		if !shown[name] {
			t.Errorf("the reference does not show %s", name)
		}
	}
	return b.Bytes()
}

func (g *generator) table(t *testing.T, typ reflect.Type) string {
	var b strings.Builder
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, f := range g.shape(typ) {
		def := "none"
		switch {
		case f.required && f.unless != "":
			def = "**required**, or `" + f.unless + "`"
		case f.required:
			def = "**required**"
		case f.def != "":
			def = "`" + g.usual(f) + "`"
		case f.typ.Kind() == reflect.Struct:
			def = "below"
		}
		meaning := g.describe(t, typ, f)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, g.wording(f), def, strings.ReplaceAll(meaning, "|", "\\|"))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// stageTables are the stages, each with its keys and those below.
func (g *generator) stageTables(t *testing.T) string {
	var b strings.Builder
	for _, c := range g.of(kindStage) {
		typ := reflect.TypeOf(c.Settings()).Elem()
		about := "`" + c.Name + "`" + strings.TrimPrefix(g.comment(t, typ, ""), typ.Name())
		if len(shape(typ)) == 0 {
			fmt.Fprintf(&b, "### %s\n\n%s It has no settings.\n\n", c.Name, about)
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n\n%s\n\n", c.Name, about, g.table(t, typ))
		for _, f := range shape(typ) {
			if f.typ.Kind() == reflect.Struct {
				fmt.Fprintf(&b, "### %s.%s\n\n%s\n\n", c.Name, f.name, g.table(t, f.typ))
			}
		}
	}
	return strings.TrimSpace(b.String())
}

// types are the components of a kind, each with its example, its keys and those below.
func (g *generator) types(t *testing.T, kind string) string {
	var b strings.Builder
	for i, c := range g.of(kind) {
		if i > 0 {
			b.WriteString("\n")
		}
		typ := reflect.TypeOf(c.Settings()).Elem()
		_, about, _ := strings.Cut(g.comment(t, typ, ""), " are ")
		fmt.Fprintf(&b, "### Type %s\n\n%s\n\n```yaml\nNAME:\n  %s\n```\n\n%s\n", c.Name, strings.ToUpper(about[:min(1, len(about))])+about[min(1, len(about)):],
			strings.ReplaceAll(c.Example, "\n", "\n  "), g.table(t, typ))
		for _, f := range shape(typ) {
			below := f.typ
			for below.Kind() == reflect.Pointer || below.Kind() == reflect.Slice {
				below = below.Elem()
			}
			if below.Kind() == reflect.Struct {
				fmt.Fprintf(&b, "\n#### `%s` of type %s\n\n%s\n", f.name, c.Name, g.table(t, below))
			}
		}
		b.WriteString(g.params(typ))
		if c.Notes != "" {
			b.WriteString("\n" + c.Notes + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// wording is a field's type in words.
func (g *generator) wording(f field) string {
	typ, list := f.typ, ""
	for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
		if typ.Kind() == reflect.Slice {
			list = "list of "
		}
		typ = typ.Elem()
	}
	s := kind(typ)
	switch {
	case typ == stageType:
		return "list of stages"
	case typ == secretType:
		s = "secret"
	case f.keys == "locale" && typ.Elem().Kind() == reflect.Struct:
		return "keys and values by locale"
	case f.keys == "locale":
		return "text by locale"
	case typ.Kind() == reflect.Map && f.keys != "":
		return "by " + f.keys
	case typ.Kind() == reflect.Map:
		return "by name"
	case g.choices(f) != nil:
		return list + "`" + strings.Join(g.choices(f), "`, `") + "`"
	case typ == durationType:
		s = "duration"
	case typ.Kind() == reflect.Bool:
		s = "true or false"
	case typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64:
		s = "number"
	}
	if f.max != "" {
		s += fmt.Sprintf(", %s to %s", f.min, f.max)
	}
	return list + s
}

// params are the queries of a block with what each may ask with, "" if it has none.
func (g *generator) params(typ reflect.Type) string {
	var b strings.Builder
	for _, f := range shape(typ) {
		if f.params != nil {
			fmt.Fprintf(&b, "| `%s` | `:%s` |\n", f.name, strings.Join(f.params, "`, `:"))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\nQueries name their parameters:\n\n| query | parameters |\n|---|---|\n" + b.String()
}
