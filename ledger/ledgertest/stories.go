package ledgertest

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

func oneOrder(b *Bench) {
	conf, msg := b.queued()
	c := b.claim(msg)
	if c.Out.To != Person || c.Attempt != 1 || len(c.Out.Data) != 1800 || c.Out.IdempotencyKey == "" {
		b.t.Fatalf("claim %+v", c.Attempt)
	}
	b.send(c)
	v := b.wantIs(conf, waxwing.Sent)
	a := v.Messages[0].Attempts
	if len(a) != 1 || a[0].Reply != "250 ok" || a[0].Ref != "q1" || v.Messages[0].To != Person {
		b.t.Fatalf("attempts %+v", a)
	}
	var got []string
	for _, e := range v.Trail {
		got = append(got, string(e.From)+">"+string(e.To))
	}
	if s := strings.Join(got, " "); s != ">received received>ready >queued queued>claimed claimed>dot dot>sent" {
		b.t.Fatalf("trail %s", s)
	}
	out, err := b.s.Bytes(b.t.Context(), "acme", conf, 0)
	b.must(err)
	if !bytes.Equal(out.Data, c.Out.Data) {
		b.t.Fatal("the kept bytes differ from the sent ones")
	}
	_, err = b.s.Claim(b.t.Context(), msg)
	b.wantState(err)
}

func duplicates(b *Bench) {
	ev := b.event("web", "1001", 0, invented(1))
	first := b.accept(ev)
	again := b.accept(ev)
	if !first.New || again.New || again.ID != first.ID || again.Work {
		b.t.Fatalf("%+v %+v", first, again)
	}
	b.send(b.claim(b.ready(first.ID)))
	if rc := b.accept(ev); rc.New || rc.ID != first.ID {
		b.t.Fatalf("%+v", rc)
	}
	if v := b.wantIs(first.ID, waxwing.Sent); len(v.Messages) != 1 || marks(v, "duplicate_event") != 2 {
		b.t.Fatalf("%d messages, %d marks", len(v.Messages), marks(v, "duplicate_event"))
	}
}

func newerEvent(b *Bench) {
	first := b.accept(b.event("web", "1001", 0, "old"))
	stale, err := b.s.Work(b.t.Context(), first.ID)
	b.must(err)
	b.accept(b.event("web", "1001", 5, "new"))
	b.accept(b.event("web", "1001", 3, "between"))
	_, err = b.s.Ready(b.t.Context(), stale, []waxwing.Draft{draft(stale)}, lookup, time.Hour)
	b.wantState(err) // the old render must not win
	w, err := b.s.Work(b.t.Context(), first.ID)
	b.must(err)
	if string(w.Raw) != "new" {
		b.t.Fatalf("work has %q", w.Raw)
	}
	b.ready(first.ID)
	if rc := b.accept(b.event("web", "1001", 9, "late")); rc.Work || rc.ID != first.ID {
		b.t.Fatalf("%+v", rc)
	}
	// Of two events of one second the one that says more counts.
	second := b.accept(b.event("web", "1002", 0, "created"))
	paid := b.event("web", "1002", 0, "paid")
	paid.Key.Rank, paid.Format = 1, "shopify" // it came another way
	b.accept(paid)
	b.accept(b.event("web", "1002", 0, "created"))
	w, err = b.s.Work(b.t.Context(), second.ID)
	b.must(err)
	if string(w.Raw) != "paid" || w.Format != "shopify" {
		b.t.Fatalf("work has %q as %s", w.Raw, w.Format)
	}
}

func twoShops(b *Bench) {
	a, c := b.accept(b.event("web", "1001", 0, "a")), b.accept(b.event("outlet", "1001", 0, "b"))
	if a.ID == c.ID || !c.New {
		b.t.Fatal("two shops share a confirmation")
	}
}

func held(b *Bench) {
	rc := b.accept(b.event("web", "1001", 0, "unpaid"))
	w, err := b.s.Work(b.t.Context(), rc.ID)
	b.must(err)
	b.must(b.s.Hold(b.t.Context(), w, "payment pending", b.clock().Add(14*24*time.Hour), lookup))
	if v := b.wantIs(rc.ID, waxwing.Held); v.Reason != "payment pending" {
		b.t.Fatalf("reason %q", v.Reason)
	}
	if again := b.accept(b.event("web", "1001", 5, "paid")); !again.Work || again.ID != rc.ID {
		b.t.Fatalf("%+v", again)
	}
	b.send(b.claim(b.ready(rc.ID)))
	other := b.accept(b.event("web", "1002", 0, "unpaid"))
	w, err = b.s.Work(b.t.Context(), other.ID)
	b.must(err)
	b.must(b.s.Hold(b.t.Context(), w, "payment pending", b.clock().Add(time.Hour), lookup))
	b.later(2 * time.Hour)
	if due, _, err := b.s.DueWork(b.t.Context(), time.Time{}, 0, 10); err != nil || len(due) != 0 {
		b.t.Fatalf("due to be rendered: %v %v", due, err)
	}
	due, err := b.s.DueHolds(b.t.Context(), 10)
	b.must(err)
	if len(due) != 1 || due[0] != other.ID {
		b.t.Fatalf("due %v", due)
	}
	w, err = b.s.Work(b.t.Context(), other.ID)
	b.must(err)
	b.must(b.s.Cancel(b.t.Context(), w, "hold_expired", lookup))
	b.wantIs(other.ID, waxwing.Cancelled)
}

func quarantined(b *Bench) {
	ev := b.event("web", "", 0, "{{{")
	ev.Poison = "not JSON at byte 1"
	rc := b.accept(ev)
	if rc.State != waxwing.Quarantined || rc.Work {
		b.t.Fatalf("%+v", rc)
	}
	if again := b.accept(ev); again.ID != rc.ID || again.New {
		b.t.Fatalf("%+v", again)
	}
	b.must(b.s.Release(b.t.Context(), "acme", rc.ID, act))
	w, err := b.s.Work(b.t.Context(), rc.ID)
	b.must(err)
	if string(w.Raw) != "{{{" || !w.Asked {
		b.t.Fatalf("%q", w.Raw)
	}
	b.must(b.s.Quarantine(b.t.Context(), w, "still not", waxwing.Lookup{}))
	b.wantIs(rc.ID, waxwing.Quarantined)
	ping := b.event("web", "", 0, "webhook_id=1")
	ping.Key = waxwing.EventKey{Ignore: "ping"}
	if p := b.accept(ping); p.State != waxwing.Ignored || p.Work {
		b.t.Fatalf("%+v", p)
	}
}

func stale(b *Bench) {
	ev := b.event("web", "1001", 0, "old")
	ev.Stale = true
	rc := b.accept(ev)
	if rc.State != waxwing.Held || rc.Work {
		b.t.Fatalf("%+v", rc)
	}
	b.later(100 * 24 * time.Hour)
	if due, err := b.s.DueHolds(b.t.Context(), 10); err != nil || len(due) != 0 {
		b.t.Fatalf("%v %v", due, err)
	}
	b.must(b.s.Release(b.t.Context(), "acme", rc.ID, act))
	b.send(b.claim(b.ready(rc.ID)))
	b.wantIs(rc.ID, waxwing.Sent)
}

// oldOrder: an edit of last year's order is no news, a late payment is.
func oldOrder(b *Bench) {
	edit := b.event("web", "1001", 0, "edited")
	edit.Old = true
	if rc := b.accept(edit); rc.State != waxwing.Held || rc.Work {
		b.t.Fatalf("%+v", rc)
	}
	again := b.event("web", "1001", 1, "edited again")
	again.Old = true
	if rc := b.accept(again); rc.State != waxwing.Held || rc.Work {
		b.t.Fatalf("%+v", rc)
	}
	rc := b.accept(b.event("web", "1002", 0, "unpaid"))
	w, err := b.s.Work(b.t.Context(), rc.ID)
	b.must(err)
	b.must(b.s.Hold(b.t.Context(), w, "payment pending", b.clock().Add(14*24*time.Hour), lookup))
	paid := b.event("web", "1002", 5, "paid")
	paid.Old = true
	if rc := b.accept(paid); rc.State != waxwing.Received || !rc.Work {
		b.t.Fatalf("%+v", rc)
	}
	late := b.event("web", "1002", 6, "delivered after an outage")
	late.Stale = true
	if rc := b.accept(late); rc.State != waxwing.Held || rc.Work {
		b.t.Fatalf("%+v", rc)
	}
}

func deferral(next time.Time) *waxwing.Resolution {
	return &waxwing.Resolution{To: waxwing.Queued, NextAt: next, Counts: true, Attempt: waxwing.Attempt{Provider: "mail",
		Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault, Phase: waxwing.PhaseRcpt, Code: 451, Reply: "451 later"}}
}

func deferred(b *Bench) {
	conf, msg := b.queued()
	c := b.claim(msg)
	b.must(b.s.Resolve(b.t.Context(), c, deferral(b.clock().Add(time.Minute))))
	_, err := b.s.Claim(b.t.Context(), msg)
	b.wantState(err)
	b.later(30 * time.Second)
	if got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9); err != nil || len(got) != 0 {
		b.t.Fatalf("%d %v", len(got), err)
	}
	b.later(40 * time.Second)
	got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9)
	b.must(err)
	if len(got) != 1 || got[0].Tries != 1 || got[0].Attempt != 2 || !bytes.Equal(got[0].Out.Data, c.Out.Data) ||
		got[0].Out.IdempotencyKey != c.Out.IdempotencyKey {
		b.t.Fatal("the second offer differs from the first")
	}
	b.send(got[0])
	if v := b.wantIs(conf, waxwing.Sent); len(v.Messages[0].Attempts) != 2 || marks(v, "possible_duplicate") != 0 {
		b.t.Fatalf("%+v", v.Messages[0].Attempts)
	}
}

// crash opens the store again as after kill -9: what was claimed is still claimed,
// since closing gives the folder's lock free and no claim.
func (b *Bench) crash(policy string) {
	b.t.Helper()
	b.must(b.s.Close())
	b.start(policy)
}

func crashClaimed(b *Bench) {
	conf, msg := b.queued()
	b.claim(msg)
	b.crash("resend")
	b.later(2 * time.Second)
	got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9)
	b.must(err)
	if len(got) != 1 {
		b.t.Fatal("not queued again")
	}
	b.send(got[0])
	if v := b.wantIs(conf, waxwing.Sent); marks(v, "possible_duplicate") != 0 || marks(v, "takeover") != 1 {
		b.t.Fatal("a crash before the dot is silent")
	}
}

func crashDot(b *Bench) {
	conf, msg := b.queued()
	b.must(b.s.CommitDot(b.t.Context(), b.claim(msg), "mail"))
	b.crash("resend")
	b.wantIs(conf, waxwing.Uncertain)
	if got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9); err != nil || len(got) != 0 {
		b.t.Fatalf("%d %v", len(got), err)
	}
	b.later(2 * time.Minute)
	got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 9)
	b.must(err)
	if len(got) != 1 || got[0].Attempt != 2 {
		b.t.Fatalf("%d claims", len(got))
	}
	b.send(got[0])
	if v := b.wantIs(conf, waxwing.Sent); marks(v, "possible_duplicate") != 1 || len(v.Messages[0].Attempts) != 2 {
		b.t.Fatal("a crash after the dot leaves one mark")
	}
}

// ends has what needs no claim end, and wants so many to.
func (b *Bench) ends(n int) {
	b.t.Helper()
	before := strings.Count(b.export(), `"cause":"expired"`) + strings.Count(b.export(), `"cause":"assumed_sent"`)
	more, err := b.s.EndDue(b.t.Context())
	b.must(err)
	if got := strings.Count(b.export(), `"cause":"expired"`) + strings.Count(b.export(), `"cause":"assumed_sent"`) - before; got != n || more {
		b.t.Fatalf("%d ended, want %d; more: %v", got, n, more)
	}
}

func assumed(b *Bench) {
	conf, msg := b.queued()
	b.must(b.s.CommitDot(b.t.Context(), b.claim(msg), "mail"))
	b.crash("assume_sent")
	b.ends(0)
	b.later(2 * time.Minute)
	b.ends(1)
	if v := b.wantIs(conf, waxwing.Sent); v.Messages[0].Reason != "assumed_sent" {
		b.t.Fatalf("%+v", v.Messages[0])
	}
}

func fallback(b *Bench) {
	conf, msg := b.queued()
	c := b.claim(msg)
	b.must(b.s.CommitDot(b.t.Context(), c, "mail"))
	sms := waxwing.Draft{Channel: waxwing.SMS, State: waxwing.Queued, From: "+15005550006", To: "+4915100000000", Data: []byte("Danke"), Locale: "de"}
	b.must(b.s.Resolve(b.t.Context(), c, &waxwing.Resolution{To: waxwing.Failed, Reason: "rejected", Fallback: []waxwing.Draft{sms},
		Lookup: waxwing.Lookup{People: []string{sms.To}}, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Rejected,
			Fault: waxwing.AddressFault, Phase: waxwing.PhaseDot, Code: 550}}))
	c = b.claim(msg + 1)
	if c.Out.Channel != waxwing.SMS || string(c.Out.Data) != "Danke" {
		b.t.Fatalf("%+v", c.Out.Channel)
	}
	b.send(c)
	b.wantIs(conf, waxwing.Sent)
	found, err := b.s.List(b.t.Context(), waxwing.Query{Tenant: "acme", Email: "+49 151 00000000"})
	b.must(err)
	if len(found) != 1 {
		b.t.Fatal("not found by the phone number")
	}
}

func cancelled(b *Bench) {
	conf, msg := b.queued()
	c := b.claim(msg)
	b.must(b.s.Stop(b.t.Context(), "acme", conf, act))
	b.wantState(b.s.CommitDot(b.t.Context(), c, "mail"))
	r := accepted()
	b.wantState(b.s.Resolve(b.t.Context(), c, &r))
	b.wantIs(conf, waxwing.Cancelled)
	conf2 := b.accept(b.event("web", "1002", 0, "x"))
	c2 := b.claim(b.ready(conf2.ID))
	b.must(b.s.CommitDot(b.t.Context(), c2, "mail"))
	b.wantState(b.s.Stop(b.t.Context(), "acme", conf2.ID, act))
	r = accepted()
	b.must(b.s.Resolve(b.t.Context(), c2, &r))
	b.wantIs(conf2.ID, waxwing.Sent)
}

func suppressed(b *Bench) {
	conf, msg := b.queued()
	c := b.claim(msg)
	b.must(b.s.Suppress(b.t.Context(), "acme", strings.ToUpper(Person), act))
	b.wantState(b.s.CommitDot(b.t.Context(), c, "mail"))
	b.wantIs(conf, waxwing.Suppressed)
	next := b.accept(b.event("web", "1002", 0, "x"))
	b.ready(next.ID)
	b.wantIs(next.ID, waxwing.Suppressed)
	b.crash("resend")
	third := b.accept(b.event("web", "1003", 0, "x"))
	b.ready(third.ID)
	b.wantIs(third.ID, waxwing.Suppressed)
}

func expired(b *Bench) {
	conf, msg := b.queued()
	c := b.claim(msg)
	b.must(b.s.Resolve(b.t.Context(), c, deferral(b.clock().Add(100*time.Hour))))
	b.ends(0)
	b.later(24*time.Hour + 2*time.Second)
	b.ends(1)
	if v := b.wantIs(conf, waxwing.Failed); v.Messages[0].Reason != "expired" {
		b.t.Fatalf("%+v", v.Messages[0].Reason)
	}
	conf2 := b.accept(b.event("web", "1002", 0, "x"))
	c2 := b.claim(b.ready(conf2.ID))
	b.later(25 * time.Hour)
	b.wantState(b.s.CommitDot(b.t.Context(), c2, "mail"))
}

func erased(b *Bench) {
	conf, msg := b.queued()
	b.send(b.claim(msg))
	waiting := b.accept(b.event("web", "1002", 0, `{"id":"1002","email":"`+strings.ToUpper(Person)+`"}`))
	other := b.accept(b.event("web", "1003", 0, `{"id":"1003","email":"else@example.com"}`))
	n, err := b.s.Erase(b.t.Context(), "acme", waxwing.Erase{Address: " " + Person + " ", Act: act})
	b.must(err)
	if n.Erased != 2 {
		b.t.Fatalf("erased %d, want 2", n.Erased)
	}
	v := b.wantIs(conf, waxwing.Sent)
	if !v.Erased || v.Messages[0].To != "" || v.Messages[0].Attempts[0].Reply != "" {
		b.t.Fatalf("%+v", v.Messages[0])
	}
	b.wantIs(waiting.ID, waxwing.Cancelled)
	b.wantIs(other.ID, waxwing.Received)
	if _, err := b.s.Bytes(b.t.Context(), "acme", conf, 0); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatalf("bytes after erasure: %v", err)
	}
	found, err := b.s.List(b.t.Context(), waxwing.Query{Tenant: "acme", Email: Person})
	b.must(err)
	if len(found) != 0 {
		b.t.Fatal("found after erasure")
	}
	if rc := b.accept(b.event("web", "1001", 9, "again")); rc.New || rc.Work {
		b.t.Fatalf("%+v", rc)
	}
	if strings.Contains(b.export(), "canary") {
		b.t.Fatal("the trail holds her address")
	}
}

func resend(b *Bench) {
	conf, msg := b.queued()
	b.send(b.claim(msg))
	w, err := b.s.ReworkOf(b.t.Context(), "acme", conf)
	b.must(err)
	d := draft(w)
	d.To, d.Resend = "corrected@example.com", true
	id, err := b.s.Add(b.t.Context(), w, &d, time.Hour)
	b.must(err)
	_, err = b.s.Add(b.t.Context(), w, &d, time.Hour)
	b.wantState(err)
	b.send(b.claim(id))
	v := b.wantIs(conf, waxwing.Sent)
	if len(v.Messages) != 2 || !v.Messages[1].Resend || v.Messages[0].MessageID == v.Messages[1].MessageID {
		b.t.Fatalf("%+v", v.Messages)
	}
	found, err := b.s.List(b.t.Context(), waxwing.Query{Tenant: "acme", Email: "Corrected@example.com", Order: "1001", State: waxwing.Sent})
	b.must(err)
	if len(found) != 1 {
		b.t.Fatalf("found %d", len(found))
	}
}

func tenants(b *Bench) {
	conf, _ := b.queued()
	if _, err := b.s.Get(b.t.Context(), "bolt", conf); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
	for _, err := range []error{b.s.Stop(b.t.Context(), "bolt", conf, act), b.s.Release(b.t.Context(), "bolt", conf, act)} {
		if !errors.Is(err, waxwing.ErrNotFound) {
			b.t.Fatal(err)
		}
	}
	if _, err := b.s.Bytes(b.t.Context(), "bolt", conf, 0); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
	if _, err := b.s.ReworkOf(b.t.Context(), "bolt", conf); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
	found, err := b.s.List(b.t.Context(), waxwing.Query{Tenant: "bolt", Order: "1001"})
	b.must(err)
	if n, err := b.s.Erase(b.t.Context(), "bolt", waxwing.Erase{Address: Person, Act: act}); err != nil || n.Erased != 0 || len(found) != 0 {
		b.t.Fatal(n, err)
	}
	if _, err := b.s.Accept(b.t.Context(), &waxwing.Event{Tenant: "nobody"}); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
}

func race(b *Bench) {
	_, msg := b.queued()
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 16 {
		wg.Go(func() {
			if _, err := b.s.Claim(b.t.Context(), msg); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		b.t.Fatalf("%d workers hold one message", won)
	}
}

func acceptRace(b *Bench) {
	var wg sync.WaitGroup
	ids := make([]waxwing.ID, 32)
	for i := range ids {
		wg.Go(func() {
			rc, err := b.s.Accept(b.t.Context(), b.event("web", "1001", i%4, invented(i)))
			if err == nil {
				ids[i] = rc.ID
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == 0 || id != ids[0] {
			b.t.Fatalf("%v", ids)
		}
	}
}

func wrongTurn(b *Bench) {
	conf, msg := b.queued()
	c := b.claim(msg)
	r := accepted()
	b.wantState(b.s.Resolve(b.t.Context(), c, &r)) // sent without a commit point
	b.send(c)
	b.wantState(b.s.CommitDot(b.t.Context(), c, "mail"))
	b.wantState(b.s.Stop(b.t.Context(), "acme", conf, act))
	b.wantState(b.s.Release(b.t.Context(), "acme", conf, act))
	if b.state(conf) != waxwing.Sent {
		b.t.Fatal("moved")
	}
}
