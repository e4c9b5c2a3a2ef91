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
	if v := b.wantIs(conf, waxwing.Sent); marks(v, "annotated") != 1 {
		b.t.Fatalf("%d entries tell of it, want 1", marks(v, "annotated"))
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
