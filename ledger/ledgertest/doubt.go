package ledgertest

import (
	"time"

	"github.com/waxwinghq/waxwing"
)

// crashedOften loses the answer to each copy of a mail by a crash: the waits grow,
// the count outlives each restart, and after the third copy it is held until its
// time is over.
func crashedOften(b *Bench) {
	conf, msg := b.queued()
	c := b.claim(msg)
	for n, wait := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
		b.must(b.s.CommitDot(b.t.Context(), c, "mail"))
		b.crash("resend")
		b.later(wait - time.Second)
		if got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9); err != nil || len(got) != 0 {
			b.t.Fatalf("copy %d before its time: %d %v", n+1, len(got), err)
		}
		b.later(3 * time.Second)
		got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9)
		b.must(err)
		if len(got) != 1 || got[0].Doubts != n+1 {
			b.t.Fatalf("copy %d: %d claims", n+1, len(got))
		}
		c = got[0]
	}
	b.must(b.s.CommitDot(b.t.Context(), c, "mail"))
	b.crash("resend")
	b.later(20 * time.Hour)
	if got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9); err != nil || len(got) != 0 {
		b.t.Fatalf("a fifth mail: %d %v", len(got), err)
	}
	v := b.wantIs(conf, waxwing.Uncertain)
	if m := v.Messages[0]; m.Reason != waxwing.HeldInDoubt || len(m.Attempts) != 4 || marks(v, "possible_duplicate") != 3 {
		b.t.Fatalf("%+v", m)
	}
	b.later(4 * time.Hour)
	b.ends(1)
	if m := b.wantIs(conf, waxwing.Failed).Messages[0]; m.Reason != "expired_uncertain" {
		b.t.Fatalf("%+v", m)
	}
}
