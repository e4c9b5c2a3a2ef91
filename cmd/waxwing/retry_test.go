package main

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline"
)

func TestDeferredTwiceThenTaken(t *testing.T) {
	var asked atomic.Int32
	clock := &testClock{}
	r := newRig(t, withClock(clock), withPlan(func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseRcpt && asked.Add(1) <= 2 {
			return sink.Answer{Code: 450, Text: "4.2.0 greylisted"}
		}
		return sink.Answer{}
	}))
	id := r.accepted(shopifyOrder(51, "jana@example.com", "paid"))
	for n := 1; n <= 2; n++ {
		r.poll("a deferral", func() bool {
			m := r.get(id).Messages
			return len(m) > 0 && len(m[0].Attempts) == n && m[0].State == waxwing.Queued
		})
		// A minute, give or take a fifth.
		if wait := r.get(id).Messages[0].NextAt.Sub(clock.now()); wait < 40*time.Second || wait > 73*time.Second {
			t.Fatalf("the next try is in %s", wait)
		}
		clock.forward(90 * time.Second)
	}
	v := r.until(id, waxwing.Sent)
	if len(v.Messages) != 1 || len(v.Messages[0].Attempts) != 3 || r.truth.Total() != 1 || strings.Contains(causes(v), "possible") {
		t.Fatalf("%+v", v.Messages)
	}
}

func TestProviderDownThenUp(t *testing.T) {
	var up atomic.Bool
	r := newRig(t, withPlan(func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseBanner && !up.Load() {
			return sink.Answer{Code: 421, Text: "4.3.2 closed"}
		}
		return sink.Answer{}
	}))
	const n = 20
	r.storm(1, n)
	r.poll("faults", func() bool { return len(r.list("?state=queued&limit=1")) == 1 })
	up.Store(true)
	r.wait(n)
	r.stop()
	r.oneEach(1, n)
}

// secondServer is one more provider, asked after the first.
func withSecond(t *testing.T, name string, truth *sink.Truth, mails chan sink.Mail) rigOption {
	s := sink.New(sink.Config{Truth: truth, Keep: true, OnMail: func(m sink.Mail) { m.Data = bytes.Clone(m.Data); mails <- m }})
	addr, err := s.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return func(r *rig, _ *daemon.Extras) {
		r.cfg.Providers[name] = mailer(addr, 4)
		r.sendStage().Providers = append(r.sendStage().Providers, name)
	}
}

func TestSecondProviderAtOnce(t *testing.T) {
	mails := make(chan sink.Mail, 64)
	r := newRig(t, withSecond(t, "spare", sink.NewTruth(), mails),
		withPlan(func(sink.Question) sink.Answer { return sink.Answer{Drop: true} }))
	for i := range 8 {
		began := time.Now()
		id := r.accepted(shopifyOrder(60+i, "jana@example.com", "paid"))
		<-mails
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the mail took %s while the first provider was down", took)
		}
		r.until(id, waxwing.Sent)
	}
}

// A first provider that answers nothing at all is left after a second.
func TestSecondProviderWhenTheFirstHangs(t *testing.T) {
	mails := make(chan sink.Mail, 64)
	r := newRig(t, withSecond(t, "spare", sink.NewTruth(), mails),
		withPlan(at(waxwing.PhaseMail, sink.Answer{Delay: time.Minute})))
	began := time.Now()
	r.accepted(shopifyOrder(70, "jana@example.com", "paid"))
	<-mails
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the mail took %s while the first provider hung", took)
	}
}

// A refusal for policy tries the next provider; what that one says counts.
func TestPolicyTriesTheNextProvider(t *testing.T) {
	mails := make(chan sink.Mail, 64)
	r := newRig(t, withSecond(t, "spare", sink.NewTruth(), mails),
		withPlan(at(waxwing.PhaseDot, sink.Answer{Code: 554, Text: "5.7.1 blocked"})))
	id := r.accepted(shopifyOrder(71, "jana@example.com", "paid"))
	<-mails
	v := r.until(id, waxwing.Sent)
	if a := v.Messages[0].Attempts; len(a) != 2 || a[0].Code != 554 || a[1].Provider != "spare" {
		t.Fatalf("%+v", a)
	}
}

// Taken, but the answer is lost: it goes again, marked, and the very same.
func TestLostAnswerGoesAgainMarkedAndTheSame(t *testing.T) {
	var asked atomic.Int32
	clock := &testClock{}
	r := newRig(t, withClock(clock), withPlan(func(q sink.Question) sink.Answer {
		return sink.Answer{Lost: q.Phase == waxwing.PhaseDot && asked.Add(1) == 1}
	}))
	id := r.accepted(shopifyOrder(52, "jana@example.com", "paid"))
	r.until(id, waxwing.Uncertain)
	clock.forward(2 * time.Minute)
	v := r.until(id, waxwing.Sent)
	wantCauses(t, v, "possible_duplicate")
	m := r.mailsTo("jana@example.com")
	if len(m) != 2 || !bytes.Equal(m[0].Data, m[1].Data) || m[0].MessageID != m[1].MessageID || m[0].MessageID == "" {
		t.Fatalf("%d mails, not the same", len(m))
	}
	code, eml := r.api("GET", "/confirmations/"+id+"/message", nil)
	if code != 200 || eml != string(m[0].Data) {
		t.Fatalf("the kept message is not the sent one: %d", code)
	}
	r.verified()
}

func TestLostAnswerByPolicy(t *testing.T) {
	for policy, want := range map[string]waxwing.State{"assume_sent": waxwing.Sent, "hold": waxwing.Uncertain} {
		t.Run(policy, func(t *testing.T) {
			clock := &testClock{}
			r := newRig(t, withClock(clock), withPlan(at(waxwing.PhaseDot, sink.Answer{Lost: true})),
				withSend(func(s *pipeline.Send) { s.Uncertain.Policy = policy }))
			id := r.accepted(shopifyOrder(53, "jana@example.com", "paid"))
			r.until(id, waxwing.Uncertain)
			clock.forward(time.Hour)
			other := r.accepted(shopifyOrder(54, "other@example.com", "paid"))
			r.until(other, waxwing.Uncertain) // the sweeper has been round
			r.until(id, want)
			if n := len(r.mailsTo("jana@example.com")); n != 1 {
				t.Fatalf("%d mails", n)
			}
		})
	}
}

// Its time to live ends what nobody takes.
func TestTimeToLiveEndsIt(t *testing.T) {
	clock := &testClock{}
	r := newRig(t, withClock(clock), withPlan(at(waxwing.PhaseRcpt, sink.Answer{Code: 451, Text: "4.3.0 later"})))
	id := r.accepted(shopifyOrder(55, "jana@example.com", "paid"))
	r.poll("a deferral", func() bool { m := r.get(id).Messages; return len(m) > 0 && len(m[0].Attempts) > 0 })
	clock.forward(24*time.Hour + time.Minute)
	v := r.until(id, waxwing.Failed)
	if v.Messages[0].Reason != "expired" {
		t.Fatalf("%+v", v.Messages[0])
	}
	r.verified()
}
