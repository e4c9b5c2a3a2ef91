package ledgertest

import (
	"errors"
	"strings"

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
