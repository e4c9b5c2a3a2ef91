package ledgertest

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// annotated tells of a mail what its provider got to know: once of a kind, of what was
// offered only, and to no other tenant.
func annotated(b *Bench) {
	conf, msg := b.queued()
	a := &ledger.Annotation{Tenant: "acme", Message: msg, Kind: waxwing.Delivered, Provider: "mail", Evidence: []byte("250 to " + Person)}
	b.wantState(b.s.Annotate(b.t.Context(), a))
	b.send(b.claim(msg))
	for range 2 {
		b.must(b.s.Annotate(b.t.Context(), a))
	}
	back := &ledger.Annotation{Tenant: "acme", Message: msg, Kind: waxwing.Complained, Provider: "mail", Class: "complaint", Reason: "abuse"}
	b.must(b.s.Annotate(b.t.Context(), back))
	if t := b.export(); !strings.Contains(t, "complaint") || !strings.Contains(t, "abuse") {
		b.t.Fatal("the trail does not say why")
	}
	out, err := b.s.Bytes(b.t.Context(), "acme", conf, 0)
	b.must(err)
	token := out.IdempotencyKey
	if !b.s.Checks("acme", msg, token) || !b.s.Checks("acme", msg, token[:20]) {
		b.t.Fatal("a message's own token is not known")
	}
	if b.s.Checks("acme", msg, token[:19]) || b.s.Checks("acme", msg, token+"a") || b.s.Checks("acme", msg, "") || b.s.Checks("acme", msg+1, token) ||
		b.s.Checks("bolt", msg, token) || b.s.Checks("nobody", msg, token) || b.s.Checks("acme", msg, strings.Repeat("a", 20)) {
		b.t.Fatal("a token that is none of the message's is taken for it")
	}
	if v := b.wantIs(conf, waxwing.Sent); marks(v, "annotated") != 2 {
		b.t.Fatalf("%d entries tell of it, want 2", marks(v, "annotated"))
	}
	if strings.Contains(b.export(), Person) {
		b.t.Fatal("the evidence stands in the trail")
	}
	other := *a
	other.Tenant = "bolt"
	if err := b.s.Annotate(b.t.Context(), &other); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatalf("another tenant tells of it: %v", err)
	}
	if _, err := b.s.Erase(b.t.Context(), "acme", waxwing.Erase{Address: Person, Act: act}); err != nil {
		b.t.Fatal(err)
	}
	a.Kind = waxwing.Bounced
	b.must(b.s.Annotate(b.t.Context(), a)) // of her nothing is kept but that it bounced
	b.wantIs(conf, waxwing.Sent)
}

// lifted suppresses an address for a reason, shows that, and has it mailed again: by the address, and
// by the id; a second time it changes nothing, and another tenant can do neither.
func lifted(b *Bench) {
	ctx := b.t.Context()
	conf, msg := b.queued()
	b.send(b.claim(msg))
	told := waxwing.Act{By: waxwing.ByFeedback, Reason: "hard: user-unknown"}
	b.must(b.s.SuppressAs(ctx, "acme", &waxwing.Suppress{Address: strings.ToUpper(Person), Class: waxwing.SuppressedHard, Act: told}))
	list := func(q waxwing.SuppressionQuery) []waxwing.Suppression {
		b.t.Helper()
		q.Tenant = "acme"
		found, err := b.s.Suppressed(ctx, &q)
		b.must(err)
		return found
	}
	found := list(waxwing.SuppressionQuery{Address: Person})
	if len(found) != 1 || found[0].Class != waxwing.SuppressedHard || found[0].Reason != told.Reason || found[0].By != told.By || !found[0].At.Equal(b.clock()) {
		b.t.Fatalf("it is shown as %+v", found)
	}
	first := found[0]
	b.later(time.Minute)
	added, err := b.s.SuppressAll(ctx, "acme", []waxwing.Suppress{{Address: "b@example.com", Class: waxwing.SuppressedSoft, Act: act},
		{ID: first.ID, Class: waxwing.SuppressedComplaint, Act: act}, {Address: "c@example.com", Class: waxwing.SuppressedComplaint, Act: act}})
	if b.must(err); added != 2 {
		b.t.Fatalf("%d of them are new, want 2", added)
	}
	whole := list(waxwing.SuppressionQuery{})
	if len(whole) != 3 || whole[2] != first {
		b.t.Fatalf("the list is %+v", whole)
	}
	var paged []waxwing.Suppression
	for q := (waxwing.SuppressionQuery{Limit: 1}); len(paged) < 9; q.Before = &paged[len(paged)-1] {
		page := list(q)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
	}
	if !slices.Equal(paged, whole) {
		b.t.Fatalf("page by page it is %+v, want %+v", paged, whole)
	}
	for n := range 32 {
		if by := list(waxwing.SuppressionQuery{Prefix: first.ID.String()[:n+1]}); !slices.Contains(by, first) || n > 15 && len(by) != 1 {
			b.t.Fatalf("%d digits of its id find %+v", n+1, by)
		}
	}
	lift := func(tenant waxwing.TenantID, o waxwing.Suppress, want bool) {
		b.t.Helper()
		o.Act = act
		if did, err := b.s.Lift(ctx, tenant, &o); err != nil || did != want {
			b.t.Fatalf("lifted %v, %v; want %v", did, err, want)
		}
	}
	lift("bolt", waxwing.Suppress{ID: first.ID}, false)
	lift("bolt", waxwing.Suppress{Address: Person}, false)
	lift("acme", waxwing.Suppress{Address: Person}, true)
	lift("acme", waxwing.Suppress{Address: Person}, false)
	if v := b.wantIs(conf, waxwing.Sent); v.Trail[len(v.Trail)-1].Detail["act"] != "lift" || v.Trail[len(v.Trail)-1].Detail["by"] != string(act.By) {
		b.t.Fatalf("the trail ends in %+v", v.Trail[len(v.Trail)-1])
	}
	next := b.accept(b.event("web", "1002", 0, "x"))
	b.send(b.claim(b.ready(next.ID)))
	b.wantIs(next.ID, waxwing.Sent)
	b.must(b.s.Suppress(ctx, "acme", Person, act)) // again, by a person
	lift("acme", waxwing.Suppress{ID: first.ID}, true)
	b.must(b.s.Suppress(ctx, "acme", Person, act))
	b.crash("resend")
	if found := list(waxwing.SuppressionQuery{Address: Person}); len(found) != 1 || found[0].Class != waxwing.SuppressedPerson {
		b.t.Fatalf("after a crash it is %+v", found)
	}
	if strings.Contains(b.export(), Person) {
		b.t.Fatal("the address stands in the trail")
	}
}

// softs counts mails that came back for a while: of an address, and since a time.
func softs(b *Bench) {
	ctx, began := b.t.Context(), b.clock()
	for i, class := range []string{"soft", "full", "policy", "hard", "soft"} {
		rc := b.accept(b.event("web", strconv.Itoa(2000+i), 0, "x"))
		msg := b.ready(rc.ID)
		b.send(b.claim(msg))
		b.later(time.Hour)
		for range 2 {
			b.must(b.s.Annotate(ctx, &ledger.Annotation{Tenant: "acme", Message: msg, Kind: waxwing.Bounced, Provider: "mail", Class: class, Reason: "expired"}))
		}
		b.must(b.s.Annotate(ctx, &ledger.Annotation{Tenant: "acme", Message: msg, Kind: waxwing.Delivered, Provider: "mail"}))
	}
	for since, want := range map[time.Duration]int{0: 3, 90 * time.Minute: 2, 4 * time.Hour: 1, 6 * time.Hour: 0} {
		if n, err := b.s.Softs(ctx, "acme", strings.ToUpper(Person), began.Add(since)); err != nil || n != want {
			b.t.Fatalf("since %v there are %d, want %d: %v", since, n, want, err)
		}
	}
	if n, err := b.s.Softs(ctx, "bolt", Person, began); err != nil || n != 0 {
		b.t.Fatalf("another tenant has %d: %v", n, err)
	}
}

// deliveries judges orders by the three bars: one delivered, one that bounced, one accepted late, one
// that was refused, one without an address, one at the gate, one cancelled, and one that waits.
func deliveries(b *Bench) {
	ctx, began := b.t.Context(), b.clock()
	order := func(n int) (conf, msg waxwing.ID) {
		rc := b.accept(b.event("web", strconv.Itoa(3000+n), 0, "x"))
		return rc.ID, b.ready(rc.ID)
	}
	tell := func(msg waxwing.ID, kind waxwing.AnnotationKind, class string) {
		b.must(b.s.Annotate(ctx, &ledger.Annotation{Tenant: "acme", Message: msg, Kind: kind, Provider: "mail", Class: class}))
	}
	// took accepts at the bench's time, as a provider's answer does.
	took := func(msg waxwing.ID) {
		c := b.claim(msg)
		b.must(b.s.CommitDot(ctx, c, "mail"))
		r := accepted()
		r.Attempt.Began, r.Attempt.Ended = b.clock(), b.clock()
		b.must(b.s.Resolve(ctx, c, &r))
	}
	_, good := order(0)
	took(good)
	tell(good, waxwing.Delivered, "")
	back, bounced := order(1)
	took(bounced)
	tell(bounced, waxwing.Delivered, "")
	tell(bounced, waxwing.Bounced, "hard")
	refused, no := order(2)
	c := b.claim(no)
	b.must(b.s.Resolve(ctx, c, &waxwing.Resolution{To: waxwing.Failed, Reason: "rejected", Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Rejected,
		Fault: waxwing.RecipientFault, Phase: waxwing.PhaseRcpt, Code: 550, Enhanced: "5.1.1", Reply: "550 no such user " + Person}}))
	late, slow := order(3)
	waits, _ := order(4)
	rc := b.accept(b.event("web", "3005", 0, "x"))
	w, err := b.s.Work(ctx, rc.ID)
	b.must(err)
	_, err = b.s.Ready(ctx, w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Failed, Reason: waxwing.NoAddress}}, lookup, 24*time.Hour)
	b.must(err)
	rc = b.accept(b.event("web", "3006", 0, "x"))
	w, err = b.s.Work(ctx, rc.ID)
	b.must(err)
	b.must(b.s.Hold(ctx, w, "payment pending", b.clock().Add(14*24*time.Hour), lookup))
	stop, _ := order(7)
	b.must(b.s.Stop(ctx, "acme", stop, act))
	b.later(23 * time.Hour)
	claim := b.claim(slow)
	b.must(b.s.CommitDot(ctx, claim, "mail"))
	b.later(2 * time.Hour) // the answer comes late
	r := accepted()
	r.Attempt.Began, r.Attempt.Ended = b.clock(), b.clock()
	b.must(b.s.Resolve(ctx, claim, &r))
	b.later(72 * time.Hour)
	tell(good, waxwing.Bounced, "soft") // too late to count

	q := waxwing.Query{Tenant: "acme", Since: began.Add(-time.Minute), Until: began.Add(time.Hour)}
	var all waxwing.Deliveries
	for {
		d, err := b.s.Deliveries(ctx, q)
		b.must(err)
		all.Orders, all.NotDue, all.NoAddress, all.Addressed = all.Orders+d.Orders, all.NotDue+d.NotDue, all.NoAddress+d.NoAddress, all.Addressed+d.Addressed
		all.Accepted, all.Delivered, all.Kept, all.Rest = all.Accepted+d.Accepted, all.Delivered+d.Delivered, all.Kept+d.Kept, append(all.Rest, d.Rest...)
		if q.Before = d.Next; d.Next == 0 {
			break
		}
	}
	if n := [...]int{all.Orders, all.NotDue, all.NoAddress, all.Addressed, all.Accepted, all.Delivered, all.Kept}; n != [...]int{8, 2, 1, 5, 2, 2, 1} {
		b.t.Fatalf("orders, not due, without an address, with one, accepted, delivered, not bounced: %v", n)
	}
	why := map[waxwing.ID]string{}
	for _, u := range all.Rest {
		why[u.ID] = u.Why() + "; " + u.Reply
	}
	want := map[waxwing.ID]string{back: "bounced: hard; accepted 250", refused: "failed; rejected by recipient 550 5.1.1", late: "accepted late; accepted 250", waits: why[waits]}
	if !maps.Equal(why, want) || !strings.HasPrefix(why[waits], "queued") {
		b.t.Fatalf("the rest is %v, want %v", why, want)
	}
	if d, err := b.s.Deliveries(ctx, waxwing.Query{Tenant: "bolt", Since: q.Since, Until: q.Until}); err != nil || d.Orders != 0 {
		b.t.Fatalf("another tenant has %+v: %v", d, err)
	}
}
