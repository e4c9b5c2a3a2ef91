package plugins

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/plugins/quickjs"
)

var names = flag.Int("plugins.names", 5, "names of one tenant, with three versions each (acceptance: 200)")

// residentBytes is this process's memory.
func residentBytes(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var size, rss int64
	if _, err := fmt.Sscan(string(b), &size, &rss); err != nil {
		t.Fatal(err)
	}
	return rss * int64(os.Getpagesize())
}

// TestNamesAndVersionsStayWithinTheMemory: one tenant puts large scripts under many
// names, in several versions each. What is held stays within its part.
func TestNamesAndVersionsStayWithinTheMemory(t *testing.T) {
	if _, err := quickjs.Module(); err != nil {
		t.Skip(err)
	}
	s := newShelfStore()
	s.changed = make(chan struct{}, 1<<20)
	h := host(t, s, func(o *HostOptions) {
		o.Engine.Inspect().Options().Memory, o.Engine.Inspect().Options().TenantMemory = 32<<20, 8<<20
	})
	before := residentBytes(t)
	const size = 200 << 10
	for i := range *names {
		for v := range 3 {
			code := fmt.Sprintf("function personalise() { return {subject: \"%d %d\"} }\n//%s", i, v, strings.Repeat("x", size))
			if _, err := put(t, h, fmt.Sprint("p", i), code, true); err != nil {
				t.Fatal(err)
			}
			clear(s.modules) // the store's are not the host's
		}
	}
	x := h.o.Engine.Inspect()
	held, kept, loaded := x.Held("acme")
	t.Logf("%d names: %d KiB counted, %d KiB of it kept of versions, %d loaded", *names, held>>10, kept>>10, loaded)
	if held > max(x.Options().TenantMemory, kept+4<<20) {
		t.Errorf("%d KiB are held", held>>10)
	}
	for _, p := range h.shelves.of("acme").plugins {
		if sl := p.slots.Load(); sl.active.code.Script != nil || sl.previous.code.Script != nil {
			t.Errorf("%s holds its script", p.name)
		}
	}
	debug.FreeOSMemory()
	t.Logf("resident: %d MiB before, %d MiB now; the scripts have %d MiB", before>>20, residentBytes(t)>>20, *names*3*size>>20)
}
