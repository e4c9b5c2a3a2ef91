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
	"path/filepath"
	"runtime"
	"slices"
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
		_, err = c.run(ctx, task{childCompile, work, bytes.NewReader(wasm), compileTime, compileWall})
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
	took, err = c.run(ctx, task{childCheck, work, &b, most, checkWall})
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

// native is one file of native code.
type native struct {
	name string
	seal seal
	at   time.Time // when its seal was written
}

// list gives all that has a seal, oldest first.
func (c *cache) list() ([]native, error) {
	found, err := filepath.Glob(filepath.Join(c.dir, "*.seal"))
	if err != nil {
		return nil, err
	}
	out := make([]native, 0, len(found))
	for _, f := range found {
		st, err := os.Stat(f)
		if err != nil {
			continue // it was removed meanwhile
		}
		name := strings.TrimSuffix(filepath.Base(f), ".seal")
		if s, err := c.read(name); err == nil {
			out = append(out, native{name, s, st.ModTime()})
		}
	}
	slices.SortStableFunc(out, func(a, b native) int { return a.at.Compare(b.at) })
	return out, nil
}

// freshFor is how long native code is kept whose version is not known yet: its
// upload may be under way.
const freshFor = 2 * time.Minute

// tidy removes native code that no version holds, then the oldest until the
// rest fits; what is needed all the same is compiled again. What is loaded stays
// loaded: the file is only where it came from.
// The engine of scripts, ours, stays in any case: each upload of one would wait for it.
func (c *cache) tidy(held map[string]bool, engine string, most int64, now time.Time) (removed int, err error) {
	c.one.Lock()
	defer c.one.Unlock()
	all, err := c.list()
	if err != nil {
		return 0, err
	}
	total, files := int64(0), map[string]int{} // two seals may stand for one file
	for _, n := range all {
		if files[n.seal.File]++; files[n.seal.File] == 1 {
			total += n.seal.Size
		}
	}
	for _, n := range all {
		idle := !held[n.seal.Source] && now.Sub(n.at) > freshFor
		if !idle && total <= most || n.seal.Source == engine && engine != "" {
			continue
		}
		if err := os.Remove(filepath.Join(c.dir, n.name+".seal")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, err
		}
		if files[n.seal.File]--; files[n.seal.File] == 0 {
			if err := os.Remove(filepath.Join(c.dir, n.seal.File)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return removed, err
			}
			total -= n.seal.Size
		}
		removed++
	}
	return removed, nil
}
