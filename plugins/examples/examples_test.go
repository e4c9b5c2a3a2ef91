// Package examples_test builds every example and every starter with the SDKs
// and holds what they answer to their fixtures and to the hooks' schemas.
package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tetratelabs/wazero"

	"github.com/waxwinghq/waxwing/sdk"
	"github.com/waxwinghq/waxwing/shop/generic"
)

var update = flag.Bool("update", false, "write what the examples answer into their fixtures")

func TestExamples(t *testing.T) {
	dirs, err := filepath.Glob("*/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		d = filepath.Dir(d)
		t.Run(d, func(t *testing.T) {
			// A copy: what stands in waxwing/ here may be of an older SDK.
			to := filepath.Join(t.TempDir(), d)
			if err := os.CopyFS(to, source{os.DirFS(d)}); err != nil {
				t.Fatal(err)
			}
			judge(t, to, d)
		})
	}
}

// source is a project without what is built or written by a build.
type source struct{ fs.FS }

// ReadDir leaves out what git ignores.
func (s source) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == sdk.Folder || e.Name() == "node_modules" || strings.HasSuffix(e.Name(), ".wasm") || e.Name() == name+".js"
	}), err
}

// TestStarters makes a project of each language for each hook.
func TestStarters(t *testing.T) {
	for _, lang := range sdk.Langs() {
		for _, hook := range sdk.Hooks() {
			t.Run(lang+"/"+hook, func(t *testing.T) {
				if testing.Short() && (lang == "go" || lang == "assemblyscript") && hook != "normalise" {
					t.Skip("slow to build")
				}
				dir := filepath.Join(t.TempDir(), "p")
				if _, err := sdk.Scaffold(dir, "try-"+strings.ReplaceAll(hook, "_", "-"), lang, hook); err != nil {
					t.Fatal(err)
				}
				judge(t, dir, "")
			})
		}
	}
}

// judge builds a project and runs its fixtures; with -update it writes them to
// the folder home.
func judge(t *testing.T, dir, home string) {
	t.Helper()
	manifest := struct {
		Lang  string
		Hooks []string
	}{}
	b, err := os.ReadFile(filepath.Join(dir, "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	validate(t, "manifest.json", b)
	if err := json.Unmarshal(b, &manifest); err != nil {
		t.Fatal(err)
	}
	module := build(t, dir)
	fixtures := load(t, dir)
	var answer func(*fixture) ([]byte, error)
	if manifest.Lang == "js" {
		answer = script(t, dir, module)
	} else {
		config := wazero.NewRuntimeConfigCompiler()
		if manifest.Lang == "go" {
			config = wazero.NewRuntimeConfigInterpreter() // compiling its runtime takes longer than interpreting a few calls
		}
		h := newHost(t, config)
		m := h.compile(t, module, manifest.Lang, manifest.Hooks)
		answer = func(f *fixture) ([]byte, error) { return h.call(t, m, manifest.Lang, f.Hook, compact(t, f.Input)) }
		if home == "" && manifest.Hooks[0] == "recommend" {
			oddities(t, func(in string) ([]byte, error) {
				out, err := h.call(t, m, manifest.Lang, "recommend", []byte(in))
				if err != nil && h.said == "" {
					t.Errorf("%.60q: not by ww_1.fail: %v", in, err)
				}
				return out, err
			})
		}
	}
	for name, f := range fixtures {
		validate(t, f.Hook+".input.json", f.Input)
		got, err := answer(f)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
			continue
		case home != "" && *update:
			f.Output = got
			write(t, filepath.Join(home, "fixtures", name), f)
		case f.Output == nil:
			t.Errorf("%s has no output: run with -update", name)
		case !same(got, f.Output):
			t.Errorf("%s (%s)\n got %s\nwant %s", name, f.Name, text(got), text(f.Output))
		}
		validate(t, f.Hook+".output.json", got)
		if f.Hook == "normalise" && !same(got, []byte("{}")) {
			if _, err := generic.Format.Normalise("", got); err != nil {
				t.Errorf("%s: the generic order's reader says: %v", name, err)
			}
		}
	}
}

// oddities holds the JSON of an SDK to what JSON is, by the starter of
// recommend, which gives texts back as they are.
func oddities(t *testing.T, ask func(string) ([]byte, error)) {
	t.Helper()
	deep := strings.Repeat("[", 50000)
	for in, want := range map[string]string{
		` { "abi" : 1 , "hook" : "recommend" } `:                                  `{}`,
		`{"customer":null,"items":null,"locale":null,"candidates":null}`:          `{}`,
		`{"later":{"a":[1,-2.5e+3,{"b":null}],"c":"\\"},"customer":{"later":[]}}`: `{}`,
		`{"c\u0061ndidates":[{"sku":"A"}]}`:                                       `{"skus":["A"]}`,
		`{"candidates":[{"sku":"\u0007\b\f\n\r\t\"\\\/\u2028\ud83d\ude00é"}]}`:    `{"skus":["\u0007\b\f\n\r\t\"\\/\u2028😀é"]}`,
		`{"candidates":[{"sku":""},{"sku":"\u0000"}],"items":[{"quantity":-0}]}`:  `{"skus":["\u0000"]}`,
		`{"customer":{"orders":9007199254740993}}`:                                `{}`,
		`{"lane":{"delays_h":[1e2,0.1,-3,1E-2]},"baskets":[[],["a"]]}`:            `{}`,
	} {
		if out, err := ask(in); err != nil || !same(out, []byte(want)) {
			t.Errorf("%s\n got %s, %v\nwant %s", in, out, err, want)
		}
	}
	for _, in := range []string{
		``, `{`, `{}}`, `{} x`, `[]`, `null x`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":[1,]}`, `{"a":[1 2]}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`,
		`{"a":1e}`, `{"a":.5}`, `{"a":+1}`, `{"a":tru}`, `{"a":nul}`, `{"a":"`, `{"a":"\`, `{"a":"\q"}`, `{"a":"\u12"}`, `{"a":"\u12`, "{\"a\":\"\n\"}",
		`{'a':1}`, `{"customer":1}`, `{"customer":{"orders":"1"}}`, `{"customer":{"orders":1.5}}`, `{"customer":{"first_name":1}}`, `{"items":{}}`,
		`{"lane":{"delays_h":[1e999]}}`, `{"lane":{"delays_h":["1"]}}`, `{"abi":true}`, deep, `{"later":` + deep,
	} {
		if out, err := ask(in); err == nil {
			t.Errorf("%.60q: it answered %s", in, out)
		}
	}
}

func build(t *testing.T, dir string) string {
	t.Helper()
	var log bytes.Buffer
	module, err := sdk.Build(context.Background(), dir, &log)
	switch {
	case errors.Is(err, sdk.ErrToolchain) && os.Getenv("WAXWING_REQUIRE_SERVICES") != "1":
		t.Skip(err)
	case err != nil:
		t.Fatalf("%v\n%s", err, log.String())
	}
	if log.Len() > 0 {
		t.Logf("the toolchain said: %s", log.String())
	}
	return module
}

func load(t *testing.T, dir string) map[string]*fixture {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "fixtures", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures: ", err)
	}
	out := map[string]*fixture{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		validate(t, "fixture.json", b)
		f := new(fixture)
		if err := json.Unmarshal(b, f); err != nil {
			t.Fatal(file, err)
		}
		out[filepath.Base(file)] = f
	}
	return out
}

func write(t *testing.T, file string, f *fixture) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(f); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func compact(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// script runs a JavaScript plugin in node, by the shim of its SDK.
func script(t *testing.T, dir, module string) func(*fixture) ([]byte, error) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("WAXWING_REQUIRE_SERVICES") == "1" {
			t.Fatal("no node")
		}
		t.Skip("no node: a script is built, and not run")
	}
	return func(f *fixture) ([]byte, error) {
		file := filepath.Join(t.TempDir(), "fixture.json")
		write(t, file, f)
		c := exec.Command(node, filepath.Join(dir, sdk.Folder, "run.mjs"), module, file)
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("node: %w", err)
		}
		var answer struct {
			Output json.RawMessage
			Error  string
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return nil, err
		}
		if answer.Error != "" {
			return nil, errors.New(answer.Error)
		}
		return answer.Output, nil
	}
}

var schemas = map[string]*jsonschema.Schema{}

// validate holds a document to one of the SDK's schemas.
func validate(t *testing.T, name string, document []byte) {
	t.Helper()
	s := schemas[name]
	if s == nil {
		c := jsonschema.NewCompiler()
		add := func(at string, b []byte) {
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
			if err != nil {
				t.Fatal(at, err)
			}
			if m, ok := doc.(map[string]any); ok {
				delete(m, "$id") // they are found by their place
			}
			if err := c.AddResource(at, doc); err != nil {
				t.Fatal(err)
			}
		}
		files, err := fs.Glob(sdk.Schemas(), "*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := fs.ReadFile(sdk.Schemas(), f)
			if err != nil {
				t.Fatal(err)
			}
			add("file:///sdk/schema/"+f, b)
		}
		add("file:///shop/generic/schema.json", generic.Schema)
		if s, err = c.Compile("file:///sdk/schema/" + name); err != nil {
			t.Fatal(err)
		}
		schemas[name] = s
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Errorf("%s: %v in %s", name, err, document)
		return
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, document)
	}
}
