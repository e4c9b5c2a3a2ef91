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
	"reflect"
	"strconv"
	"strings"
	"testing"
	"text/template"
)

var update = flag.Bool("update", false, "write schema.json and docs/configuration.md")

// TestGenerated holds what is generated to the types; go generate writes it.
func TestGenerated(t *testing.T) {
	g := newGenerator(t)
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
	comments map[string]string // "Type" and "Type.Field"
	defs     map[string]any
}

func newGenerator(t *testing.T) *generator {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{comments: map[string]string{}, defs: map[string]any{}}
	for _, d := range f.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range gen.Specs {
			ts, ok := s.(*ast.TypeSpec)
			if !ok {
				continue
			}
			g.comments[ts.Name.Name] = prose(gen.Doc)
			if st, ok := ts.Type.(*ast.StructType); ok {
				for _, fl := range st.Fields.List {
					g.comments[ts.Name.Name+"."+fl.Names[0].Name] = prose(fl.Doc)
				}
			}
		}
	}
	return g
}

// prose is a comment's first paragraph on one line.
func prose(c *ast.CommentGroup) string {
	first, _, _ := strings.Cut(c.Text(), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}

// describe is a field's comment, without its Go name where it opens with it.
func (g *generator) describe(t *testing.T, typ reflect.Type, f field) string {
	name := typ.Field(f.index).Name
	s, ok := strings.CutPrefix(g.comments[typ.Name()+"."+name], name+" ")
	if s == "" {
		t.Errorf("%s.%s has no comment: it is the reference's text", typ.Name(), name)
	}
	for _, verb := range []string{"is ", "are "} {
		if rest, cut := strings.CutPrefix(s, verb); ok && cut {
			s = rest
			break
		}
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
	o := object{"type": "object", "additionalProperties": false, "description": g.comments[typ.Name()]}
	props, required, kinds := object{}, []string{}, map[string][]string{}
	for _, f := range shape(typ) {
		p := g.value(t, f.typ, f)
		p["description"] = g.describe(t, typ, f)
		if f.def != "" {
			p["default"] = defaultOf(f)
		}
		props[f.name] = p
		if f.required && typ != reflect.TypeFor[Config]() {
			required = append(required, f.name)
		}
		if f.belongs != "" {
			kinds[f.belongs] = append(kinds[f.belongs], f.name)
		}
	}
	o["properties"] = props
	if len(required) > 0 {
		o["required"] = required
	}
	if typ == reflect.TypeFor[Config]() {
		o["anyOf"] = []any{object{"required": []string{"providers", "tenants"}}, object{"required": []string{"providers", "tenants_dir"}}, object{"required": []string{"include"}}}
	}
	if typ == reflect.TypeFor[Provider]() {
		o["allOf"] = []any{ofKind("smtp", []string{"addr"}, kinds["twilio"]), ofKind("twilio", []string{"account", "token", "from"}, kinds["smtp"])}
	}
	return o
}

// ofKind is what a provider of one type must and must not have.
func ofKind(kind string, must, not []string) object {
	no := object{}
	for _, k := range not {
		no[k] = false
	}
	return object{"if": object{"properties": object{"type": object{"const": kind}}},
		"then": object{"required": must, "properties": no}}
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
			names = object{"enum": builtInLocales}
		}
		o := object{"type": "object", "propertyNames": names, "additionalProperties": g.value(t, typ.Elem(), f)}
		if f.required {
			o["minProperties"] = 1
		}
		return o
	case reflect.Struct:
		if g.defs[typ.Name()] == nil {
			g.defs[typ.Name()] = g.object(t, typ)
		}
		return object{"$ref": "#/$defs/" + typ.Name()}
	case reflect.Int, reflect.Int64:
		low, _ := strconv.Atoi(f.min)
		high, _ := strconv.Atoi(f.max)
		return orVariable(object{"type": "integer", "minimum": low, "maximum": high})
	case reflect.Bool:
		return orVariable(object{"type": "boolean"})
	}
	if f.enum != nil {
		return orVariable(object{"enum": f.enum})
	}
	return object{"type": "string"}
}

// stages are words, or one key with its settings.
func (g *generator) stages(t *testing.T) object {
	words, props := []string{}, object{}
	for _, f := range shape(stageType) {
		p := g.value(t, f.typ, f)
		bare := true
		for _, x := range shape(f.typ.Elem()) {
			bare = bare && !x.required
		}
		if bare {
			words = append(words, f.name)
			p = object{"anyOf": []any{p, object{"type": "null"}}}
		}
		props[f.name] = p
	}
	return object{"anyOf": []any{object{"enum": words}, object{"type": "object", "properties": props,
		"additionalProperties": false, "minProperties": 1, "maxProperties": 1}}}
}

func defaultOf(f field) any {
	if list, ok := strings.CutPrefix(f.def, "["); ok {
		return strings.Split(strings.TrimSuffix(list, "]"), ", ")
	}
	if n, err := strconv.Atoi(f.def); err == nil && f.typ != durationType {
		return n
	}
	return f.def
}

// reference fills the tables into reference.md.tmpl.
func (g *generator) reference(t *testing.T) []byte {
	types := map[string]reflect.Type{}
	for _, typ := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[HTTP](), reflect.TypeFor[BearerKey](), reflect.TypeFor[Keys](), reflect.TypeFor[Provider](),
		reflect.TypeFor[Auth](), reflect.TypeFor[Timeouts](), reflect.TypeFor[Tenant](), reflect.TypeFor[Brand](), reflect.TypeFor[Delivery](), reflect.TypeFor[DKIM](), reflect.TypeFor[Shop](),
		reflect.TypeFor[EnrichStage](), reflect.TypeFor[Queue](), reflect.TypeFor[Send](), reflect.TypeFor[Doubt](), reflect.TypeFor[Fallback](),
		reflect.TypeFor[Lookup](), reflect.TypeFor[Limits](), reflect.TypeFor[Retention](), reflect.TypeFor[Log](),
		reflect.TypeFor[Legal](), reflect.TypeFor[LegalText](), reflect.TypeFor[PaymentInstructions](), reflect.TypeFor[Instruction]()} {
		types[typ.Name()] = typ
	}
	shown := map[string]bool{}
	tmpl, err := template.New("reference.md.tmpl").Funcs(template.FuncMap{
		"keys":    func(name string) string { shown[name] = true; return g.table(t, types[name]) },
		"locales": func() string { return "`" + strings.Join(builtInLocales, "`, `") + "`" },
		"params":  func() string { return g.params() },
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
	for _, f := range shape(typ) {
		def := "none"
		switch {
		case f.required && f.unless != "":
			def = "**required**, or `" + f.unless + "`"
		case f.required:
			def = "**required**"
		case f.def != "":
			def = "`" + f.def + "`"
		case f.typ.Kind() == reflect.Struct:
			def = "below"
		}
		meaning := g.describe(t, typ, f)
		if f.belongs != "" {
			meaning = "*" + f.belongs + "*: " + meaning
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, wording(f), def, strings.ReplaceAll(meaning, "|", "\\|"))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// wording is a field's type in words.
func wording(f field) string {
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
	case typ.Kind() == reflect.Map:
		return "by name"
	case f.enum != nil:
		return list + "`" + strings.Join(f.enum, "`, `") + "`"
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

func (g *generator) params() string {
	var b strings.Builder
	for _, f := range shape(reflect.TypeFor[Lookup]()) {
		if f.params != nil {
			fmt.Fprintf(&b, "| `%s` | `:%s` |\n", f.name, strings.Join(f.params, "`, `:"))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
