package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// project is a plugin's project while it is built.
type project struct {
	ctx   context.Context
	dir   string
	log   io.Writer
	name  string
	hooks []string
	out   string // the file name of the product, in dir
	main  string
}

// Build compiles the project in dir with its language's toolchain and returns
// the path of the module or script, NAME.wasm or NAME.js in dir. The
// toolchain's words go to log. It needs no network; where a toolchain is
// missing, the error says what to install.
func Build(ctx context.Context, dir string, log io.Writer) (module string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "plugin.json"))
	if err != nil {
		return "", fmt.Errorf("no plugin's project: %w", err)
	}
	var m struct {
		Name, Lang string
		Hooks      []string
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return "", fmt.Errorf("plugin.json: %w", err)
	}
	if !nameForm.MatchString(m.Name) {
		return "", fmt.Errorf("plugin.json: the name %.60q: use a-z, 0-9 and -, beginning with a letter, up to 40", m.Name)
	}
	l, err := findLang(m.Lang)
	if err != nil {
		return "", fmt.Errorf("plugin.json: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, Folder)); os.IsNotExist(err) {
		if _, err := writeSDK(dir, l.name); err != nil {
			return "", err
		}
	}
	p := &project{ctx: ctx, dir: dir, log: log, name: m.Name, hooks: m.Hooks, out: m.Name + l.product, main: l.main}
	if err := l.build(p); err != nil {
		return "", fmt.Errorf("building %s: %w", m.Name, err)
	}
	return filepath.Join(dir, p.out), nil
}

// run runs a program in the project's folder.
func (p *project) run(env []string, program string, args ...string) error {
	c := exec.CommandContext(p.ctx, program, args...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr = p.log, p.log
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(program), err)
	}
	return nil
}

func buildGo(p *project) error {
	program, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("%w: no Go: install 1.24 or newer from go.dev/dl", ErrToolchain)
	}
	env := []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local"}
	return p.run(env, program, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-buildmode=c-shared", "-o", p.out, ".")
}

// stack is the size of a guest's stack, in bytes: memory is copied at each
// reset, so that it is small.
const stack = "32768"

func buildRust(p *project) error {
	rustc, err := findRust(p.ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "waxwing-rust-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	library := filepath.Join(work, "libwaxwing.rlib")
	// Optimised for time: a quarter more bytes than for size, a quarter less fuel. Texts are moved
	// by memory.copy, not byte by byte.
	each := []string{"--edition", "2021", "--target", "wasm32-unknown-unknown", "-C", "opt-level=3", "-C", "target-feature=+bulk-memory",
		"-C", "panic=abort", "-C", "embed-bitcode=yes", "-C", "codegen-units=1"}
	if err := p.run(nil, rustc, append(each, "--crate-type", "rlib", "--crate-name", "waxwing",
		filepath.Join(Folder, "src", "lib.rs"), "-o", library)...); err != nil {
		return err
	}
	args := append(each, "--crate-type", "cdylib", "--crate-name", "plugin", "--extern", "waxwing="+library,
		"-C", "lto=fat", "-C", "strip=symbols", "-C", "link-arg=--strip-all", "-C", "link-arg=-zstack-size="+stack,
		"-C", "link-arg=--initial-memory=393216", "-C", "link-arg=--max-memory=1048576", p.main, "-o", p.out)
	if ld := findProgram("wasm-ld", "wasm-ld-19", "wasm-ld-16", "wasm-ld-15", "wasm-ld-14"); ld != "" {
		args = append(args, "-C", "linker="+ld)
	}
	return p.run(nil, rustc, args...)
}

// buildC compiles and calls the linker by itself: clang, where it links, runs the
// wasm-opt that it finds on the PATH (binaryen) over the module, and Debian's
// refuses the sign extension and bulk memory that the module uses.
func buildC(p *project) error {
	clang, linker, err := findClang(p.ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "waxwing-c-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var objects []string
	for _, glob := range []string{filepath.Join(Folder, "*.c"), "src/*.c"} {
		found, err := filepath.Glob(filepath.Join(p.dir, filepath.FromSlash(glob)))
		if err != nil {
			return err
		}
		for _, f := range found {
			rel, err := filepath.Rel(p.dir, f)
			if err != nil {
				return err
			}
			object := filepath.Join(work, fmt.Sprint(len(objects), ".o"))
			if err := p.run(nil, clang, "--target=wasm32-unknown-unknown", "-std=c11", "-O2", "-Wall", "-Wextra", "-ffreestanding",
				"-fno-exceptions", "-fvisibility=hidden", "-mbulk-memory", "-msign-ext", "-mnontrapping-fptoint", "-I", Folder,
				"-c", rel, "-o", object); err != nil {
				return err
			}
			objects = append(objects, object)
		}
	}
	args := append([]string{"-m", "wasm32", "--no-entry", "--strip-all", "-O2",
		"-z", "stack-size=" + stack, "--initial-memory=262144", "--max-memory=1048576", "-o", p.out}, objects...)
	return p.run(nil, linker, args...)
}

func buildAssemblyScript(p *project) error {
	node, asc, err := findAssemblyScript(p.dir)
	if err != nil {
		return err
	}
	return p.run([]string{"NODE_OPTIONS="}, node, asc, p.main, "--outFile", p.out, "--runtime", "stub", "--exportStart", "_initialize",
		"--use", "abort="+Folder+"/host/abort", "--initialMemory", "8", "--maximumMemory", "16",
		"--optimizeLevel", "3", "--shrinkLevel", "0", "--noColors")
}

// buildJS checks a script and copies it: there is nothing to compile.
func buildJS(p *project) error {
	from := filepath.Join(p.dir, filepath.FromSlash(p.main))
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(b)) == "" {
		return fmt.Errorf("%s is empty", p.main)
	}
	for _, h := range p.hooks {
		if err := definesHook(p.main, string(b), h); err != nil {
			return err
		}
	}
	if node := findProgram("node"); node != "" {
		if err := p.run([]string{"NODE_OPTIONS="}, node, "--check", p.main); err != nil {
			return err
		}
	}
	for _, w := range ScriptWarnings(p.main, string(b)) {
		_, _ = fmt.Fprintln(p.log, w) // only a warning
	}
	return os.WriteFile(filepath.Join(p.dir, p.out), b, 0o644)
}
