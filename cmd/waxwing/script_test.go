package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/daemon"
)

// TestScripts tells the command line's stories: testdata/script/*.txtar.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("ACME_KEY", "acme-key")
			e.Setenv("SHOP_SECRET", "shop-secret")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"lived": lived(t)},
	})
}

// lived DIR makes a ledger that a daemon wrote: one order sent, one refused and
// texted, one held, one quarantined. SENT and HELD become their ids.
func lived(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) != 1 {
			ts.Fatalf("usage: lived DIR")
		}
		r := newRig(t, func(r *rig, _ *daemon.Extras) { r.cfg.Data = ts.MkAbs(args[0]) }, withPlan(func(q sink.Question) (a sink.Answer) {
			if q.Phase == waxwing.PhaseRcpt && q.To == "gone@example.com" {
				a.Code, a.Text = 550, "5.1.1 no such user"
			}
			return a
		}))
		sent := r.accepted(shopifyOrder(1001, "jana@example.com", "paid"))
		r.until(sent, waxwing.Sent)
		r.until(r.accepted(shopifyOrder(1002, "gone@example.com", "paid")), waxwing.Sent)
		held := r.accepted(shopifyOrder(1003, "jana@example.com", "pending"))
		r.until(held, waxwing.Held)
		r.accepted([]byte("{"))
		ts.Setenv("SENT", sent)
		ts.Setenv("HELD", held)
		r.stop()
	}
}
