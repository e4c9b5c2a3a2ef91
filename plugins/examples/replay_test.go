package examples_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

var replays = flag.Int("replays", 100, "recorded runs of each example that another process replays (acceptance: 1000)")

// replayEnv names the file that the second process reads.
const replayEnv = "WAXWING_REPLAY"

// tape is one example's recorded runs.
type tape struct {
	Manifest, Body []byte
	Runs           []waxwing.Run
}

func engine(t *testing.T) *sandbox.Engine {
	t.Helper()
	e, err := sandbox.NewEngine(sandbox.EngineOptions{Cache: t.TempDir(), Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func compiled(t *testing.T, e *sandbox.Engine, manifest, body []byte) (*abi.Manifest, *sandbox.Code) {
	t.Helper()
	m, err := abi.ParseManifest(manifest)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sandbox.Prepare(m, body, abi.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Compile(t.Context(), c); err != nil {
		if m.Lang == abi.LangJS && os.Getenv("WAXWING_REQUIRE_SERVICES") != "1" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	return m, c
}

// TestExamplesOnTheHost runs each example's fixtures and hostile inputs on the
// daemon's own engine, and records runs that another process replays: the same
// output and fuel, to the byte.
func TestExamplesOnTheHost(t *testing.T) {
	dirs, err := filepath.Glob("*/plugin.json")
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		t.Run(dir, func(t *testing.T) {
			module := build(t, dir)
			manifest, err := os.ReadFile(d)
			if err != nil {
				t.Fatal(err)
			}
			body, err := os.ReadFile(module)
			if err != nil {
				t.Fatal(err)
			}
			e := engine(t)
			m, c := compiled(t, e, manifest, body)
			fixtures := readFixtures(t, dir)
			if err := sandbox.Try(t.Context(), e, m, c, fixtures); err != nil {
				t.Fatal(err)
			}
			for _, h := range m.Hooks {
				for _, f := range abi.HostileFixtures(h, m) {
					if _, err := e.Fixture(c, &f, time.Second); err != nil {
						t.Error(err)
					}
				}
			}
			replayElsewhere(t, record(t, e, c, manifest, body, fixtures))
		})
	}
}

func readFixtures(t *testing.T, dir string) (out []abi.Fixture) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "fixtures", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		x, err := abi.ParseFixture(b)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

func record(t *testing.T, e *sandbox.Engine, c *sandbox.Code, manifest, body []byte, fixtures []abi.Fixture) *tape {
	t.Helper()
	out := &tape{Manifest: manifest, Body: body}
	for i := range *replays {
		f := &fixtures[i%len(fixtures)]
		at := time.Date(2026, 1, 1, 0, 0, i*3607, 0, time.UTC)
		input := bytes.Replace(f.Input, []byte(`"at":"`), fmt.Appendf(nil, `"at":"%s","_":"`, at.Format(time.RFC3339)), 1)
		if !json.Valid(input) || bytes.Count(input, []byte(`"_"`)) != 1 {
			input = f.Input
		}
		r := waxwing.Run{Hash: c.Hash, Hook: f.Hook, Input: input, At: at, Seed: fmt.Sprint("order ", i)}
		res := e.Call(c, sandbox.HookCall{Hook: r.Hook, Input: r.Input, At: r.At, Seed: r.Seed, Wall: time.Minute})
		r.Output, r.Fuel, r.Log = res.Output, res.Fuel, res.Log
		if res.Fault != nil {
			r.Fault = res.Fault.Error()
		}
		out.Runs = append(out.Runs, r)
	}
	return out
}

func replayElsewhere(t *testing.T, tp *tape) {
	t.Helper()
	b, err := json.Marshal(tp)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tape.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestReplayOfAnotherProcess$", "-test.v")
	cmd.Env = append(os.Environ(), replayEnv+"="+file)
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, fmt.Appendf(nil, "%d runs replayed", len(tp.Runs))) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestReplayOfAnotherProcess is the second process of the test above.
func TestReplayOfAnotherProcess(t *testing.T) {
	file := os.Getenv(replayEnv)
	if file == "" {
		t.Skip("TestExamplesOnTheHost starts it")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var tp tape
	if err := json.Unmarshal(b, &tp); err != nil {
		t.Fatal(err)
	}
	e := engine(t)
	_, c := compiled(t, e, tp.Manifest, tp.Body)
	for i := range tp.Runs {
		r := &tp.Runs[i]
		res, err := sandbox.Replay(e, c, r)
		if err != nil {
			t.Fatal(err)
		}
		fault := ""
		if res.Fault != nil {
			fault = res.Fault.Error()
		}
		if !bytes.Equal(res.Output, r.Output) || res.Fuel != r.Fuel || !bytes.Equal(res.Log, r.Log) || fault != r.Fault {
			t.Fatalf("run %d: %d fuel, then %d; %s, then %s; %q, then %q", i, res.Fuel, r.Fuel, res.Output, r.Output, fault, r.Fault)
		}
	}
	t.Logf("%d runs replayed", len(tp.Runs))
}
