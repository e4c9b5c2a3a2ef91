package plugins

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
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
	one   sync.Mutex // one compilation at a time
}

// seal stands beside each file: which one it is, and its code.
type seal struct {
	File string `json:"file"`
	Size int64  `json:"size"`
	MAC  string `json:"mac"`
}

const (
	compileWall  = 30 * time.Second * raceSlowdown
	maxNative    = 256 << 20 // bytes of one module's native code
	compileAgain = "Try a smaller module: fewer and smaller functions, optimised for size"
)

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
	return &cache{dir: dir, key: key, child: child, log: log}, nil
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
func (c *cache) has(wasm []byte) (size int64, err error) {
	name := c.name(wasm)
	b, err := os.ReadFile(filepath.Join(c.dir, name+".seal"))
	if err != nil {
		return 0, ErrNotCompiled
	}
	var s seal
	if json.Unmarshal(b, &s) != nil || s.File != filepath.Clean(s.File) || strings.Contains(s.File, "..") || filepath.IsAbs(s.File) {
		return 0, c.refuse(name, s)
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
func (c *cache) compile(ctx context.Context, wasm []byte) error {
	c.one.Lock()
	defer c.one.Unlock()
	if _, err := c.has(wasm); err == nil {
		return nil
	}
	work, err := os.MkdirTemp(c.dir, "compile-")
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if len(c.child) == 0 {
		err = compileInto(ctx, work, wasm)
	} else {
		err = c.runChild(ctx, work, wasm)
	}
	if err != nil {
		return err
	}
	return c.adopt(work, wasm)
}

func (c *cache) runChild(ctx context.Context, work string, wasm []byte) error {
	ctx, cancel := context.WithTimeout(ctx, compileWall)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.child[0], append(c.child[1:len(c.child):len(c.child)], work)...)
	cmd.Env = []string{"GOMAXPROCS=1", "GOMEMLIMIT=700MiB", "GOTRACEBACK=none", childMark + "=1"}
	cmd.Stdin = bytes.NewReader(wasm)
	var said tail
	cmd.Stderr = &said
	detach(cmd)
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() == context.DeadlineExceeded:
		return waxwing.Permanent(fmt.Errorf("compile: not done after %s. %s", compileWall, compileAgain))
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return waxwing.Permanent(fmt.Errorf("compile: the compiler gave up (%w): %s. %s", err, said.line(), compileAgain))
}

// adopt moves the one file that was written into wazero's folder.
func (c *cache) adopt(work string, wasm []byte) error {
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
	name := c.name(wasm)
	sum, _, err := c.mac(name, to, file)
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	b, err := json.Marshal(seal{File: file, Size: st.Size(), MAC: hex.EncodeToString(sum)})
	if err != nil {
		return err
	}
	part := filepath.Join(work, "seal")
	if err := os.WriteFile(part, b, 0o600); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	return os.Rename(part, filepath.Join(c.dir, name+".seal"))
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
	t.b = append(t.b, p[:min(len(p), max(0, 2048-len(t.b)))]...)
	return len(p), nil
}

func (t *tail) line() string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(t.b)), "\n")
	return s
}
