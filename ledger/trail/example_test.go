package trail_test

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// Each entry's hash covers the one before it: what was changed, removed or put in shows.
func ExampleChain() {
	c := trail.Chain{Instance: 1}
	var lines []byte
	for i, cause := range []string{machine.CauseAccepted, machine.CauseReleased} {
		lines = c.Append(lines, &machine.Entry{At: time.UnixMilli(int64(i)), Confirmation: 64, Cause: cause})
	}
	whole := func(b []byte) bool {
		again := trail.Chain{Instance: 1}
		err := again.Walk(b, func(waxwing.TrailEntry, trail.Head) error { return nil })
		return err == nil && again.Head == c.Head
	}
	fmt.Println(whole(lines))
	lines[10]++
	fmt.Println(whole(lines))
	// Output:
	// true
	// false
}
