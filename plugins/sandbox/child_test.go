package sandbox

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// TestAttacksAChildThatHangsIsStopped: by processor time where it has it, and else by the clock, which is nobody's fault.
func TestAttacksAChildThatHangsIsStopped(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.Child = []string{"/bin/sh", "-c", "while :; do :; done"} })
	_, err := e.cache.run(t.Context(), task{childCheck, t.TempDir(), bytes.NewReader(nil), time.Second, 2 * time.Second / raceSlowdown})
	if err == nil {
		t.Fatal("it ended")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.cache.run(ctx, task{childCheck, t.TempDir(), bytes.NewReader(nil), time.Second, time.Minute}); waxwing.IsPermanent(err) {
		t.Errorf("who goes away is refused for good: %v", err)
	}
}

// TestTypesAreTheOperators: how many types a module may have is configurable, and the refusal says so.
func TestTypesAreTheOperators(t *testing.T) {
	body := attack.Types(1)
	if _, err := Prepare(manifestFor(t, abi.LangC), body, abi.Limits{Types: 20}); err == nil ||
		!strings.Contains(err.Error(), "types") || !strings.Contains(err.Error(), "at most 20") || !strings.Contains(err.Error(), "plugins.types") {
		t.Error(err)
	}
	if _, err := Prepare(manifestFor(t, abi.LangC), body, abi.Limits{Types: 300}); err != nil {
		t.Error(err)
	}
}

// TestAChildOutlivesThreads: threads that end beside a child, as those of loads do, do not
// take it with them.
func TestAChildOutlivesThreads(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.Child = []string{"/bin/sh", "-c", "cat >/dev/null", "sh"} })
	// While all processors are busy, whoever waits for a system call goes on in another thread
	// than before, and the one that has made the child is free for others.
	var busy sync.WaitGroup
	var idle atomic.Bool
	for range 2 * runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			for !idle.Load() {
				runtime.Gosched()
			}
		})
	}
	defer func() { idle.Store(true); busy.Wait() }()
	for range 20 {
		in, feed := io.Pipe() // the child ends when it has read all
		ended := make(chan error, 1)
		go func() {
			_, err := e.cache.run(t.Context(), task{childCheck, t.TempDir(), in, time.Second, time.Minute})
			ended <- err
		}()
		if _, err := feed.Write([]byte("it runs")); err != nil {
			t.Fatal(err)
		}
		var threads sync.WaitGroup
		for range 64 {
			threads.Go(func() {
				background()
				runtime.Gosched()
			})
		}
		threads.Wait()
		if err := feed.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}
