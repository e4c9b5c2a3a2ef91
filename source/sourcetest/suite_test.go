package sourcetest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestLog(t *testing.T) { Conform(t, func(*testing.T) Shop { return NewLog() }) }

// TestCarelessIsFound has the suite find a source that forgets what is not on disk yet.
func TestCarelessIsFound(t *testing.T) {
	const env = "WAXWING_TEST_CARELESS"
	if os.Getenv(env) != "" {
		killed(t, &Log{more: make(chan struct{}, 1), Careless: true})
		return
	}
	short := exec.Command(os.Args[0], "-test.run=^TestCarelessIsFound$")
	short.Env = append(os.Environ(), env+"=1", "WAXWING_TEST_PATIENCE=2s")
	said, err := short.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "never came") {
		t.Errorf("the suite passes a careless source: %v: %s", err, said)
	}
}
