package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// That projects build and pass their fixtures is tested in plugins/examples,
// where there is a host to run them.

func TestScaffoldWritesAWholeProject(t *testing.T) {
	for _, lang := range Langs() {
		for _, hook := range Hooks() {
			dir := filepath.Join(t.TempDir(), "new", "p")
			files, err := Scaffold(dir, "my-plugin", lang, hook)
			if err != nil {
				t.Fatalf("%s %s: %v", lang, hook, err)
			}
			l, _ := findLang(lang)
			for _, want := range []string{"plugin.json", "Makefile", "README.md", ".gitignore", l.main} {
				if !slices.Contains(files, want) {
					t.Errorf("%s %s: no %s among %v", lang, hook, want, files)
				}
			}
			var there []string
			err = fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					there = append(there, p)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(there)
			if !slices.Equal(there, files) {
				t.Errorf("%s %s: it says %v, and wrote %v", lang, hook, files, there)
			}
			for _, f := range there {
				b, err := os.ReadFile(filepath.Join(dir, f))
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(b, []byte("<<.")) || strings.HasSuffix(f, ".tmpl") || strings.HasSuffix(f, "_test.go") {
					t.Errorf("%s %s: %s is a template, or a test of ours", lang, hook, f)
				}
			}
			if !strings.HasPrefix(there[len(there)-1], Folder) && !slices.ContainsFunc(there, func(f string) bool { return strings.HasPrefix(f, Folder+"/") }) {
				t.Errorf("%s %s: no SDK", lang, hook)
			}
		}
	}
}

func TestScaffoldRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dir, name, lang, hook, want string }{
		{full, "p", "go", "filter", "not empty"},
		{t.TempDir(), "P", "go", "filter", "a-z"},
		{t.TempDir(), "../p", "go", "filter", "a-z"},
		{t.TempDir(), "p", "cobol", "filter", "choose from go, rust"},
		{t.TempDir(), "p", "go", "send_time", "choose from normalise"},
	} {
		_, err := Scaffold(c.dir, c.name, c.lang, c.hook)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s %s: %v, want %q", c.name, c.lang, c.hook, err, c.want)
		}
		if entries, _ := os.ReadDir(c.dir); c.dir != full && len(entries) > 0 {
			t.Errorf("%s %s %s: it wrote something", c.name, c.lang, c.hook)
		}
	}
}

func TestBuildSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("RUSTC", "")
	t.Setenv("CLANG", "")
	for lang, want := range map[string]string{"go": "go.dev", "rust": "libstd-rust-dev-wasm32", "c": "apt-get install clang lld", "assemblyscript": "nodejs.org"} {
		dir := filepath.Join(t.TempDir(), lang)
		if _, err := Scaffold(dir, "p", lang, "filter"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat("/usr/bin/rustc"); err == nil && lang == "rust" {
			continue // it is found without the PATH, on purpose
		}
		_, err := Build(context.Background(), dir, io.Discard)
		if !errors.Is(err, ErrToolchain) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", lang, err, want)
		}
	}
}

func TestBuildJS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	if _, err := Scaffold(dir, "p", "js", "filter"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, Folder)); err != nil {
		t.Fatal(err)
	}
	module, err := Build(context.Background(), dir, io.Discard)
	if err != nil || module != filepath.Join(dir, "p.js") {
		t.Fatal(module, err)
	}
	if _, err := os.Stat(filepath.Join(dir, Folder, "waxwing.d.ts")); err != nil {
		t.Error("the SDK was not written again:", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "src", "main.js"), []byte("const filter = () => ({});\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(context.Background(), dir, io.Discard); err == nil || !strings.Contains(err.Error(), "no global function filter") {
		t.Error(err) // const makes no property of the global object
	}
}

func TestBuildShowsTheCompilersWords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	if _, err := Scaffold(dir, "p", "go", "filter"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { thesis() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err := Build(context.Background(), dir, &log); err == nil || !strings.Contains(log.String(), "main.go:3") {
		t.Errorf("%v: %s", err, log.String())
	}
	if err := os.WriteFile(filepath.Join(dir, "plugin.json"), []byte(`{"name":"../../p","lang":"go"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(context.Background(), dir, &log); err == nil || !strings.Contains(err.Error(), "a-z") {
		t.Error("a name that leads out of the folder:", err)
	}
}

// TestGoNamesAsInTheLibrary: a plugin may have the name of a standard package.
func TestGoNamesAsInTheLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds")
	}
	dir := filepath.Join(t.TempDir(), "p")
	if _, err := Scaffold(dir, "time", "go", "filter"); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err := Build(context.Background(), dir, &log); err != nil {
		t.Errorf("%v: %s", err, log.String())
	}
}

func TestOneAssemblyScript(t *testing.T) {
	for _, f := range []string{"project/assemblyscript/package.json.tmpl", "../plugins/examples/vip-hold/package.json"} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var p struct{ DevDependencies map[string]string }
		if err := json.Unmarshal(b, &p); err != nil {
			t.Fatal(err)
		}
		if p.DevDependencies["assemblyscript"] != AssemblyScript {
			t.Errorf("%s pins %q, the SDK is tested with %s", f, p.DevDependencies["assemblyscript"], AssemblyScript)
		}
	}
}
