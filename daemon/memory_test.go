package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/config/configtest"
)

// machine makes a root with files of /proc and /sys.
func machine(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// The limit is found in both versions of control groups, of this group or one above it.
func TestGroupLimit(t *testing.T) {
	const none = "9223372036854771712\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"none at all":    {nil, 0},
		"no limit":       {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		"its own":        {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "268435456\n"}, 256 << 20},
		"one above":      {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "134217728\n"}, 128 << 20},
		"the lowest":     {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "268435456\n", "sys/fs/cgroup/a/memory.max": "134217728\n"}, 128 << 20},
		"high":           {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "268435456\n", "sys/fs/cgroup/a/memory.high": "201326592\n"}, 192 << 20},
		"in a container": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "134217728\n"}, 128 << 20},
		"host's path":    {map[string]string{"proc/self/cgroup": "0::/docker/0123\n", "sys/fs/cgroup/memory.max": "134217728\n"}, 128 << 20},
		"version 1":      {map[string]string{"proc/self/cgroup": "5:cpu:/x\n4:memory:/a\n0::/\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "134217728\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": none}, 128 << 20},
		"1, no limit":    {map[string]string{"proc/self/cgroup": "4:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": none}, 0},
		"1, a container": {map[string]string{"proc/self/cgroup": "4:cpu,memory:/docker/0123\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"}, 128 << 20},
		"hybrid":         {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/unified/a/memory.max": "134217728\n"}, 128 << 20},
		"garbage":        {map[string]string{"proc/self/cgroup": "x\n:\n0::\n", "sys/fs/cgroup/memory.max": "-5\n"}, 0},
	} {
		if got, _ := groupLimit(machine(t, c.files)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// What is shared out fits into the limit, and below the least it is said.
func TestMemoryIsShared(t *testing.T) {
	c := configtest.With(nil)
	for _, limit := range []int64{32 << 20, 96 << 20, 128 << 20, 200 << 20, 383 << 20, 384 << 20, 8 << 30} {
		m := shareMemory(c, machine(t, map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": fmt.Sprint(limit)}))
		if limit >= LeastMemory && m.heap+m.cache >= limit {
			t.Errorf("%s: %+v", mib(limit), m)
		}
		if m.hot >= m.heap/2 || m.bodies > m.heap/2 {
			t.Errorf("%s: %+v leaves no room to work", mib(limit), m)
		}
		var log bytes.Buffer
		m.tell(slog.New(slog.NewTextHandler(&log, nil)))
		if warned := strings.Contains(log.String(), "level=WARN"); warned != (limit < LeastMemory) {
			t.Errorf("%s: %s", mib(limit), log.String())
		}
	}
	if m := shareMemory(c, t.TempDir()); m.heap != usualHeap || m.hot != usualHot || m.clients != 0 || m.plugins != 0 {
		t.Errorf("without a limit: %+v", m)
	}
}
