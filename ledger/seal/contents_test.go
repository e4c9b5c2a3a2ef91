package seal

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// served is a keyring with two tenants, and the first of them.
func served(t *testing.T) (*Keyring, *Tenant) {
	t.Helper()
	k := NewKeyring(NewKey(), ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	for no, name := range []waxwing.TenantID{"acme", "bolt"} {
		if err := k.Add(int64(no+1), name, k.NewTenant(name)); err != nil {
			t.Fatal(err)
		}
	}
	tn, err := k.Tenant("acme")
	if err != nil {
		t.Fatal(err)
	}
	return k, tn
}

// TestKeyring gives a tenant by name and number, and refuses a key of another name or of
// another master key, with the remedy.
func TestKeyring(t *testing.T) {
	k, acme := served(t)
	if k.Number(1) != acme || acme.Name != "acme" || acme.No != 1 || k.Number(3) != nil {
		t.Errorf("number 1 is %+v, number 3 %+v", k.Number(1), k.Number(3))
	}
	if _, err := k.Tenant("crate"); !errors.Is(err, waxwing.ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
	other := NewKeyring(NewKey(), k.AnchorKey())
	for name, sealed := range map[string][]byte{"of another name": k.NewTenant("dune"), "of another master key": other.NewTenant("crate"), "cut off": k.NewTenant("crate")[:40], "nothing": nil} {
		err := k.Add(3, "crate", sealed)
		if err == nil || !strings.Contains(err.Error(), "tenant crate") || !strings.Contains(err.Error(), "set keys.master") || k.Number(3) != nil {
			t.Errorf("a key %s: %v", name, err)
		}
	}
	if err := k.Add(3, "crate", k.NewTenant("crate")); err != nil {
		t.Error(err)
	}
	if got := k.Tenants(); !reflect.DeepEqual(got, []waxwing.TenantID{"acme", "bolt", "crate"}) {
		t.Errorf("the tenants are %v, want them sorted", got)
	}
	if k.Derive("a") == k.Derive("b") || k.Derive("a") != k.Derive("a") || k.Derive("a") == other.Derive("a") || k.Derive("index") == k.Derive("for/index") {
		t.Error("derived keys are not of their label and master key")
	}
	if sig := ed25519.Sign(k.AnchorKey(), []byte("x")); !ed25519.Verify(k.AnchorPublic(), []byte("x"), sig) || len(k.PublicKey()) != 64 {
		t.Error("the keys of anchors are no pair")
	}
}

// TestContentsAreTiedToTheirPlace: each kind of content opens under its own key, id or
// tenant, and under no other, nor cut off or changed.
func TestContentsAreTiedToTheirPlace(t *testing.T) {
	k, acme := served(t)
	bolt := k.Number(2)
	dek, otherDEK, key, otherKey := NewKey(), NewKey(), Hash{1}, Hash{2}
	c := &Contents{}
	draft := &waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued, From: "a@b.example", To: " Ana@Example.com", Data: []byte("mail\nwith lines\n"), MessageID: "<m>",
		SMTPUTF8: true, Pipeline: "second", Locale: "en"}
	sealed, err := c.SealDraft(acme, &dek, 65, draft)
	if err != nil {
		t.Fatal(err)
	}
	run := &waxwing.Run{Plugin: "p", Hook: "render", Role: "active", Hash: "h", Confirmation: 64, Fault: "trap: x", Seed: "s", At: time.UnixMilli(5).UTC(), Costs: 2}
	body, err := c.SealRun(&dek, 64, run, &Kept{Input: []byte("in"), Output: []byte("out"), Log: []byte("log"), Left: "some"})
	if err != nil {
		t.Fatal(err)
	}
	event := c.SealEvent(&dek, key, []byte("event"))
	wrapped := WrapDEK(acme, &dek, key)
	openRun := func(dek Key, b []byte, change func(*waxwing.Run)) error {
		r := *run
		change(&r)
		return c.OpenRun(&r, &dek, b)
	}
	same := func(*waxwing.Run) {}
	for name, open := range map[string]func(b []byte, dek Key, right bool) error{
		"event": func(b []byte, dek Key, right bool) error {
			if b == nil {
				b = event
			}
			if !right {
				key = otherKey
				defer func() { key = Hash{1} }()
			}
			got, err := c.OpenEvent(&dek, key, b)
			if err == nil && string(got) != "event" {
				t.Errorf("%q", got)
			}
			return err
		},
		"message": func(b []byte, dek Key, right bool) error {
			if b == nil {
				b = sealed.Body
			}
			m := &store.Message{ID: 65, Channel: waxwing.Email}
			if !right {
				m.ID++
			}
			out, e, err := c.OpenMessage(acme, &dek, m, b)
			if err == nil && (!reflect.DeepEqual(out, OutgoingOf(65, acme, draft)) || e.MessageID != "<m>" || e.To != draft.To) {
				t.Errorf("%+v %+v", out, e)
			}
			return err
		},
		"run": func(b []byte, dek Key, right bool) error {
			if b == nil {
				b = body
			}
			if !right {
				return openRun(dek, b, func(r *waxwing.Run) { r.Confirmation++ })
			}
			return openRun(dek, b, same)
		},
		"data key": func(b []byte, dek Key, right bool) error {
			if b == nil {
				b = wrapped
			}
			tn := acme
			if dek == otherDEK {
				tn = bolt
			}
			k := key
			if !right {
				k = otherKey
			}
			got, err := UnwrapDEK(tn, b, k)
			if err == nil && got != dek {
				t.Error("another key comes out")
			}
			return err
		},
	} {
		if err := open(nil, dek, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		whole := map[string][]byte{"event": event, "message": sealed.Body, "run": body, "data key": wrapped}[name]
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 1
		for what, err := range map[string]error{"with another key": open(nil, otherDEK, true), "in another place": open(nil, dek, false), "changed": open(flipped, dek, true),
			"cut off": open(whole[:len(whole)-1], dek, true), "as nothing": open([]byte{}, dek, true)} {
			if !errors.Is(err, ErrSeal) {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
	}
	for name, change := range map[string]func(*waxwing.Run){"plugin": func(r *waxwing.Run) { r.Plugin = "q" }, "hook": func(r *waxwing.Run) { r.Hook = "gate" },
		"role": func(r *waxwing.Run) { r.Role = "shadow" }, "code": func(r *waxwing.Run) { r.Hash = "i" }} {
		if err := openRun(dek, body, change); !errors.Is(err, ErrSeal) {
			t.Errorf("a run passes as one of another %s: %v", name, err)
		}
	}
	got := *run
	got.Fault, got.Seed, got.At, got.Costs = "", "", time.Time{}, 0
	if err := c.OpenRun(&got, &dek, body); err != nil || string(got.Input) != "in" || string(got.Output) != "out" || string(got.Log) != "log" || got.Left != "some" ||
		got.Fault != "trap: x" || got.Seed != "s" || !got.At.Equal(run.At) || got.Costs != 2 {
		t.Errorf("the run is %+v, %v", got, err)
	}
	if _ = append(got.Input, "!!!"...); string(got.Output) != "out" || len(sealed.Digest) != 16 || len(sealed.People) != 1 || sealed.People[0] != acme.Key.Index("person", "ana@example.com") {
		t.Error("the input's end is the output's beginning, or the draft's person is another")
	}
}

// TestPackedNonsense: what opens and holds no content of ours is damaged, and no panic.
func TestPackedNonsense(t *testing.T) {
	_, acme := served(t)
	dek, c := NewKey(), &Contents{}
	for _, plain := range []string{"", "no head", "{}", "[]\nmail", "{\"from\":1}\nmail", "\n"} {
		b := dek.Sealer().Seal(nil, c.Pack(nil, []byte(plain), ""), aadMessage+waxwing.ID(65).String())
		if _, _, err := c.OpenMessage(acme, &dek, &store.Message{ID: 65}, b); !errors.Is(err, ErrPacked) {
			t.Errorf("a message of %q: %v", plain, err)
		}
	}
	for _, head := range []string{`{"in":-1}`, `{"in":9}`, `{"out":-1}`, `{"out":9}`, `{"in":3,"out":3}`, `{"in":9223372036854775807,"out":9223372036854775807}`, `x`} {
		r := &waxwing.Run{Plugin: "p", Confirmation: 64}
		b := dek.Sealer().Seal(nil, c.Pack(nil, []byte(head+"\nabcde"), ""), runAAD(r, 64))
		if err := c.OpenRun(r, &dek, b); err != nil && !errors.Is(err, ErrPacked) || err == nil && len(r.Input)+len(r.Output)+len(r.Log) != 5 {
			t.Errorf("a run of %s: %v", head, err)
		}
	}
	if err := c.OpenRun(&waxwing.Run{}, &dek, dek.Sealer().Seal(nil, []byte{9}, runAAD(&waxwing.Run{}, 0))); !errors.Is(err, ErrPacked) {
		t.Errorf("packed in no way: %v", err)
	}
}

// TestReplies: nothing is sealed where nobody answered, and what cannot be read is empty.
func TestReplies(t *testing.T) {
	dek, other := NewKey(), NewKey()
	if SealReply(&dek, 65, &waxwing.Attempt{Code: 250}) != nil {
		t.Error("no answer is sealed")
	}
	for _, a := range []waxwing.Attempt{{Reply: "250 ok"}, {Ref: "q1"}, {Reply: "250 ok", Ref: "q1"}} {
		b := SealReply(&dek, 65, &a)
		if got := OpenReply(&dek, 65, b); got != (Reply{a.Reply.Reveal(), a.Ref}) {
			t.Errorf("%+v", got)
		}
		if OpenReply(&dek, 66, b) != (Reply{}) || OpenReply(&other, 65, b) != (Reply{}) || OpenReply(&dek, 65, b[1:]) != (Reply{}) {
			t.Error("it opens elsewhere")
		}
	}
	if got := OpenReply(&dek, 65, dek.Sealer().Seal(nil, []byte(`{"ref":"q1","reply":5}`), aadAttempt+waxwing.ID(65).String())); got != (Reply{}) {
		t.Errorf("half of nonsense is shown: %+v", got)
	}
}

// TestNormalise: spellings of one person or order are one, and others are not.
func TestNormalise(t *testing.T) {
	for _, x := range []struct{ f, in, want string }{
		{"email", " Ana@Example.COM\n", "ana@example.com"}, {"email", "", ""}, {"email", "a b@c", "a b@c"},
		{"phone", "+49 (151) 234-56", "+4915123456"}, {"phone", "0049151", "0049151"}, {"phone", "49+151", "49151"}, {"phone", "++49", "+49"}, {"phone", "abc", ""},
		{"person", "Ana@Example.com", "ana@example.com"}, {"person", "+49 151", "+49151"}, {"person", "+49@x", "+49@x"},
		{"order", " #1001 ", "1001"}, {"order", "AB-7", "ab-7"}, {"order", "1#", "1#"}, {"order", "", ""},
	} {
		f := map[string]func(string) string{"email": NormaliseEmail, "phone": NormalisePhone, "person": NormalisePerson, "order": NormaliseOrder}[x.f]
		if got := f(x.in); got != x.want {
			t.Errorf("%s %q is %q, want %q", x.f, x.in, got, x.want)
		}
		if once := f(x.in); f(once) != once {
			t.Errorf("%s %q is another one when it is read again", x.f, x.in)
		}
	}
}

// TestCacheCounts: what is put twice, dropped and forgotten costs what is there, events take
// half of the room, and after the end nothing is kept.
func TestCacheCounts(t *testing.T) {
	entry := func(n int) *Entry { return &Entry{Out: &waxwing.Outgoing{Data: make([]byte, n)}} }
	work := func(n int) *Entry { return &Entry{Work: &waxwing.Work{Raw: make([]byte, n)}} }
	c := NewCache(4 * (entryFixed + 100))
	for range 9 {
		c.Put(64, entry(100))
	}
	if c.size != entryFixed+100 {
		t.Errorf("one entry, put again and again, takes %d bytes", c.size)
	}
	c.Put(128, work(100))
	if c.Put(192, work(100)); c.Get(128) == nil || c.Get(192) != nil {
		t.Error("events take more than half, or less")
	}
	if c.Put(192, entry(100)); c.Get(192) == nil {
		t.Error("a message finds no room that an event did not")
	}
	if !c.Crowded() || NewCache(4*(entryFixed+100)).Crowded() {
		t.Error("an empty cache is crowded, or a full one is not")
	}
	c.Put(64, entry(9000)) // too large: what it was to replace is older than it, and goes
	if c.Get(64) != nil || c.size != 2*(entryFixed+100) {
		t.Errorf("%d bytes, and the old one is there: %t", c.size, c.Get(64) != nil)
	}
	c.Drop(128)
	c.Drop(128)
	if c.Drop(999); c.Get(128) != nil || c.size != entryFixed+100 {
		t.Errorf("%d bytes after what was dropped", c.size)
	}
	c.Forget()
	if c.Put(64, entry(0)); c.Get(64) != nil || c.Get(192) != nil || c.size != 0 {
		t.Errorf("%d bytes after the end", c.size)
	}
}
