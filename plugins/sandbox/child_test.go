package sandbox

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// TestAttacksAChildThatHangsIsStopped: by processor time where it has it, and else by the clock, which is nobody's fault.
func TestAttacksAChildThatHangsIsStopped(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.Child = []string{"/bin/sh", "-c", "while :; do :; done"} })
	_, err := e.cache.run(t.Context(), childCheck, t.TempDir(), bytes.NewReader(nil), time.Second, 2*time.Second/raceSlowdown)
	if err == nil {
		t.Fatal("it ended")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.cache.run(ctx, childCheck, t.TempDir(), bytes.NewReader(nil), time.Second, time.Minute); waxwing.IsPermanent(err) {
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
