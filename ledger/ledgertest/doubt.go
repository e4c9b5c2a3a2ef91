package ledgertest

import (
	"strings"
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

// AndAsk behind a policy says that providers are asked first.
const AndAsk = "+ask"

// PolicyOf reads a policy of a story's.
func PolicyOf(s string) (policy string, ask bool) { return strings.CutSuffix(s, AndAsk) }

// doubtful crashes behind a mail's commit point, and waits until its provider is asked.
func doubtful(b *Bench, policy string) (conf, msg waxwing.ID, d *waxwing.Doubt) {
	b.t.Helper()
	b.crash(policy)
	conf, msg = b.queued()
	c := b.claim(msg)
	b.must(b.s.CommitDot(b.t.Context(), c, "mail"))
	b.crash(policy)
	return conf, msg, asks(b, 61*time.Second)
}

// asks waits, and takes the one doubt that there is to be asked about.
func asks(b *Bench, wait time.Duration) *waxwing.Doubt {
	b.t.Helper()
	if got, err := b.s.Doubts(b.t.Context(), 9); err != nil || len(got) != 0 {
		b.t.Fatalf("asked before its time: %d %v", len(got), err)
	}
	b.later(wait)
	if got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9); err != nil || len(got) != 0 {
		b.t.Fatalf("claimed before its provider was asked: %d %v", len(got), err)
	}
	b.ends(0)
	got, err := b.s.Doubts(b.t.Context(), 9)
	b.must(err)
	if len(got) != 1 {
		b.t.Fatalf("%d doubts", len(got))
	}
	if more, err := b.s.Doubts(b.t.Context(), 9); err != nil || len(more) != 0 {
		b.t.Fatalf("asked by two: %d %v", len(more), err)
	}
	return got[0]
}

// askedAndTaken finds a mail at its provider whose answer a crash has lost: it is sent, once.
func askedAndTaken(policy string) func(b *Bench) {
	return func(b *Bench) {
		conf, msg, d := doubtful(b, policy+AndAsk)
		if d.Message != msg || d.Confirmation != conf || d.Provider != "mail" || d.Lost != 1 || d.Blind || d.To == "" || len(d.Reference) < 20 || d.Began.IsZero() || d.Attempts != 1 {
			b.t.Fatalf("%+v", d)
		}
		_, err := b.s.Answered(b.t.Context(), d, &waxwing.Reply{Said: waxwing.SaidTaken, Evidence: waxwing.Evidence{Ref: "e-1", Words: "event accepted"}})
		b.must(err)
		v := b.wantIs(conf, waxwing.Sent)
		last := v.Trail[len(v.Trail)-1]
		if marks(v, "possible_duplicate") != 0 || marks(v, "asked") != 1 || len(v.Messages[0].Attempts) != 1 || last.Detail["ref"] != "e-1" || last.Detail["evidence"] != "event accepted" {
			b.t.Fatalf("%+v", last)
		}
		_, err = b.s.Answered(b.t.Context(), d, &waxwing.Reply{Said: waxwing.SaidAbsent})
		b.wantState(err)
	}
}

// askedInVain asks about a mail that its provider does not know, or cannot be asked about: it is
// asked again, also where the one who asks dies, and then the policy decides.
func askedInVain(policy string, want waxwing.State) func(b *Bench) {
	return func(b *Bench) {
		conf, msg, first := doubtful(b, policy+AndAsk)
		b.crash(policy + AndAsk) // nobody answers
		d := asks(b, 16*time.Second)
		_, err := b.s.Answered(b.t.Context(), first, &waxwing.Reply{Said: waxwing.SaidTaken})
		b.wantState(err) // who asked was not heard of since
		_, err = b.s.Answered(b.t.Context(), d, &waxwing.Reply{Said: waxwing.SaidUnknown, Again: b.clock().Add(time.Minute)})
		b.must(err)
		d = asks(b, 61*time.Second)
		held, err := b.s.Answered(b.t.Context(), d, &waxwing.Reply{Said: waxwing.SaidAbsent})
		b.must(err)
		v := b.wantIs(conf, want)
		if held != (policy == "hold") || marks(v, "asked") != 2 || held != (v.Messages[0].Reason == waxwing.HeldInDoubt) {
			b.t.Fatalf("held %v, %+v", held, v.Messages[0])
		}
		b.later(time.Second)
		got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9)
		b.must(err)
		if policy != "resend" {
			if len(got) != 0 {
				b.t.Fatal("sent again")
			}
			return
		}
		if marks(v, "possible_duplicate") != 1 || len(got) != 1 || got[0].Out.Message != msg || got[0].Doubts != 1 || got[0].Attempt != 2 {
			b.t.Fatalf("%+v", got)
		}
		b.send(got[0])
		b.wantIs(conf, waxwing.Sent)
	}
}

// notAskedAnyMore has the rule forbid a copy of a message that waits for its provider's answer.
func notAskedAnyMore(b *Bench) {
	conf, _, _ := doubtful(b, "hold"+AndAsk)
	b.crash("hold")
	b.later(time.Minute)
	if got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9); err != nil || len(got) != 0 {
		b.t.Fatalf("sent again: %d %v", len(got), err)
	}
	if v := b.wantIs(conf, waxwing.Uncertain); v.Messages[0].Reason != waxwing.HeldInDoubt {
		b.t.Fatalf("%+v", v.Messages[0])
	}
}
