package waxwing_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing/plugins/attack"
)

// A toy is a component that somebody adds: what is new, and the one line in the one list
// that names it.
type toy struct {
	kind string
	// files are new: they come from testdata/toys.
	files []string
	// list is the file with the list, after the line of it behind which line is put. Where
	// the toy is a package, the list's file imports it, as goimports would.
	list, after, line string
}

var toys = []toy{
	{"shop", []string{"shop/toy/toy.go"}, "daemon/components.go", "var shopFormats = []waxwing.Format{", "\ttoy.Format,"},
	{"lookup", []string{"enrich/toy.go"}, "enrich/lookup.go", "\tlookup(sqlComponent(), (*SQL).open),", "\tlookup(toyComponent(), (*Toy).open),"},
	{"source", []string{"source/toytap/toytap.go"}, "daemon/components.go", "var sourceTypes = []sourceType{", "\tsourceOf(toytap.Component(), (*toytap.Settings).Open),"},
	{"stage", []string{"pipeline/stage_toy.go"}, "pipeline/kinds.go", "\tpluginsStage(),", "\ttoyStage(),"},
	{"provider", []string{"channel/toypost/toypost.go"}, "daemon/components.go", "\tprovider(twilio.Component(), (*twilio.Settings).Open),", "\tprovider(toypost.Component(), (*toypost.Settings).Open),"},
	{"store", []string{"ledger/toystore/toystore.go"}, "daemon/stores.go", "var storeTypes = []storeType{", "\tstoreOf(toystore.Component(), (*toystore.Settings).Open),"},
	{"broker", []string{"pipeline/queue/toycar/toycar.go"}, "daemon/components.go", "var brokerTypes = []brokerType{", "\tbrokerOf(toycar.Component(), (*toycar.Settings).Open),"},
	{"hook", []string{"plugins/abi/hook_salutations.go", "sdk/schema/salutations.input.json", "sdk/schema/salutations.output.json"},
		"plugins/abi/hook.go", "\t{waxwing.HookPersonalise, personalise},", "\t{\"salutations\", salutations},"},
	{"locale", []string{"locales/catalogue/fi.json"}, "locales/gen/cldr.mjs", "  'ar',", "  'fi',"},
}

// toyConfig names each of them.
const toyConfig = `http: {listen: "127.0.0.1:0"}
providers: {post: {type: toy, before: TOY}}
enrich: {names: {type: toy}}
sources: {tap: {type: toy, tenant: acme, shop: toys, events: ["7 aino@customer.example fi BEAR"]}}
ledger: {type: toy}
brokers: {car: {type: toy}}
tenants:
  acme: {name: Acme, from: orders@acme.example, locales: [en, fi], shops: {toys: {format: toy}}, plugins: {greet: {file: greet.wasm}}}
pipeline:
  - normalise
  - enrich: {from: [names], deadline: 5s}
  - plugins: {hooks: [salutations]}
  - queue: {name: stamps}
  - toy: {stamp: STAMP-7}
  - render
  - queue: {name: mail, on: car}
  - send: {providers: [post]}
`

// TestToys holds the house to its word: a component of each kind is one new file or
// package and one line in one list. It adds a toy of each to a copy of the tree, builds
// the program and has an order go through all of them. Where it fails because a second
// place must be edited, mend that place: the toys stay as small as they are.
func TestToys(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	dir, text, subject := copied(t), toyConfig, "Aino, tilauksesi TOY-7 on vahvistettu" // of shop and locale
	_, noNode := exec.LookPath("node")
	if noNode != nil {
		t.Log("the locale is left out, since its tables are written by node:", noNode)
		text, subject = strings.Replace(text, "[en, fi]", "[en]", 1), "Aino, your order TOY-7 is confirmed"
	}
	for _, x := range toys {
		if x.kind != "locale" || noNode == nil {
			add(t, dir, x)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	if noNode == nil {
		run(t, ctx, dir, "node", "locales/gen/cldr.mjs") // what is written by it is nobody's edit
	}
	run(t, ctx, dir, "go", "run", "./sdk/gen", "-C", "sdk") // nor is this
	for _, sdk := range []string{"go/types.go", "js/waxwing.d.ts", "rust/src/types.rs", "assemblyscript/types.ts", "c/types.h"} {
		if b, err := os.ReadFile(filepath.Join(dir, "sdk", sdk)); err != nil || !strings.Contains(strings.ToLower(string(b)), "salutations") {
			t.Errorf("sdk/%s does not know what salutations answers: %v", sdk, err)
		}
	}
	greet := bytes.ReplaceAll(attack.Says(`{"words":"Tervehdys"}`), []byte("personalise"), []byte("salutations")) // as many letters
	manifest := []byte(`{"name":"greet","version":"1","lang":"c","hooks":["salutations"]}`)
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "greet.wasm"), greet, 0o600), os.WriteFile(filepath.Join(dir, "plugin.json"), manifest, 0o600)); err != nil {
		t.Fatal(err)
	}
	run(t, ctx, dir, "go", "build", "-o", "toys", "./cmd/waxwing")
	if err := os.WriteFile(filepath.Join(dir, "waxwing.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, ctx, dir, "./toys", "check")
	mail := served(t, ctx, dir)
	e, err := enmime.ReadEnvelope(strings.NewReader(mail))
	if err != nil {
		t.Fatal(err)
	}
	if got := e.GetHeader("Subject"); got != subject {
		t.Errorf("subject: %s", got)
	}
	if to := e.GetHeader("To"); !strings.Contains(to, "aino@customer.example") {
		t.Errorf("to: %s", to)
	}
	if !strings.Contains(e.HTML, "https://toy.example/BEAR.png") { // of the lookup
		t.Errorf("the mail has not what the lookup found:\n%s", e.Text)
	}
	if !strings.Contains(e.Text, "STAMP-7") { // of the stage
		t.Errorf("the mail is not as the stage made it:\n%s", e.Text)
	}
	if !strings.Contains(e.Text, "Tervehdys") { // of the hook
		t.Errorf("the mail does not greet as the plugin says:\n%s", e.Text)
	}
	for name, want := range map[string]bool{"carried": true, "toys.d/ledger.db": true, "data/ledger.db": false} { // of the broker and the store
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// copied is a copy of the tree without what git and tools keep.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, p)
		switch {
		case d.IsDir() && (slices.Contains([]string{".git", "bin", "node_modules"}, p) || filepath.Base(p) == "toys"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// add puts a toy's files into the tree and its line into the list, and nothing else.
func add(t *testing.T, dir string, x toy) {
	t.Helper()
	for _, name := range x.files {
		to := filepath.Join(dir, name)
		if _, err := os.Stat(to); err == nil {
			t.Fatalf("%s: %s is not new", x.kind, name)
		}
		b, err := os.ReadFile("testdata/toys/" + name)
		if strings.HasPrefix(name, "locales/") {
			b, err = finnish()
		}
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	list := filepath.Join(dir, x.list)
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	put := func(after, line string) {
		i := slices.Index(lines, after)
		if i < 0 {
			t.Fatalf("%s: %s has no line %q", x.kind, x.list, after)
		}
		lines = slices.Insert(lines, i+1, line)
	}
	put(x.after, x.line)
	if pkg := path.Dir(x.files[0]); pkg != path.Dir(x.list) && strings.HasSuffix(x.list, ".go") {
		put("import (", "\t"+strconv.Quote(module+"/"+pkg))
	}
	if err := os.WriteFile(list, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// finnish is a catalogue, most of which is not translated.
func finnish() ([]byte, error) {
	b, err := os.ReadFile("locales/catalogue/en.json")
	if err != nil {
		return nil, err
	}
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	m["subject_named"] = "{{.FirstName}}, tilauksesi {{.Number}} on vahvistettu"
	return json.MarshalIndent(m, "", "  ")
}

func run(t *testing.T, ctx context.Context, dir, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// served runs the daemon until its provider has printed a mail, and ends it.
func served(t *testing.T, ctx context.Context, dir string) (mail string) {
	t.Helper()
	c := exec.CommandContext(ctx, "./toys", "serve")
	c.Dir = dir
	var log strings.Builder
	c.Stderr = &log
	out, err := c.StdoutPipe()
	if err := errors.Join(err, c.Start()); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for mail == "" && lines.Scan() {
		if quoted, ok := strings.CutPrefix(lines.Text(), "TOY "); ok {
			if mail, err = strconv.Unquote(quoted); err != nil {
				t.Error(err)
			}
		}
	}
	if err := errors.Join(c.Process.Signal(os.Interrupt), c.Wait()); err != nil || mail == "" {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return mail
}
