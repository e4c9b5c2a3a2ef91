package daemon

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// calmFor is how long little is allocated before a burst is over, and calmBytes how little:
	// a few orders a second.
	calmFor   = 20 * time.Second
	calmBytes = 8 << 20
)

// calm tells the end of a burst by how much has been allocated.
type calm struct {
	seen  uint64 // bytes
	burst bool
}

// over looks once each calmFor, and reports whether a burst has just ended.
func (c *calm) over(allocated uint64) bool {
	busy := allocated-c.seen > calmBytes
	ended := c.burst && !busy
	c.seen, c.burst = allocated, busy
	return ended
}

// giveBack gives the system back what a burst needed, when it is over, until ctx ends. By itself
// the collector would do so when as much again is allocated, which may take days.
func giveBack(ctx context.Context) {
	t := time.NewTicker(calmFor)
	defer t.Stop()
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for c := (calm{}); ; {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		if metrics.Read(allocated); c.over(allocated[0].Value.Uint64()) {
			runtime.GC() // what pools keep outlives one collection
			debug.FreeOSMemory()
		}
	}
}
