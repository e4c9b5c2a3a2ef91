package ledger_test

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// Each entry's hash covers the one before it: what was changed, removed or put in shows.
func ExampleChain() {
	c := ledger.Chain{Instance: 1}
	var lines []byte
	for i, cause := range []string{machine.CauseAccepted, machine.CauseReleased} {
		lines = c.Append(lines, &machine.Entry{At: time.UnixMilli(int64(i)), Confirmation: 64, Cause: cause})
	}
	whole := func(b []byte) bool {
		again := ledger.Chain{Instance: 1}
		err := again.Walk(b, func(waxwing.TrailEntry, ledger.Head) error { return nil })
		return err == nil && again.Head == c.Head
	}
	fmt.Println(whole(lines))
	lines[10]++
	fmt.Println(whole(lines))
	// Output:
	// true
	// false
}

// Content opens in its own place only.
func ExampleSealer() {
	k := ledger.NewKey()
	sealed := k.Sealer().Seal(nil, []byte("ida@mail.example"), "message|1")
	plain, err := k.Sealer().Open(nil, sealed, "message|1")
	fmt.Println(string(plain), err)
	_, err = k.Sealer().Open(nil, sealed, "message|2")
	fmt.Println(err)
	// Output:
	// ida@mail.example <nil>
	// sealed content does not open: wrong key, or it was changed
}
