package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
	"github.com/waxwinghq/waxwing/sdk"
)

// pluginCmd are the author's tools.
type pluginCmd struct {
	New      pluginNewCmd      `cmd:"" help:"Write a project that builds without a network: the SDK, a working start, fixtures."`
	Build    pluginBuildCmd    `cmd:"" help:"Build a project's module or script with its language's toolchain."`
	Check    pluginCheckCmd    `cmd:"" help:"Check a plugin as the daemon will: each breach with the limit and the function."`
	Test     pluginTestCmd     `cmd:"" help:"Run the fixtures, and inputs that nobody thinks of."`
	Bench    pluginBenchCmd    `cmd:"" help:"Measure fuel, time and memory against the limits."`
	Sign     pluginSignCmd     `cmd:"" help:"Sign a plugin, or make a key to sign with."`
	Push     pluginPushCmd     `cmd:"" help:"Send a plugin to a daemon: check, shadow, canary, active."`
	List     pluginListCmd     `cmd:"" help:"Show a tenant's plugins and their versions."`
	Runs     pluginRunsCmd     `cmd:"" help:"Show what a plugin did on orders, or one run whole."`
	Replay   pluginReplayCmd   `cmd:"" help:"Run a recorded run again: the same output and the same fuel."`
	Logs     pluginLogsCmd     `cmd:"" help:"Show what a plugin logged; -f follows."`
	Approve  pluginApproveCmd  `cmd:"" help:"Approve what a version that waits needs to see of an order."`
	Promote  pluginPromoteCmd  `cmd:"" help:"Let the version in shadow or canary serve all orders."`
	Rollback pluginRollbackCmd `cmd:"" help:"Put the version before back at once."`
	Withdraw pluginWithdrawCmd `cmd:"" help:"Take a plugin out of service, its version in shadow or canary too."`
}

type pluginNewCmd struct {
	Lang string `required:"" placeholder:"LANG" help:"go, rust, c, assemblyscript or js."`
	Hook string `default:"personalise" help:"filter, recommend, predict_delay, personalise or normalise."`
	Name string `help:"The plugin's name; the folder's by default." placeholder:"NAME"`
	Dir  string `arg:"" help:"The folder to write; it must be empty or not there yet." type:"path"`
}

// Run writes a project and says what to do with it.
func (c pluginNewCmd) Run(s streams) error {
	name := cmp.Or(c.Name, strings.ToLower(filepath.Base(c.Dir)))
	files, err := sdk.Scaffold(c.Dir, name, c.Lang, c.Hook)
	if err != nil {
		return err
	}
	shown := relative(c.Dir)
	_, err = fmt.Fprintf(s.out, "%s: %d files of a plugin in %s that fills the hook %s.\n\n  waxwing plugin build %s\n  waxwing plugin test %s\n  waxwing plugin push %s --url http://127.0.0.1:8080 --tenant TENANT --key KEY\n",
		shown, len(files), c.Lang, c.Hook, shown, shown, shown)
	return err
}

func relative(dir string) string {
	if wd, err := os.Getwd(); err == nil {
		if r, err := filepath.Rel(wd, dir); err == nil && !strings.HasPrefix(r, "..") {
			return r
		}
	}
	return dir
}

// pluginDir names a project.
type pluginDir struct {
	Dir string `arg:"" optional:"" default:"." help:"The project's folder." type:"path"`
}

type pluginBuildCmd struct{ pluginDir }

// Run builds, then checks what was built.
func (c pluginBuildCmd) Run(s streams) error {
	p, err := sdk.Build(context.Background(), c.Dir, s.err)
	if err != nil {
		return err
	}
	a, err := openProject(c.Dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s: %d bytes, within every limit.\n", relative(p), len(a.body))
	return err
}

// project is a plugin as its author has it.
type project struct {
	dir      string
	file     string // what was built
	raw      []byte // plugin.json
	manifest *abi.Manifest
	body     []byte
	code     *sandbox.Code
}

// openProject reads a project's manifest and product and checks them.
func openProject(dir string) (*project, error) {
	p := &project{dir: dir}
	var err error
	if p.raw, err = os.ReadFile(filepath.Join(dir, "plugin.json")); err != nil {
		return nil, fmt.Errorf("%s is no plugin's project: %w", relative(dir), err)
	}
	if p.manifest, err = abi.ParseManifest(p.raw); err != nil {
		return nil, err
	}
	ext := ".wasm"
	if p.manifest.Lang == abi.LangJS {
		ext = ".js"
	}
	p.file = filepath.Join(dir, p.manifest.Name+ext)
	if p.body, err = os.ReadFile(p.file); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there: run \"waxwing plugin build %s\" first", relative(p.file), relative(dir))
	} else if err != nil {
		return nil, err
	}
	p.code, err = sandbox.Prepare(p.manifest, p.body, abi.Limits{})
	return p, err
}

// sayStale warns where a source is newer than what was built of it.
func (p *project) sayStale(s streams) {
	if err := p.stale(); err != nil {
		_, _ = fmt.Fprintln(s.err, err)
	}
}

// stale says which source is newer than what was built of it: an author changes a
// line, forgets to build, and wonders, or trusts tests of what he no longer has.
func (p *project) stale() (old error) {
	built, err := os.Stat(p.file)
	if err != nil {
		return err
	}
	_ = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil { // what cannot be read is no newer
			return fs.SkipAll
		}
		switch name := d.Name(); {
		case d.IsDir() && (name == sdk.Folder || name == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || path == p.file || !slices.Contains(sources, filepath.Ext(name)):
			return nil
		}
		if st, err := d.Info(); err == nil && st.ModTime().After(built.ModTime()) {
			old = fmt.Errorf("%s is newer than %s: run \"waxwing plugin build %s\" to take it in", relative(path), relative(p.file), relative(p.dir))
			return fs.SkipAll
		}
		return nil
	})
	return old
}

// sources are the extensions of what authors write.
var sources = []string{".js", ".go", ".rs", ".c", ".h", ".ts"}

// fixtures are the project's, by file name.
func (p *project) fixtures() (files []string, out []abi.Fixture, raw [][]byte, err error) {
	files, err = filepath.Glob(filepath.Join(p.dir, "fixtures", "*.json"))
	if err != nil {
		return nil, nil, nil, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, nil, nil, err
		}
		x, err := abi.ParseFixture(b)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", relative(f), err)
		}
		out, raw = append(out, x), append(raw, b)
	}
	return files, out, raw, nil
}

// benchEngine is an engine of the author's own, gone at the end.
func benchEngine() (e *sandbox.Engine, done func(), err error) {
	dir, err := os.MkdirTemp("", "waxwing-plugin-")
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	o := sandbox.EngineOptions{Cache: dir, Key: key, Child: []string{self, daemon.CompileChild}}
	if strings.HasSuffix(self, ".test") {
		o.Child = nil // a test of the command line
	}
	e, err = sandbox.NewEngine(o)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return e, func() { _ = e.Close(); _ = os.RemoveAll(dir) }, nil
}

type pluginCheckCmd struct{ pluginDir }

// Run checks as an upload is checked, fixtures too.
func (c pluginCheckCmd) Run(s streams) error {
	p, err := openProject(c.Dir)
	if err != nil {
		return err
	}
	p.sayStale(s)
	if p.manifest.Lang == abi.LangJS {
		for _, w := range sdk.ScriptWarnings(relative(p.file), string(p.body)) {
			_, _ = fmt.Fprintln(s.err, w)
		}
	}
	e, done, err := benchEngine()
	if err != nil {
		return err
	}
	defer done()
	_, fixtures, _, err := p.fixtures()
	if err != nil {
		return err
	}
	if err := e.Compile(context.Background(), p.code); err != nil {
		return err
	}
	if err := sandbox.Try(context.Background(), e, p.manifest, p.code, fixtures); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s %s would be taken: %s, %d bytes, %d fixtures alike on compiler and interpreter.\n",
		p.manifest.Name, p.manifest.Version, p.manifest.Lang, len(p.body), len(fixtures))
	return err
}

type pluginTestCmd struct {
	pluginDir
	Update bool `help:"Write the outputs into the fixtures instead of comparing."`
}

// Run runs fixtures, then hostile inputs: those must not make the plugin fail.
func (c pluginTestCmd) Run(s streams) error {
	p, err := openProject(c.Dir)
	if err != nil {
		return err
	}
	if err := p.stale(); err != nil {
		return fmt.Errorf("what would be tested is old: %w", err)
	}
	e, done, err := benchEngine()
	if err != nil {
		return err
	}
	defer done()
	if err := e.Compile(context.Background(), p.code); err != nil {
		return err
	}
	files, fixtures, _, err := p.fixtures()
	if err != nil {
		return err
	}
	bad, differ := 0, false
	say := func(name string, res sandbox.Result, err error) {
		word := "ok  "
		if err != nil {
			word, bad, differ = "FAIL", bad+1, differ || res.Fault == nil
		}
		_, _ = fmt.Fprintf(s.out, "%s  %-44s %10d fuel %8s\n", word, clipped(name, 44), res.Fuel, res.Took.Round(time.Microsecond))
		if err != nil {
			_, _ = fmt.Fprintf(s.out, "      %v\n", err)
		}
		for line := range strings.Lines(string(res.Log)) {
			_, _ = fmt.Fprintf(s.out, "      | %s\n", strings.TrimRight(line, "\n"))
		}
	}
	for i := range fixtures {
		f := &fixtures[i]
		if c.Update {
			f.Output = nil
		}
		res, err := e.Fixture(p.code, f, time.Second)
		say(cmp.Or(f.Name, filepath.Base(files[i])), res, err)
		if c.Update && err == nil {
			f.Output = json.RawMessage(res.Output)
			b, err := json.MarshalIndent(f, "", "  ")
			if err != nil {
				return err
			}
			if err := os.WriteFile(files[i], append(b, '\n'), 0o644); err != nil {
				return err
			}
		}
	}
	for _, h := range p.manifest.Hooks {
		for _, f := range abi.HostileFixtures(h, p.manifest) {
			res, err := e.Fixture(p.code, &f, time.Second)
			say(f.Name, res, err)
		}
	}
	_, _ = fmt.Fprintf(s.out, "%d fixtures, %d failed\n", len(fixtures), bad)
	switch {
	case differ:
		return errors.New("the plugin does not pass its tests; where an output differs and the new one is right, --update writes it")
	case bad > 0:
		return errors.New("the plugin does not pass its tests: mend what failed; --update records outputs only")
	}
	return nil
}

func clipped(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

type pluginBenchCmd struct {
	pluginDir
	Calls int `default:"500" help:"Calls of each fixture."`
}

// Run measures each fixture and says how much of each limit it takes.
func (c pluginBenchCmd) Run(s streams) error {
	p, err := openProject(c.Dir)
	if err != nil {
		return err
	}
	p.sayStale(s)
	e, done, err := benchEngine()
	if err != nil {
		return err
	}
	defer done()
	start := time.Now()
	if err := e.Compile(context.Background(), p.code); err != nil {
		return err
	}
	compiled := time.Since(start)
	start = time.Now()
	if err := e.Warm(p.code); err != nil {
		return err
	}
	loaded := time.Since(start)
	_, fixtures, _, err := p.fixtures()
	if err != nil {
		return err
	}
	if len(fixtures) == 0 {
		return errors.New("there are no fixtures to measure: put one into fixtures/")
	}
	l := p.code.Limits()
	_, _ = fmt.Fprintf(s.out, "%-36s %12s %7s %9s %9s %7s %8s\n", "fixture", "fuel", "of", "p50", "p99", "of", "output")
	for i := range fixtures {
		f := &fixtures[i]
		var took []time.Duration
		var res sandbox.Result
		for range max(c.Calls, 1) {
			if res, err = e.Fixture(p.code, f, time.Second); err != nil {
				return err
			}
			took = append(took, res.Took)
		}
		slices.Sort(took)
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		_, _ = fmt.Fprintf(s.out, "%-36s %12d %6.1f%% %9s %9s %6.1f%% %7.1f%%\n", clipped(f.Name, 36), res.Fuel, 100*float64(res.Fuel)/float64(l.Fuel),
			p50.Round(time.Microsecond), p99.Round(time.Microsecond), 100*float64(p99)/float64(l.Wall), 100*float64(len(res.Output))/float64(l.Output))
	}
	held, _ := e.Usage()
	limit := l.Module
	switch p.manifest.Lang {
	case abi.LangGo:
		limit = l.ModuleGo
	case abi.LangJS:
		limit = l.Script
	}
	_, err = fmt.Fprintf(s.out, "module %d bytes (%.1f%%), compiled in %s, loaded in %s, %d KiB of memory while loaded\n", len(p.body),
		100*float64(len(p.body))/float64(limit), compiled.Round(time.Millisecond), loaded.Round(time.Millisecond), held>>10)
	return err
}
