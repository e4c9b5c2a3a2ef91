package main

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline"
)

// asked sends one order by a house of mails as it is told to be, and gives what came of it and how
// many mails that were.
func asked(t *testing.T, policy string, first sink.Answer, silent, ask bool) (*waxwing.ConfirmationView, int, int) {
	t.Helper()
	h := newMailhouse(t)
	var posts, took atomic.Int64
	h.plan = func(sink.Question) sink.Answer {
		if posts.Add(1) == 1 {
			return first
		}
		return sink.Answer{}
	}
	h.silent = func(string) bool { return silent }
	h.took = func(string, string) { took.Add(1) }
	r := newRig(t, func(r *rig, _ *daemon.Extras) {
		r.cfg.Providers["house"] = provider(h.keys())
		for i := range r.cfg.Pipeline {
			if s, ok := r.cfg.Pipeline[i].Settings.(*pipeline.Send); ok {
				s.Providers, s.Uncertain.Policy, s.Uncertain.Ask = []string{"house"}, policy, ask
				s.Uncertain.After = config.Duration(200 * time.Millisecond) // shorter than a file may say
			}
		}
	})
	code, rc := r.shopify("shopify", shopifyOrder(1, "ada@example.com", "paid"))
	if code != http.StatusAccepted {
		t.Fatalf("%d %+v", code, rc)
	}
	var v *waxwing.ConfirmationView
	r.poll("its end", func() bool {
		v = r.get(rc.ID)
		return v.State == waxwing.Sent || len(v.Messages) > 0 && v.Messages[0].Reason == waxwing.HeldInDoubt
	})
	return v, int(took.Load()), h.questions()
}

// What Mailgun took though its answer was lost is found there, whatever the policy, and is sent
// without a second mail. What it does not know of, or will not tell of, the policy decides.
func TestAsked(t *testing.T) {
	lost, dropped := sink.Answer{Lost: true}, sink.Answer{Drop: true}
	for _, c := range []struct {
		name, policy string
		first        sink.Answer
		silent, ask  bool
		state        waxwing.State
		mails, marks int
		last         string // what was said last
	}{
		{"taken", "resend", lost, false, true, waxwing.Sent, 1, 0, waxwing.SaidTaken},
		{"taken, else held", "hold", lost, false, true, waxwing.Sent, 1, 0, waxwing.SaidTaken},
		{"never came", "resend", dropped, false, true, waxwing.Sent, 1, 1, waxwing.SaidAbsent},
		{"never came, held", "hold", dropped, false, true, waxwing.Uncertain, 0, 0, waxwing.SaidAbsent},
		{"taken, and the API is down", "resend", lost, true, true, waxwing.Sent, 2, 1, waxwing.SaidUnknown},
		{"taken, and nobody is asked", "resend", lost, false, false, waxwing.Sent, 2, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, mails, questions := asked(t, c.policy, c.first, c.silent, c.ask)
			marks, said := 0, ""
			for _, e := range v.Trail {
				switch e.Cause {
				case "possible_duplicate":
					marks++
				case "asked":
					said = e.Detail["answer"]
				}
			}
			if v.State != c.state || mails != c.mails || marks != c.marks || said != c.last || (questions > 0) != c.ask {
				t.Errorf("%s: %d mails, %d marks, said %q by %d questions: %+v", v.State, mails, marks, said, questions, v.Trail)
			}
		})
	}
}
