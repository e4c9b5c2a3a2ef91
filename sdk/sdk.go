// Package sdk holds what the authors of plugins work with: the SDKs of five
// languages, the schemas of the hooks and the projects that "waxwing plugin
// new" writes; and it builds such projects with the toolchains it finds.
package sdk

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:generate go run ./gen

//go:embed schema go rust c assemblyscript js project
var files embed.FS

// Folder is where the SDK stands in a project. Build writes it where it is
// missing, so that removing it brings it up to date.
const Folder = "waxwing"

// lang is one language: where its parts stand.
type lang struct {
	name string
	// main is the file that an author writes.
	main string
	// product is the extension of what is built.
	product string
	build   func(*project) error
}

var langs = []lang{
	{"go", "main.go", ".wasm", buildGo},
	{"rust", "src/lib.rs", ".wasm", buildRust},
	{"c", "src/plugin.c", ".wasm", buildC},
	{"assemblyscript", "assembly/index.ts", ".wasm", buildAssemblyScript},
	{"js", "src/main.js", ".js", buildJS},
}

// hooks are those of ABI 1, with what a starter needs to know.
var hooks = []struct {
	name   string
	needs  []string
	config map[string]string
	says   []string // reasons
}{
	{"normalise", nil, nil, nil},
	{"filter", []string{"items"}, map[string]string{"max_quantity": "50"}, []string{"large order"}},
	{"recommend", []string{"items", "candidates"}, nil, nil},
	{"predict_delay", []string{"lane"}, nil, nil},
	{"personalise", []string{"customer.first_name", "customer.orders"}, nil, nil},
}

// Langs are the languages that a plugin may be written in.
func Langs() []string {
	var out []string
	for _, l := range langs {
		out = append(out, l.name)
	}
	return out
}

// Hooks are those that a project may be started for.
func Hooks() []string {
	var out []string
	for _, h := range hooks {
		out = append(out, h.name)
	}
	return out
}

// Schemas are the JSON Schemas: HOOK.input.json, HOOK.output.json,
// manifest.json, fixture.json, and input.json, to which inputs refer.
func Schemas() fs.FS {
	sub, err := fs.Sub(files, "schema")
	if err != nil {
		panic(err) // it is embedded
	}
	return sub
}

func findLang(name string) (*lang, error) {
	i := slices.IndexFunc(langs, func(l lang) bool { return l.name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no SDK for %.40q: choose from %s", name, strings.Join(Langs(), ", "))
	}
	return &langs[i], nil
}

// writeSDK copies a language's SDK to dir/waxwing.
func writeSDK(dir, lang string) (written []string, err error) {
	err = fs.WalkDir(files, lang, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, "_test.go") {
			return err
		}
		b, err := files.ReadFile(p)
		if err != nil {
			return err
		}
		to := path.Join(Folder, strings.TrimPrefix(p, lang+"/"))
		written = append(written, to)
		return writeFile(dir, to, b)
	})
	return written, err
}

func writeFile(dir, name string, b []byte) error {
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}
