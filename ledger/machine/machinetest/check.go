package machinetest

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// check holds rows against the trail, and what is kept against who was erased.
func check(w *World) {
	for _, id := range w.ids() {
		r := w.s.Confirmations[id]
		if w.state[id] != r.State {
			w.fail("confirmation %s is %q, and its trail says %q", id, r.State, w.state[id])
		}
		if r.State == waxwing.Received && r.Due == 0 {
			w.fail("confirmation %s is received, and nobody will look at it", id)
		}
		if r.State == waxwing.Ready && r.Messages == 0 {
			w.fail("confirmation %s is ready without a message", id)
		}
		if r.Erased() && w.content[id] {
			w.fail("confirmation %s is erased, and its event is kept", id)
		}
	}
	for _, id := range w.messages() {
		m := w.s.Messages[id]
		if s := w.s.State(&m); w.state[id] != s {
			w.fail("message %s is %q, and its trail says %q", id, s, w.state[id])
		}
		if m.State == waxwing.Claimed || m.State == waxwing.Dot {
			w.fail("message %s has the state of a claim in its row", id)
		}
		if conf := w.s.Confirmations[store.ConfirmationOf(id)]; conf.Erased() && (w.content[id] || w.sealed[id] > 0) {
			w.fail("message %s is of an erased person, and something is kept", id)
		}
		if w.taken[id] > 0 && m.State == waxwing.Suppressed {
			w.fail("message %s was taken, and counts as suppressed", id)
		}
		if (m.State == waxwing.Queued || m.State == waxwing.Uncertain) && m.NextAt == 0 {
			w.fail("message %s waits, and its time will never come", id)
		}
	}
}
