package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/waxwinghq/waxwing"
)

// cache is the folder of native code. The daemon never compiles: a child does,
// and the daemon loads only what carries its own seal. Native code is as good
// as the daemon itself, so a file that was changed must not be loaded.
type cache struct {
	dir   string // wazero's folder is below it
	key   []byte
	child []string
	log   *slog.Logger
	turn  sync.Mutex // one compilation at a time, checks not counted
	one   sync.Mutex // who writes seals; held for no longer than that: each upload ends with it
	kept  *instrumented
}

// seal stands beside each file: which one it is, and its code.
type seal struct {
	File string `json:"file"`
	Size int64  `json:"size"`
	MAC  string `json:"mac"`
	// Source is the key of the code that it was made of; "" where an older
	// program wrote it, or where it is ours.
	Source string `json:"source,omitempty"`
}

const (
	compileTime  = 25 * time.Second // of a processor
	compileWall  = 30 * time.Second
	maxNative    = 256 << 20 // bytes of one module's native code
	compileAgain = "Try a smaller module: fewer and smaller functions, optimised for size"
)

// CompileEvery is how long nobody tries again to compile what could not be compiled: as long
// as a try may take.
const CompileEvery = compileWall * raceSlowdown

// openCache makes the folder of this processor and this wazero.
func openCache(dir string, key []byte, child []string, log *slog.Logger) (*cache, error) {
	if dir == "" || len(key) < 16 {
		return nil, errors.New("plugin cache: it needs a folder and a key")
	}
	dir = filepath.Join(dir, processor())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("plugin cache: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("plugin cache: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "compile-*")) // of a daemon that was killed
	if err != nil {
		return nil, fmt.Errorf("plugin cache: %w", err)
	}
	for _, d := range left {
		_ = os.RemoveAll(d) // it takes room, no more
	}
	return &cache{dir: dir, key: key, child: child, log: log, kept: newInstrumented(dir)}, nil
}

// processor tells processors apart whose native code differs: wazero's own key
// has the processor's features in it, and a miss would make it compile here.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo") // none: one name for all
	var flags []byte
	for line := range bytes.SplitSeq(b, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("flags")) || bytes.HasPrefix(line, []byte("Features")) {
			flags = line
			break
		}
	}
	sum := sha256.Sum256(append(flags, runtime.GOARCH+runtime.GOOS...))
	return "native-" + hex.EncodeToString(sum[:6])
}

func (c *cache) name(wasm []byte) string {
	sum := sha256.Sum256(wasm)
	return hex.EncodeToString(sum[:])
}

// has reports whether the module's native code is there and is what the child
// wrote, and how many bytes it has.
func (c *cache) has(wasm []byte) (size int64, err error) { return c.hasNamed(c.name(wasm)) }

// hasNamed is has for whoever knows the module's name.
func (c *cache) hasNamed(name string) (size int64, err error) {
	s, err := c.read(name)
	if err != nil {
		return 0, err
	}
	sum, size, err := c.mac(name, filepath.Join(c.dir, s.File), s.File)
	want, _ := hex.DecodeString(s.MAC) // what is no hex is not equal
	if err != nil || !hmac.Equal(sum, want) {
		return 0, c.refuse(name, s)
	}
	return size, nil
}

func (c *cache) refuse(name string, s seal) error {
	c.log.Error("compiled code was changed outside of the daemon, or is gone; it is compiled again", "module", name[:12])
	_ = os.Remove(filepath.Join(c.dir, name+".seal")) // gone is as good
	if s.File != "" && !strings.Contains(s.File, "..") {
		_ = os.Remove(filepath.Join(c.dir, s.File))
	}
	return ErrNotCompiled
}

func (c *cache) mac(name, path, file string) ([]byte, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	h := hmac.New(sha256.New, c.key)
	_, _ = io.WriteString(h, name+"\x00"+file+"\x00")
	n, err := io.Copy(h, io.LimitReader(f, maxNative+1))
	return h.Sum(nil), n, err
}

// compile has the child compile and seals what it wrote. The child gets a
// folder of its own, so that one that was taken over can spoil its own only.
// source says whose it is: the key of the code that it was made of.
func (c *cache) compile(ctx context.Context, wasm []byte, source string) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	if _, err := c.has(wasm); err == nil {
		return c.keep("", wasm, source)
	}
	work, err := os.MkdirTemp(c.dir, "compile-")
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if len(c.child) == 0 {
		err = compileInto(ctx, work, wasm)
	} else {
		_, err = c.run(ctx, childCompile, work, bytes.NewReader(wasm), compileTime, compileWall)
	}
	if err != nil {
		return err
	}
	return c.keep(work, wasm, source)
}

// keep takes what was compiled in a folder, or what is there already, maybe of
// another, who put the same meanwhile.
func (c *cache) keep(work string, wasm []byte, source string) error {
	c.one.Lock()
	defer c.one.Unlock()
	if _, err := c.has(wasm); err == nil {
		return c.claim(wasm, source)
	} else if work == "" {
		return err // it was removed meanwhile
	}
	return c.adopt(work, wasm, source)
}

// check has the child check an upload and keeps the native code that it made.
func (c *cache) check(ctx context.Context, x *errand, code *Code, engine []byte, most time.Duration) (took time.Duration, err error) {
	work, err := os.MkdirTemp(c.dir, "compile-")
	if err != nil {
		return 0, fmt.Errorf("check: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if engine != nil {
		if x.Engine, err = c.lend(engine, filepath.Join(work, processor())); err != nil {
			return 0, fmt.Errorf("check: %w", err)
		}
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(x); err != nil {
		return 0, fmt.Errorf("check: %w", err)
	}
	took, err = c.run(ctx, childCheck, work, &b, most, checkWall)
	if err != nil || engine != nil {
		return took, err
	}
	return took, c.keep(filepath.Join(work, processor()), code.wasm.Bytes, code.Source())
}

// lend copies native code for a child, which could write into a link.
func (c *cache) lend(wasm []byte, to string) (file string, err error) {
	if _, err := c.has(wasm); err != nil {
		return "", err
	}
	s, err := c.read(c.name(wasm))
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(c.dir, s.File))
	if err != nil {
		return "", err
	}
	to = filepath.Join(to, s.File)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	return s.File, os.WriteFile(to, b, 0o600)
}

// run starts a child, waits for it and says how much processor time it took.
func (c *cache) run(ctx context.Context, what, work string, in io.Reader, most, wall time.Duration) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, wall*raceSlowdown)
	defer cancel()
	seconds := int((most + time.Second - 1) / time.Second)
	cmd := exec.CommandContext(ctx, c.child[0], append(c.child[1:len(c.child):len(c.child)], work)...)
	cmd.Env = []string{"GOMAXPROCS=1", "GOMEMLIMIT=500MiB", "GOTRACEBACK=none", childMark + "=" + what,
		fmt.Sprintf("%s=%d", childTime, seconds*raceSlowdown)}
	cmd.Stdin = in
	var said tail
	cmd.Stderr = &said
	detach(cmd)
	// The kernel ends the child with the thread that made it, and not with the process: one
	// that background has made its own meanwhile would take a good child with it.
	runtime.LockOSThread()
	err = cmd.Run()
	runtime.UnlockOSThread()
	if s := cmd.ProcessState; s != nil {
		took = s.UserTime() + s.SystemTime()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return took, nil
	case took >= time.Duration(seconds)*time.Second*raceSlowdown*9/10:
		return took, waxwing.Permanent(fmt.Errorf("%s: not done after %d s of processor time. %s", what, seconds, compileAgain))
	case ctx.Err() == context.DeadlineExceeded:
		return took, &waxwing.LaterError{After: 30 * time.Second, Text: fmt.Sprintf(
			"%s: the machine was too busy: it had %s of processor time in %s; try again later", what, took.Round(time.Millisecond), wall)}
	case ctx.Err() != nil:
		return took, ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() == refusedStatus:
		return took, waxwing.Permanent(errors.New(strings.TrimSpace(string(said.b))))
	case errors.As(err, &exit) && exit.ExitCode() == 1 && what == childCheck:
		return took, fmt.Errorf("%s: %s", what, said.line()) // a fault of ours
	}
	return took, waxwing.Permanent(fmt.Errorf("%s: the compiler gave up (%w): %s. %s", what, err, said.line(), compileAgain))
}

// adopt moves the one file that was written into wazero's folder.
func (c *cache) adopt(work string, wasm []byte, source string) error {
	found, err := filepath.Glob(filepath.Join(work, "wazero-*", "*"))
	if err != nil || len(found) != 1 {
		return waxwing.Permanent(fmt.Errorf("compile: %d files were written, want one", len(found)))
	}
	st, err := os.Lstat(found[0])
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxNative {
		return waxwing.Permanent(fmt.Errorf("compile: the native code is too large or no file. %s", compileAgain))
	}
	file, err := filepath.Rel(work, found[0])
	if err != nil {
		return err
	}
	to := filepath.Join(c.dir, file)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	if err := os.Rename(found[0], to); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	return c.seal(wasm, file, source)
}

// seal writes the seal of native code that lies in the folder.
func (c *cache) seal(wasm []byte, file, source string) error {
	name := c.name(wasm)
	sum, size, err := c.mac(name, filepath.Join(c.dir, file), file)
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	return c.write(name, &seal{File: file, Size: size, MAC: hex.EncodeToString(sum), Source: source})
}

// claim writes down of what code a module was made, where an older program did not.
func (c *cache) claim(wasm []byte, source string) error {
	name := c.name(wasm)
	s, err := c.read(name)
	if err != nil || s.Source == source {
		return err
	}
	s.Source = source
	return c.write(name, &s)
}

func (c *cache) write(name string, s *seal) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(c.dir, "compile-seal-")
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	_, err = part.Write(b)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), filepath.Join(c.dir, name+".seal"))
	}
	if err != nil {
		_ = os.Remove(part.Name()) // it takes room, no more
		return fmt.Errorf("compile: %w", err)
	}
	return nil
}

// read gives a seal as it stands, whatever it is worth.
func (c *cache) read(name string) (s seal, err error) {
	b, err := os.ReadFile(filepath.Join(c.dir, name+".seal"))
	if err != nil {
		return s, ErrNotCompiled
	}
	if json.Unmarshal(b, &s) != nil || s.File != filepath.Clean(s.File) || strings.Contains(s.File, "..") || filepath.IsAbs(s.File) {
		return s, c.refuse(name, s)
	}
	return s, nil
}

// compileInto compiles in this process.
func compileInto(ctx context.Context, dir string, wasm []byte) error {
	cc, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	rt := wazero.NewRuntimeWithConfig(ctx, runtimeConfig(false).WithCompilationCache(cc))
	_, err = rt.CompileModule(ctx, wasm)
	return errors.Join(err, rt.Close(ctx), cc.Close(ctx))
}

// tail keeps the beginning of what a child says.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[:min(len(p), max(0, 8192-len(t.b)))]...)
	return len(p), nil
}

func (t *tail) line() string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(t.b)), "\n")
	return s
}
