package queuetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// SQS is fauxqs, a stand-in for Amazon SQS that keeps what it has in files of SQLite, or, if it
// forgets, in memory, which is faster. It takes any key, and its region is us-east-1.
// fauxqs/install.sh installs it.
func SQS(t *testing.T, forgets bool) *Server {
	t.Helper()
	Wanted(t)
	s := newServer(t, "http")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(cache, "waxwing", "fauxqs", "node_modules")
	node, err := filepath.Glob(filepath.Join(installed, "node-linux-*", "bin", "node"))
	app := filepath.Join(installed, "fauxqs", "dist", "app.js")
	_, missing := os.Stat(app)
	if err != nil || len(node) == 0 || missing != nil {
		const say = "it needs fauxqs (pipeline/queue/queuetest/fauxqs/install.sh)"
		if os.Getenv("WAXWING_REQUIRE_SERVICES") != "" {
			t.Fatal(say)
		}
		t.Skip(say)
	}
	const run = `import {startFauxqs} from "%s"; await startFauxqs({port: %d, dataDir: %s, logger: false})` // its own program tells of each request
	s.program = node[0]
	dir := "undefined"
	if !forgets {
		dir = strconv.Quote(s.dir)
	}
	s.args = []string{"--no-warnings", "--input-type=module", "--eval", fmt.Sprintf(run, app, s.port, dir)}
	return s.begin()
}
