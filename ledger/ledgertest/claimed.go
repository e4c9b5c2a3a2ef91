package ledgertest

import (
	"bytes"
	"time"

	"github.com/waxwinghq/waxwing"
)

// released queues an order's message and claims it in the same step.
func (b *Bench) released(order string) (waxwing.ID, *waxwing.Claim) {
	b.t.Helper()
	rc := b.accept(b.event("web", order, 0, `{"id":"`+order+`"}`))
	w, err := b.s.Work(b.t.Context(), rc.ID)
	b.must(err)
	ids, c, err := b.s.ReadyAndClaim(b.t.Context(), w, []waxwing.Draft{draft(w)}, lookup, 24*time.Hour)
	b.must(err)
	if c != nil && (c.Out.Message != ids[0] || c.Attempt != 1 || !bytes.Equal(c.Out.Data, draft(w).Data)) {
		b.t.Fatalf("%+v is no claim of %s", c, ids[0])
	}
	if c != nil {
		_, c, err := b.s.ReadyAndClaim(b.t.Context(), w, []waxwing.Draft{draft(w)}, lookup, 24*time.Hour)
		if b.wantState(err); c != nil { // somebody was faster
			b.t.Fatalf("claimed twice: %+v", c)
		}
	}
	return rc.ID, c
}

func releasedAndClaimed(b *Bench) {
	conf, c := b.released("1001")
	_, err := b.s.Claim(b.t.Context(), c.Out.Message)
	b.wantState(err)
	b.later(2 * time.Second)
	if due, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9); err != nil || len(due) != 0 {
		b.t.Fatalf("%d %v", len(due), err)
	}
	b.send(c)
	b.wantIs(conf, waxwing.Sent)

	crashed, _ := b.released("1002")
	b.crash("resend")
	b.later(2 * time.Second)
	due, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9)
	b.must(err)
	if len(due) != 1 || due[0].Confirmation != crashed {
		b.t.Fatalf("after a crash %d are due", len(due))
	}
	b.send(due[0])
	if v := b.wantIs(crashed, waxwing.Sent); marks(v, "takeover") != 1 || marks(v, "possible_duplicate") != 0 {
		b.t.Fatal("a crash before the dot leaves no mark of a copy, and one of the takeover")
	}

	b.must(b.s.Suppress(b.t.Context(), "acme", Person, act))
	if conf, c = b.released("1003"); c != nil {
		b.t.Fatalf("a suppressed person's message is claimed: %+v", c)
	}
	b.wantIs(conf, waxwing.Suppressed)
}
