package daemon

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing/config"
)

const (
	// LeastMemory is what the daemon needs for a small shop, measured; see
	// docs/operations.md.
	LeastMemory = 128 << 20
	// muchMemory is from where on nothing need be smaller than it is without a limit.
	muchMemory = 384 << 20
	// usualHeap is where the collector works as hard as it must.
	usualHeap = 240 << 20
	usualHot  = 96 << 20
)

// memory is how the memory of this process is shared out.
type memory struct {
	limit   int64  // of the control group; 0: none
	from    string // the file that says so
	heap    int64  // for Go's collector
	hot     int64  // for what the ledger keeps of orders under way
	cache   int64  // for SQLite's pages; 0: as it is
	bodies  int64  // for bodies that come in, and for answers that nobody reads
	clients int    // how many connections have room; 0: no bound
	plugins int    // MiB for loaded plugins; 0: as the configuration says
}

// shareMemory follows the limit of this process's control group: a daemon that grows
// beyond it is killed, and with it whatever is at its commit point.
func shareMemory(c *config.Config, root string) memory {
	m := memory{heap: usualHeap, hot: usualHot}
	m.limit, m.from = groupLimit(root)
	if m.limit == 0 || m.limit >= muchMemory {
		return m
	}
	// Beside the heap are the program itself, stacks, SQLite's pages and plugins.
	m.cache = max(m.limit/16, 4<<20)
	m.heap = max(m.limit*5/8, 48<<20)
	m.hot = max((m.limit-LeastMemory)/4, 0) + 12<<20
	m.bodies = max(m.limit/8, 16<<20)
	m.clients = int(m.limit >> 19) // half a MiB each: buffers, stack and the beginning of a body
	if c.Plugins.Memory > 0 {
		m.plugins = max(min(c.Plugins.Memory, int(m.limit>>20)/4), 32)
	}
	return m
}

// tell says what follows from the limit, and warns below the least.
func (m *memory) tell(log *slog.Logger) {
	switch {
	case m.limit == 0:
	case m.limit < LeastMemory:
		log.Warn("the memory of this process's control group is less than the daemon needs: it may be killed under load", "limit", mib(m.limit), "least", mib(LeastMemory), "file", m.from)
	case m.limit < muchMemory:
		log.Info("keeping to the memory of this process's control group", "limit", mib(m.limit), "heap", mib(m.heap), "file", m.from)
	}
}

func mib(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// TuneMemory trades memory that a server has for processor time that it has not, up to
// a limit where the collector works as hard as it must. root is where /proc and /sys
// are. Whoever sets GOGC or GOMEMLIMIT knows better.
func TuneMemory(c *config.Config, root string) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(shareMemory(c, root).heap)
	}
}

// groupLimit is the lowest memory limit of this process's control group and of those
// above it, and the file that has it; 0: there is none. In a container the path is
// often that of the host, and the limit stands at the root of what can be seen.
func groupLimit(root string) (limit int64, from string) {
	b, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0, ""
	}
	lowest := int64(math.MaxInt64)
	look := func(mount, group string, names ...string) {
		for dir := filepath.Join("/", group); ; dir = filepath.Dir(dir) {
			for _, name := range names {
				file := filepath.Join(root, "sys/fs/cgroup", mount, dir, name)
				b, err := os.ReadFile(file)
				if err != nil {
					continue
				}
				n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64) // "max" is none
				if err == nil && n > 0 && n < lowest && n < 1<<60 {
					lowest, from = n, file
				}
			}
			if dir == "/" {
				return
			}
		}
	}
	for line := range strings.Lines(string(b)) {
		number, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case number == "0" && controllers == "":
			look("", group, "memory.max", "memory.high")
			look("unified", group, "memory.max", "memory.high")
		case strings.Contains(","+controllers+",", ",memory,"):
			look("memory", group, "memory.limit_in_bytes")
		}
	}
	if from == "" {
		return 0, ""
	}
	return lowest, from
}
