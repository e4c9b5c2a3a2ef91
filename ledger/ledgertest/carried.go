package ledgertest

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
)

// sealedOf renders an order's mail, and gives what a queue carries of it.
func (b *Bench) sealedOf(order string) (conf, msg waxwing.ID, sealed []byte) {
	b.t.Helper()
	conf = b.accept(b.event("web", order, 0, `{"id":"`+order+`"}`)).ID
	msg, sealed = b.sealed(conf)
	return conf, msg, sealed
}

func (b *Bench) sealed(conf waxwing.ID) (msg waxwing.ID, sealed []byte) {
	b.t.Helper()
	w, err := b.s.Work(b.t.Context(), conf)
	b.must(err)
	drafts := []waxwing.Draft{draft(w)}
	ids, err := b.s.Ready(b.t.Context(), w, drafts, lookup, 24*time.Hour)
	b.must(err)
	return ids[0], drafts[0].Sealed
}

// carried: content that came by a queue is offered as the ledger has it, and nobody can read it
// on its way.
func carried(b *Bench) {
	conf, msg, sealed := b.sealedOf("1001")
	for _, secret := range []string{Person, "Jane", "jane", "Thank you", "orders@acme.example", "acme", "1001"} {
		if bytes.Contains(sealed, []byte(secret)) {
			b.t.Errorf("%q can be read in what is carried", secret)
		}
	}
	b.crash("resend") // nothing is in memory
	c, err := b.s.ClaimCarried(b.t.Context(), msg, sealed)
	b.must(err)
	if c.Out.To != Person || len(c.Out.Data) != 1800 || c.Out.Tenant != "acme" || c.Out.Message != msg || c.Confirmation != conf || c.Shop != "web" ||
		c.Attempt != 1 || len(c.Digest) == 0 || c.Out.IdempotencyKey == "" {
		b.t.Fatalf("%+v", c)
	}
	_, err = b.s.ClaimCarried(b.t.Context(), msg, sealed) // it came twice
	b.wantState(err)
	b.send(c)
	v := b.wantIs(conf, waxwing.Sent)
	if a := v.Messages[0].Attempts; len(a) != 1 || a[0].Reply != "250 ok" {
		b.t.Fatalf("%+v", a)
	}
	_, err = b.s.ClaimCarried(b.t.Context(), msg, sealed) // and once more, long after
	b.wantState(err)
}

// forged: whatever a queue says a message is, what the ledger has of it is offered.
func forged(b *Bench) {
	_, _, other := b.sealedOf("1001")
	_, _, first := b.sealedOf("1002")
	for what, make := range map[string]func(own []byte) []byte{
		"nothing that was ever sealed":   func([]byte) []byte { return []byte("Dear customer, pay here: https://evil.example") },
		"empty":                          func([]byte) []byte { return []byte{0} },
		"another confirmation's content": func([]byte) []byte { return other },
		"content of another order":       func([]byte) []byte { return first },
		"changed by a bit":               func(own []byte) []byte { own = slices.Clone(own); own[len(own)/2] ^= 1; return own },
		"cut off":                        func(own []byte) []byte { return own[:len(own)-1] },
		"longer":                         func(own []byte) []byte { return append(slices.Clone(own), 0) },
	} {
		conf, msg, own := b.sealedOf(what)
		b.crash("resend")
		c, err := b.s.ClaimCarried(b.t.Context(), msg, make(own))
		b.must(err)
		if want, err := b.s.Bytes(b.t.Context(), "acme", conf, 1); err != nil || !bytes.Equal(c.Out.Data, want.Data) || c.Out.To != Person || c.Digest != nil {
			b.t.Errorf("%s: %v, it goes to %s, digest %x", what, err, c.Out.To, c.Digest)
		}
		b.send(c)
		b.wantIs(conf, waxwing.Sent)
	}
	// A message that does not exist.
	conf, msg, own := b.sealedOf("1003")
	_, err := b.s.ClaimCarried(b.t.Context(), msg+1, own)
	b.wantState(err)
	// A person's resend has the bytes of its own, and not those of the message before it.
	b.send(b.claim(msg))
	w, err := b.s.ReworkOf(b.t.Context(), "acme", conf)
	b.must(err)
	d := draft(w)
	d.To, d.Resend, d.Act = "other@example.com", true, act
	again, err := b.s.Add(b.t.Context(), w, &d, time.Hour)
	b.must(err)
	c, err := b.s.ClaimCarried(b.t.Context(), again, own)
	b.must(err)
	if c.Out.To != "other@example.com" {
		b.t.Errorf("the resend goes to %s", c.Out.To)
	}
	// What was claimed is held to the ledger's digest once more before it goes out.
	_, msg, own = b.sealedOf("1004")
	c, err = b.s.ClaimCarried(b.t.Context(), msg, own)
	b.must(err)
	c.Digest = slices.Clone(c.Digest)
	c.Digest[0] ^= 1
	b.wantState(b.s.CommitDot(b.t.Context(), c, "mail"))
}

// carriedLate: what was stopped in whatever way is not to be had by a message that is still on
// its way, nor does it pass its commit point where that has come before.
func carriedLate(b *Bench) {
	for what, stop := range map[string]func(conf waxwing.ID){
		"cancelled": func(conf waxwing.ID) { b.must(b.s.Stop(b.t.Context(), "acme", conf, act)) },
		"expired":   func(waxwing.ID) { b.later(25 * time.Hour) },
		"erased":    func(waxwing.ID) { b.erase() },
	} {
		b.late(what, stop)
	}
	b.late("suppressed", func(waxwing.ID) { b.must(b.s.Suppress(b.t.Context(), "acme", Person, act)) }) // the last: she stays so
	// An event that holds or replaces it comes before it is rendered: nothing is on its way then.
	held := b.accept(b.event("web", "held", 0, "unpaid"))
	w, err := b.s.Work(b.t.Context(), held.ID)
	b.must(err)
	b.must(b.s.Hold(b.t.Context(), w, "payment pending", b.clock().Add(time.Hour), waxwing.Lookup{}))
	_, err = b.s.ClaimCarried(b.t.Context(), held.ID+1, []byte("anything"))
	b.wantState(err)
}

func (b *Bench) erase() {
	_, err := b.s.Erase(b.t.Context(), "acme", waxwing.Erase{Address: Person, Act: act})
	b.must(err)
}

func (b *Bench) late(what string, stop func(waxwing.ID)) {
	b.t.Helper()
	conf, msg, sealed := b.sealedOf(what + " before")
	also, held, content := b.sealedOf(what + " when it is claimed")
	c, err := b.s.ClaimCarried(b.t.Context(), held, content)
	b.must(err)
	stop(also)
	if what != "erased" && what != "suppressed" { // which are a person's, with all of hers
		stop(conf)
	}
	if _, err := b.s.ClaimCarried(b.t.Context(), msg, sealed); !errors.Is(err, waxwing.ErrState) {
		b.t.Errorf("%s: it is to be had: %v", what, err)
	}
	if err := b.s.CommitDot(b.t.Context(), c, "mail"); !errors.Is(err, waxwing.ErrState) {
		b.t.Errorf("%s: it passes its commit point: %v", what, err)
	}
	if what == "expired" {
		b.must(b.s.Resolve(b.t.Context(), c, &waxwing.Resolution{To: waxwing.Queued, NextAt: b.clock()}))
	}
}
