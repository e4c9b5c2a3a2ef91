package sandbox

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// childMark is set in the child's environment, to what it is for; childTime to
// the seconds of processor time that it has. There is nothing else in it.
const (
	childMark    = "WAXWING_COMPILE_CHILD"
	childTime    = "WAXWING_COMPILE_SECONDS"
	childCompile = "compile"
	childCheck   = "check"
)

// refusedStatus is the child's exit status where what it was given is at fault.
const refusedStatus = 3

// IsCompileChild reports whether this process was started to compile.
func IsCompileChild() bool { return os.Getenv(childMark) != "" }

// CompileChild is the compiling child: it reads an instrumented module from in
// and writes native code into the folder, or it checks a whole upload there.
// Compiling hostile bytes can take any amount of memory and time, and a panic in
// a compiling goroutine ends the process, so it happens here, under limits of the
// kernel, and so do the fixtures: neither takes a worker, a load or a processor
// from any order. It returns the exit status.
func CompileChild(dir string, in io.Reader, errs io.Writer) int {
	seconds, err := strconv.Atoi(os.Getenv(childTime))
	if err == nil {
		err = confine(seconds, os.Getenv(childMark) == childCheck)
	}
	if err != nil {
		_, _ = fmt.Fprintln(errs, "limits:", err)
		return 1
	}
	if os.Getenv(childMark) == childCheck {
		err = checkInChild(dir, in)
	} else {
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(in, 64<<20)); err == nil {
			err = compileInto(context.Background(), dir, b)
		}
	}
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(errs, err)
	if waxwing.IsPermanent(err) {
		return refusedStatus
	}
	return 1
}

// errand is what a child is given to check.
type errand struct {
	Manifest, Code []byte
	Fixtures       []abi.Fixture
	Limits         abi.Limits
	Engine         string // the JavaScript engine's native code, a file of the folder; "" none
}

// checkInChild does all that an upload is checked for. Its native code is left in
// the folder.
func checkInChild(dir string, in io.Reader) error {
	var x errand
	if err := gob.NewDecoder(in).Decode(&x); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	m, err := abi.ParseManifest(x.Manifest)
	if err != nil {
		return err
	}
	c, err := Prepare(m, x.Code, x.Limits)
	if err != nil {
		return err
	}
	l := x.Limits.OrDefault()
	l.Start *= 10 // as for fixtures: an upload must not fail because the machine is busy
	e, err := NewEngine(EngineOptions{Cache: dir, Key: make([]byte, 32), Limits: l, Workers: 1})
	if err != nil {
		return err
	}
	if x.Engine != "" {
		js, err := e.opener.script()
		if err != nil {
			return err
		}
		if err := e.cache.seal(js.wasm.Bytes, x.Engine, ""); err != nil {
			return err
		}
	}
	if err := e.Compile(context.Background(), c); err != nil {
		return err
	}
	return errors.Join(Try(context.Background(), e, m, c, x.Fixtures), e.Close())
}

// CheckTime is the processor time that compiling a module and running its
// fixtures on both engines may take together; checkWall is for a machine that is
// too busy to give it.
const (
	CheckTime = 10 * time.Second
	checkWall = 3 * CheckTime
)

// Submission is an upload that is to be checked, as its author sent it and as it was read.
type Submission struct {
	Manifest *abi.Manifest
	Text     []byte // of the manifest
	Code     *Code
	Body     []byte // of the code
	Fixtures []abi.Fixture
}

// Check compiles code and runs the author's fixtures on both engines, within the
// processor time given, and says how much it took. It happens in the child, which
// knows nothing of what is compiled or loaded here: how long it takes tells
// nothing of what others have. Without a child it happens in this process.
func (e *Engine) Check(ctx context.Context, s *Submission, most time.Duration) (took time.Duration, err error) {
	c := s.Code
	if e.o.Interpret || len(e.cache.child) == 0 {
		began := time.Now()
		if err = e.Compile(ctx, c); err == nil {
			err = Try(ctx, e, s.Manifest, c, s.Fixtures)
		}
		return time.Since(began), err
	}
	x := errand{Manifest: s.Text, Code: s.Body, Fixtures: s.Fixtures, Limits: e.o.Limits}
	var engine []byte
	if c.Lang == abi.LangJS {
		js, err := e.opener.script()
		if err == nil {
			engine = js.wasm.Bytes
			err = e.cache.compile(ctx, engine, js.Source()) // once for all
		}
		if err != nil {
			return 0, err
		}
	}
	return e.cache.check(ctx, &x, c, engine, min(most, CheckTime))
}

// task is what a child is started for.
type task struct {
	what string // childCompile or childCheck
	work string // its folder
	in   io.Reader
	most time.Duration // of a processor
	wall time.Duration
}

// run starts a child, waits for it and says how much processor time it took.
func (c *cache) run(ctx context.Context, t task) (took time.Duration, err error) {
	what := t.what
	ctx, cancel := context.WithTimeout(ctx, t.wall*raceSlowdown)
	defer cancel()
	seconds := int((t.most + time.Second - 1) / time.Second)
	cmd := exec.CommandContext(ctx, c.child[0], append(c.child[1:len(c.child):len(c.child)], t.work)...)
	cmd.Env = []string{"GOMAXPROCS=1", "GOMEMLIMIT=500MiB", "GOTRACEBACK=none", childMark + "=" + what,
		fmt.Sprintf("%s=%d", childTime, seconds*raceSlowdown)}
	cmd.Stdin = t.in
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
			"%s: the machine was too busy: it had %s of processor time in %s; try again later", what, took.Round(time.Millisecond), t.wall)}
	case ctx.Err() != nil:
		return took, ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() == refusedStatus:
		return took, waxwing.Permanent(errors.New(strings.TrimSpace(string(said.b))))
	case errors.As(err, &exit) && exit.ExitCode() == 1 && what == childCheck:
		return took, fmt.Errorf("%s: %s", what, said.line()) // a fault of ours
	}
	return took, waxwing.Permanent(fmt.Errorf("%s: the compiler gave up (%w): %s. %s", what, err, said.line(), compileAgain))
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
