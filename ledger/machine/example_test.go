package machine_test

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// An order is accepted, rendered, claimed, passes its commit point, and is sent. Each step
// is a command on a set of rows; whoever keeps a ledger writes what it came to.
func Example() {
	s := machine.NewSet(time.UnixMilli(1_800_000_000_000), 1, waxwing.DoubtRule{})
	take := func(c machine.Changes) {
		for _, e := range c.Entries {
			fmt.Printf("%q to %q: %s\n", e.From, e.To, e.Cause)
		}
		s.Take(&c)
	}
	const order, mail = waxwing.ID(store.IDStep), waxwing.ID(store.IDStep | 1)
	c, _, _ := s.Accept(&machine.Arrival{ID: order, Source: "webhook", DEK: []byte("key")})
	take(c)
	c, err := s.Ready(machine.Seen{ID: order, State: waxwing.Received, Next: 1}, []machine.Draft{{Channel: waxwing.Email, State: waxwing.Queued}}, nil, time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	take(c)
	c, _ = s.Claim(mail)
	take(c)
	c, _, _ = s.CommitPoint(mail, 0, store.Hash{}, "mail")
	take(c)
	c, _ = s.Resolve(&machine.Verdict{Message: mail, Number: 1, To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted}})
	take(c)
	fmt.Println(s.Outcome(order))
	// Output:
	// "" to "received": accepted
	// "received" to "ready": released
	// "" to "queued": rendered
	// "queued" to "claimed": claimed
	// "claimed" to "dot": commit_point
	// "dot" to "sent": verdict
	// sent
}
