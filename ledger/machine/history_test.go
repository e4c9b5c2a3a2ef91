package machine_test

import (
	"flag"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/machine/machinetest"
	"github.com/waxwinghq/waxwing/ledger/store"
)

var histories = flag.Int("machine.histories", 10_000, "random histories to play; 1000000 take some minutes")

// TestHistories plays random histories of two instances with crashes, takeovers, late
// verdicts, suppressions and erasures: an order has one confirmation, no copy goes out
// without a mark, what is suppressed does not go out at all, rows say what their trail
// says, and everything ends.
func TestHistories(t *testing.T) {
	for seed := range uint64(*histories) {
		if wrong := machinetest.Play(seed, machinetest.Options{}); len(wrong) > 0 {
			t.Fatalf("history %d: %v", seed, wrong)
		}
	}
}

// TestHistoriesFindFaults: each of these broken steps is found within 10,000 histories.
func TestHistoriesFindFaults(t *testing.T) {
	for name, sabotage := range map[string]func(*machinetest.World, *machine.Changes){
		"a copy is not marked": func(_ *machinetest.World, c *machine.Changes) {
			for i := range c.Entries {
				if c.Entries[i].Cause == machine.CausePossible {
					c.Entries[i].Cause = machine.CauseNote
				}
			}
		},
		"a takeover after the commit point queues again": func(_ *machinetest.World, c *machine.Changes) {
			for i := range c.Entries {
				if e := &c.Entries[i]; e.Cause == machine.CauseTakeover && e.To == waxwing.Uncertain {
					e.To, c.Messages[0].State = waxwing.Queued, waxwing.Queued
				}
			}
		},
		"a claim stays": func(_ *machinetest.World, c *machine.Changes) { c.Freed = nil },
		"an erasure keeps the content": func(_ *machinetest.World, c *machine.Changes) {
			c.Destroyed = nil
		},
		"a suppression is forgotten": func(_ *machinetest.World, c *machine.Changes) {
			for i := range c.Entries {
				if e := &c.Entries[i]; e.To == waxwing.Suppressed && e.From == "" {
					e.To, c.Messages[0].State, c.Messages[0].NextAt = waxwing.Queued, waxwing.Queued, 1
					c.Messages[0].Trail = "x"
				}
			}
		},
		"an order makes two confirmations": func(w *machinetest.World, c *machine.Changes) {
			if len(c.Entries) == 1 && c.Entries[0].Cause == machine.CauseDuplicate {
				id := w.Fresh()
				*c = machine.Changes{store.Changes{Confirmations: []store.Confirmation{{ID: id, Key: w.Known(c.Entries[0].Confirmation).Key, State: waxwing.Received}},
					Entries: []machine.Entry{{Confirmation: id, To: waxwing.Received}}}}
			}
		},
		"what became known of the erased is kept": func(_ *machinetest.World, c *machine.Changes) {
			for i := range c.Annotations {
				c.Annotations[i].Sealed = []byte{1}
			}
		},
		"what became known is written again": func(_ *machinetest.World, c *machine.Changes) {
			c.Annotations = append(c.Annotations, c.Annotations...)
		},
		"a retry has no time": func(_ *machinetest.World, c *machine.Changes) {
			for i := range c.Messages {
				if c.Messages[i].State == waxwing.Queued && len(c.Freed) > 0 {
					c.Messages[i].NextAt = 0
				}
			}
		},
		"a row forgets its state": func(_ *machinetest.World, c *machine.Changes) {
			for i := range c.Messages {
				if c.Messages[i].State == waxwing.Failed {
					c.Messages[i].State = waxwing.Queued
				}
			}
		},
		"a released confirmation is not due": func(_ *machinetest.World, c *machine.Changes) {
			for i := range c.Confirmations {
				c.Confirmations[i].Due = 0
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10_000) {
				if len(machinetest.Play(seed, machinetest.Options{Sabotage: sabotage})) > 0 {
					t.Logf("found in history %d", seed)
					return
				}
			}
			t.Error("not found")
		})
	}
}
