package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline"
)

// at answers one phase.
func at(p waxwing.Phase, a sink.Answer) sink.Plan {
	return func(q sink.Question) sink.Answer {
		if q.Phase == p {
			return a
		}
		return sink.Answer{}
	}
}

// wantText wants one German text with number and link, and its trail.
func (r *rig) wantText(v *waxwing.ConfirmationView, number string) {
	r.t.Helper()
	texts := r.allTexts()
	if len(texts) != 1 {
		r.t.Fatalf("%d texts", len(texts))
	}
	x := texts[0]
	if x.To != "+4915112345678" || x.From != "+15005550006" || !strings.Contains(x.Body, number) ||
		!strings.Contains(x.Body, "https://acme.example/track/"+number) || !strings.Contains(x.Body, "Bestell") {
		r.t.Fatalf("%+v", x)
	}
	if len(v.Messages) != 2 || v.Messages[1].Channel != waxwing.SMS || v.Messages[1].State != waxwing.Sent || v.Messages[1].Locale != "de" {
		r.t.Fatalf("%+v", v.Messages)
	}
	r.verified()
}

func TestRejectedMailBecomesText(t *testing.T) {
	r := newRig(t, withPlan(at(waxwing.PhaseRcpt, sink.Answer{Code: 550, Text: "5.1.1 no such user"})))
	v := r.until(r.accepted(shopifyOrder(41, "nobody@example.com", "paid")), waxwing.Sent)
	r.wantText(v, "41")
	m := v.Messages[0]
	if m.State != waxwing.Failed || m.Reason != "bad_address" || len(m.Attempts) != 1 || m.Attempts[0].Code != 550 ||
		m.Attempts[0].Enhanced != "5.1.1" || m.Attempts[0].Phase != waxwing.PhaseRcpt || !strings.Contains(m.Attempts[0].Reply, "no such user") {
		t.Fatalf("%+v", m)
	}
	wantCauses(t, v, "verdict", "fallback")
	if len(r.allMails()) != 0 {
		t.Fatal("a mail came, too")
	}
}

func TestNoAddressBecomesText(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"none": {"email": nil, "contact_email": nil, "customer": map[string]any{"id": 1, "first_name": "Jana", "phone": "+4915112345678"}},
		"bad": {"email": "jana@@example", "contact_email": nil, "customer": map[string]any{"id": 1, "first_name": "Jana",
			"email": "jana@@example", "phone": "+4915112345678"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.until(r.accepted(order(42, "x@example.com", change)), waxwing.Sent)
			r.wantText(v, "42")
			if m := v.Messages[0]; m.State != waxwing.Failed || strings.Contains(m.Reason, "jana") {
				t.Fatalf("%+v", m)
			}
		})
	}
}

func TestNoWayToReachAnyone(t *testing.T) {
	r := newRig(t)
	id := r.accepted(order(43, "x@example.com", map[string]any{"email": nil, "customer": nil}))
	if v := r.until(id, waxwing.Failed); v.Messages[0].Reason != "no_address" {
		t.Fatalf("%+v", v.Messages)
	}
}

func TestUnreachableBecomesText(t *testing.T) {
	clock := &testClock{}
	r := newRig(t, withClock(clock), withPlan(func(sink.Question) sink.Answer { return sink.Answer{Drop: true} }))
	id := r.accepted(shopifyOrder(44, "jana@example.com", "paid"))
	r.poll("a fault", func() bool { return len(r.get(id).Messages) > 0 && len(r.get(id).Messages[0].Attempts) > 0 })
	before := len(r.get(id).Messages[0].Attempts)
	clock.forward(4 * time.Minute)
	r.poll("another one", func() bool { return len(r.get(id).Messages[0].Attempts) > before })
	if len(r.allTexts()) != 0 {
		t.Fatal("a text after four minutes")
	}
	clock.forward(2 * time.Minute)
	v := r.until(id, waxwing.Sent)
	r.wantText(v, "44")
	if m := v.Messages[0]; m.State != waxwing.Cancelled || m.Reason != "unreachable" {
		t.Fatalf("%+v", m)
	}
}

// The outage began before a restart: the customer has waited all the same.
func TestUnreachableAcrossARestart(t *testing.T) {
	clock := &testClock{}
	r := newRig(t, withClock(clock), withPlan(func(sink.Question) sink.Answer { return sink.Answer{Drop: true} }))
	id := r.accepted(shopifyOrder(45, "jana@example.com", "paid"))
	r.poll("a fault", func() bool { m := r.get(id).Messages; return len(m) > 0 && len(m[0].Attempts) > 1 })
	clock.forward(3 * time.Minute)
	before := len(r.get(id).Messages[0].Attempts)
	r.restart(daemon.Extras{Clock: clock.now})
	r.poll("a fault", func() bool { return len(r.get(id).Messages[0].Attempts) > before })
	clock.forward(3 * time.Minute)
	r.wantText(r.until(id, waxwing.Sent), "45")
}

// Nobody is woken by a text: it waits for the end of the quiet hours.
func TestTextWaitsForTheMorning(t *testing.T) {
	clock := &testClock{}
	now := time.Now().UTC()
	r := newRig(t, withClock(clock), withPlan(at(waxwing.PhaseRcpt, sink.Answer{Code: 550, Text: "5.1.1 no such user"})), func(r *rig, _ *daemon.Extras) {
		acme := r.cfg.Tenants["acme"]
		acme.Quiet = &config.Quiet{From: now.Add(-time.Hour).Format("15:04"), To: now.Add(3 * time.Hour).Format("15:04"), TimeZone: "UTC"}
		r.cfg.Tenants["acme"] = acme
	})
	id := r.accepted(shopifyOrder(46, "nobody@example.com", "paid"))
	queued := func() bool {
		m := r.get(id).Messages
		return len(m) == 2 && m[0].State == waxwing.Failed && m[1].State == waxwing.Queued
	}
	r.poll("a text that waits", queued)
	clock.forward(2 * time.Hour)
	<-time.After(1500 * time.Millisecond) // the sweeper looks each second
	if !queued() || len(r.allTexts()) != 0 {
		t.Fatalf("%+v", r.get(id).Messages)
	}
	clock.forward(time.Hour)
	v := r.until(id, waxwing.Sent)
	r.wantText(v, "46")
	if !strings.Contains(fmt.Sprint(v.Trail), "it waits for the end of the quiet hours") {
		t.Errorf("%+v", v.Trail)
	}
}

// A mail that may have arrived is not followed by a text.
func TestNoTextWhileInDoubt(t *testing.T) {
	clock := &testClock{}
	var lost atomic.Bool
	r := newRig(t, withClock(clock), withPlan(func(q sink.Question) sink.Answer {
		switch {
		case lost.Load():
			return sink.Answer{Drop: true}
		case q.Phase == waxwing.PhaseDot:
			lost.Store(true)
			return sink.Answer{Lost: true}
		}
		return sink.Answer{}
	}))
	id := r.accepted(shopifyOrder(46, "jana@example.com", "paid"))
	r.until(id, waxwing.Uncertain)
	for range 4 {
		clock.forward(5 * time.Minute)
		before := len(r.get(id).Messages[0].Attempts)
		r.poll("another attempt", func() bool { return len(r.get(id).Messages[0].Attempts) > before })
	}
	if len(r.allTexts()) != 0 || len(r.get(id).Messages) != 1 {
		t.Fatal("a text followed a mail that may have arrived")
	}
}

// TestTextsInDoubtHaveAnEnd: the copies of a text are counted as those of a mail are.
func TestTextsInDoubtHaveAnEnd(t *testing.T) {
	clock := &testClock{}
	truth := sink.NewTruth()
	lost := httptest.NewServer(&sink.Twilio{Truth: truth, Plan: func(sink.Question) sink.Answer { return sink.Answer{Lost: true} }})
	defer lost.Close()
	r := newRig(t, withClock(clock), withPlan(at(waxwing.PhaseRcpt, sink.Answer{Code: 550, Text: "5.1.1 no such user"})), func(r *rig, _ *daemon.Extras) {
		r.cfg.Providers["lost"] = provider(`type: twilio, account: AC2, token: t, from: "+15005550099", base_url: "` + lost.URL + `"`)
		r.cfg.Pipeline[len(r.cfg.Pipeline)-1].Settings.(*pipeline.Fallback).Providers = []string{"lost"}
	})
	id := r.accepted(shopifyOrder(47, "nobody@example.com", "paid"))
	held := func() bool {
		m := r.get(id).Messages
		return len(m) == 2 && m[1].State == waxwing.Uncertain && m[1].Reason == waxwing.HeldInDoubt
	}
	r.poll("held", func() bool { clock.forward(2 * time.Second); return held() })
	if v := r.get(id); truth.Total() != 4 || strings.Count(causes(v), "possible_duplicate") != 3 {
		t.Fatalf("%d texts, %s", truth.Total(), causes(v))
	}
	clock.forward(24 * time.Hour)
	if v := r.until(id, waxwing.Failed); v.Messages[1].Reason != "expired_uncertain" || truth.Total() != 4 {
		t.Fatalf("%+v", v.Messages[1])
	}
}

// TestBouncedMailBecomesText: a mail that was accepted comes back for good, twice, and a text goes out in its place, once.
func TestBouncedMailBecomesText(t *testing.T) {
	box := t.TempDir()
	for _, sub := range []string{"new", "cur", "tmp"} {
		if err := os.Mkdir(filepath.Join(box, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, func(r *rig, _ *daemon.Extras) {
		r.cfg = testConfigWith(t, fmt.Sprintf("feedback: {maildir: %q, every: 1s}\n", box))
		acme := r.cfg.Tenants["acme"]
		acme.ReturnPath = "bounces@mail.acme.example"
		r.cfg.Tenants["acme"] = acme
	})
	id := r.accepted(shopifyOrder(43, "gone@example.com", "paid"))
	v := r.until(id, waxwing.Sent)
	bounce := func(name string) {
		b := fmt.Sprintf("Delivered-To: %s\r\nFrom: MAILER-DAEMON@mx.example.com\r\nSubject: Undelivered Mail Returned to Sender\r\n"+
			"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"+
			"Reporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"+
			"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n", r.allMails()[0].From)
		if err := os.WriteFile(filepath.Join(box, "tmp", name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(box, "tmp", name), filepath.Join(box, "new", name)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) func() bool {
		return func() bool { _, err := os.Stat(filepath.Join(box, "new", name)); return os.IsNotExist(err) }
	}
	bounce("1")
	r.poll("the text", func() bool {
		v = r.get(v.ID.String())
		return len(v.Messages) == 2 && v.Messages[1].State == waxwing.Sent
	})
	bounce("2")
	r.poll("the second bounce to be read", read("2"))
	v = r.get(v.ID.String())
	r.wantText(v, "43")
	wantCauses(t, v, "annotated", "fallback")
	if strings.Count(causes(v), "by_person") != 1 || v.Messages[0].State != waxwing.Sent {
		t.Errorf("%s; the mail is %s", causes(v), v.Messages[0].State)
	}
}
