package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/store"
)

func hashOf(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// TestACrowdIsErasedInPieces: more confirmations than one commit erases are all erased, in
// as many commits as that takes, with one entry for the asking.
func TestACrowdIsErasedInPieces(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	const orders = 70
	for range orders {
		b.queued()
	}
	before := b.m.Steps["commit"]
	dry, err := b.Erase(t.Context(), "acme", waxwing.Erase{Address: "ana@example.com", Dry: true})
	if err != nil || len(dry.Found) != orders || dry.Erased != 0 || b.m.Steps["commit"] != before {
		t.Errorf("dry: %d found, %d erased, %v", len(dry.Found), dry.Erased, err)
	}
	got, err := b.Erase(t.Context(), "acme", waxwing.Erase{Address: "ana@example.com", Act: waxwing.Act{By: "anna"}})
	if err != nil || got.Erased != orders || got.People != 1 {
		t.Errorf("%d of %d are erased, of %d people: %v", got.Erased, orders, got.People, err)
	}
	if n := b.m.Steps["commit"] - before; n != 3 {
		t.Errorf("in %d commits, want 3", n)
	}
	if n := bytes.Count([]byte(b.export()), []byte(`"act":"erase","tenant":"acme"`)); n != 1 {
		t.Errorf("the asking stands in %d entries", n)
	}
	again, err := b.Erase(t.Context(), "acme", waxwing.Erase{Address: "ana@example.com"})
	if err != nil || len(again.Found)+again.Erased != 0 {
		t.Errorf("again: %+v %v", again, err)
	}
	if n := bytes.Count([]byte(b.export()), []byte(`"act":"erase","tenant":"acme"`)); n != 2 {
		t.Errorf("that somebody asked again stands in %d entries more", n-1)
	}
	b.must(b.Anchor(t.Context()))
	audit(t, b.m, b.Opened)
}

// TestSeveralPeopleAreConfirmed: an address that leads to orders of several people erases
// none of them before the asker has seen how many these are.
func TestSeveralPeopleAreConfirmed(t *testing.T) {
	m := ledgertest.NewMemory()
	people := func(_, _ string, raw []byte) (p waxwing.People, ok bool) {
		return waxwing.People{Named: []string{"shared@example.com", string(raw)}, Name: string(raw)}, true
	}
	l := opened(t, m, ledgertest.MemoryOptions{People: people})
	defer l.Close()
	for n := range 3 {
		ev := event(n)
		ev.Raw = fmt.Appendf(nil, "own-%d@example.com", n)
		if _, err := l.Accept(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	for _, confirm := range []int{0, 2, 4} {
		e, err := l.Erase(t.Context(), "acme", waxwing.Erase{Address: "shared@example.com", Confirm: confirm})
		if !errors.Is(err, waxwing.ErrState) || e.Erased != 0 || len(e.Found) != 3 || e.People < 2 {
			t.Errorf("confirmed as %d: %+v %v", confirm, e, err)
		}
	}
	if e, err := l.Erase(t.Context(), "acme", waxwing.Erase{Address: "shared@example.com", Confirm: 3}); err != nil || e.Erased != 3 {
		t.Errorf("confirmed: %+v %v", e, err)
	}
	if _, err := l.Erase(t.Context(), "acme", waxwing.Erase{Address: "1001"}); !waxwing.IsPermanent(err) {
		t.Errorf("a part of a number: %v", err)
	}
}

// TestManyAreEndedInPieces: what has outlived its time ends some a call, and it is said
// whether there are more.
func TestManyAreEndedInPieces(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	const orders = 130 // two more than a piece has
	for range orders {
		b.queued()
	}
	if more, err := b.EndDue(t.Context()); more || err != nil {
		t.Errorf("before their time: %t %v", more, err)
	}
	b.now = b.now.Add(48 * time.Hour)
	for i, want := range []bool{true, false, false} {
		if more, err := b.EndDue(t.Context()); err != nil || more != want {
			t.Errorf("call %d: more %t %v, want %t", i+1, more, err, want)
		}
	}
	failed, err := b.Count(t.Context(), waxwing.Query{Tenant: "acme"})
	if err != nil || failed[waxwing.Failed] != orders {
		t.Errorf("%v %v, want %d failed", failed, err, orders)
	}
}

// TestExpire deletes content of an age, and no other, and the trail stays.
func TestExpire(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	old, _ := b.queued()
	b.now = b.now.Add(48 * time.Hour)
	young, _ := b.queued()
	entries := b.export()
	if more, err := b.Expire(t.Context(), 24*time.Hour); more || err != nil {
		t.Errorf("more %t %v", more, err)
	}
	if _, err := b.Bytes(t.Context(), "acme", old.ID, 0); !errors.Is(err, waxwing.ErrNotFound) {
		t.Errorf("the old one's bytes: %v", err)
	}
	if _, _, _, err := b.Raw(t.Context(), "acme", old.ID); !errors.Is(err, waxwing.ErrNotFound) {
		t.Errorf("the old one's event: %v", err)
	}
	if out, err := b.Bytes(t.Context(), "acme", young.ID, 0); err != nil || string(out.Data) != "Thank you.\r\n" {
		t.Errorf("the young one's bytes: %v", err)
	}
	if b.export() != entries {
		t.Error("the trail is another one")
	}
	steps := b.m.Steps["apply"]
	if more, err := b.Expire(t.Context(), 24*time.Hour); more || err != nil || b.m.Steps["apply"] != steps {
		t.Errorf("again: more %t %v, %d rows written", more, err, b.m.Steps["apply"]-steps)
	}
}

// TestTeachOnce: the same dictionary is stored once, whoever starts how often, and what was
// packed with it opens in the next start.
func TestTeachOnce(t *testing.T) {
	m := ledgertest.NewMemory()
	passages, sample := [][]byte{[]byte("Thank you for your order, which we have received.")}, bytes.Repeat([]byte("Article 5, 12.00; "), 9)
	mail := bytes.Repeat(append(bytes.Clone(passages[0]), sample...), 20)
	var id waxwing.ID
	for start := range 3 {
		l := opened(t, m, ledgertest.MemoryOptions{})
		for range 2 {
			if err := l.Teach(t.Context(), "set", passages, sample); err != nil {
				t.Fatal(err)
			}
		}
		if start == 0 {
			rc, err := l.Accept(t.Context(), event(1))
			if err != nil {
				t.Fatal(err)
			}
			w, err := l.Work(t.Context(), rc.ID)
			if err != nil {
				t.Fatal(err)
			}
			d := draft(w)
			d.Data, d.Dictionary, d.Extents = mail, "set", []waxwing.Extent{{At: 0}}
			if _, err := l.Ready(t.Context(), w, []waxwing.Draft{d}, waxwing.Lookup{}, time.Hour); err != nil {
				t.Fatal(err)
			}
			id = rc.ID
		}
		if out, err := l.Bytes(t.Context(), "acme", id, 0); err != nil || !bytes.Equal(out.Data, mail) {
			t.Errorf("start %d: %v", start, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := m.Audit().Load(t.Context(), &store.Keys{Dictionaries: true})
	if err != nil || len(s.Dictionaries) != 1 {
		t.Errorf("%d dictionaries are stored (%v), want one", len(s.Dictionaries), err)
	}
	l := opened(t, m, ledgertest.MemoryOptions{})
	defer l.Close()
	if err := l.Teach(t.Context(), "other", nil, []byte("short")); err == nil {
		t.Error("a dictionary of five bytes")
	}
	if err := l.Teach(t.Context(), "other", passages, append(sample, "more"...)); err != nil {
		t.Error(err)
	}
	if s, err := m.Audit().Load(t.Context(), &store.Keys{Dictionaries: true}); err != nil || len(s.Dictionaries) != 2 || s.Dictionaries[1].ID != 2 {
		t.Errorf("another one: %+v %v", s.Dictionaries, err)
	}
}

// TestServe: tenants that come while the ledger runs get keys, once, and those that were
// there keep theirs.
func TestServe(t *testing.T) {
	b := newBench(t)
	before, err := b.Keys.Tenant("acme")
	b.must(err)
	steps := b.m.Steps["begin"]
	b.must(b.Serve(t.Context(), []waxwing.TenantID{"acme", "bolt"}))
	if b.m.Steps["begin"] != steps {
		t.Error("a group for tenants that are all known")
	}
	b.must(b.Serve(t.Context(), []waxwing.TenantID{"acme", "crate", "dune"}))
	for _, name := range []waxwing.TenantID{"crate", "dune"} {
		ev := event(1)
		ev.Tenant = name
		if rc, err := b.Accept(t.Context(), ev); err != nil || !rc.New {
			t.Errorf("an order of %s: %+v %v", name, rc, err)
		}
	}
	if after, err := b.Keys.Tenant("acme"); err != nil || after != before {
		t.Errorf("a known tenant has another key: %v", err)
	}
	b.must(b.Close())
	l := opened(t, b.m, ledgertest.MemoryOptions{})
	defer l.Close()
	ev := event(1)
	ev.Tenant = "crate"
	if rc, err := l.Accept(t.Context(), ev); err != nil || rc.New {
		t.Errorf("after a restart the order is %+v, %v: its key is another one", rc, err)
	}
}

// TestEventsWithoutAnOrder: a ping is one row a shop and day, what cannot be read is one row
// whatever often it comes, and what is no order is a row each.
func TestEventsWithoutAnOrder(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	for name, x := range map[string]struct {
		make  func() *waxwing.Event
		other func(*waxwing.Event)
		state waxwing.State
		same  bool // the same again is the same
	}{
		"a ping": {func() *waxwing.Event {
			ev := event(900)
			ev.Source, ev.Key.Ignore = waxwing.SourcePing, "ping"
			return ev
		}, func(ev *waxwing.Event) { ev.At = ev.At.Add(24 * time.Hour) }, waxwing.Ignored, true},
		"a ping of another shop": {func() *waxwing.Event {
			ev := event(901)
			ev.Source, ev.Key.Ignore, ev.Shop = waxwing.SourcePing, "ping", "outlet"
			return ev
		}, func(ev *waxwing.Event) { ev.Shop = "third" }, waxwing.Ignored, true},
		"what cannot be read": {func() *waxwing.Event {
			ev := event(902)
			ev.Poison, ev.Raw = "no key", []byte("{{")
			return ev
		}, func(ev *waxwing.Event) { ev.Raw = []byte("{{{") }, waxwing.Quarantined, true},
		"what is no order": {func() *waxwing.Event {
			ev := event(903)
			ev.Key.Ignore = "topic"
			return ev
		}, func(*waxwing.Event) {}, waxwing.Ignored, false},
	} {
		first, err := b.Accept(t.Context(), x.make())
		if err != nil || !first.New || first.State != x.state || first.Work {
			t.Errorf("%s: %+v %v", name, first, err)
		}
		if again, err := b.Accept(t.Context(), x.make()); err != nil || again.New == x.same || (again.ID == first.ID) != x.same {
			t.Errorf("%s again: %+v %v", name, again, err)
		}
		ev := x.make()
		x.other(ev)
		if other, err := b.Accept(t.Context(), ev); err != nil || !other.New || other.ID == first.ID {
			t.Errorf("%s, and another: %+v %v", name, other, err)
		}
	}
	audit(t, b.m, b.Opened)
}

// TestAConfirmationHasRoomForItsMessages, and says so when it has no more.
func TestAConfirmationHasRoomForItsMessages(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	w := b.received()
	many := make([]waxwing.Draft, store.IDStep)
	for i := range many {
		many[i] = draft(w)
	}
	if _, err := b.Ready(t.Context(), w, many, waxwing.Lookup{}, time.Hour); !waxwing.IsPermanent(err) {
		t.Errorf("%d messages: %v", len(many), err)
	}
	ids, err := b.Ready(t.Context(), w, many[1:], waxwing.Lookup{}, time.Hour)
	if err != nil || len(ids) != store.IDStep-1 || ids[len(ids)-1] != w.ID|(store.IDStep-1) {
		t.Fatalf("%d messages: %v", len(ids), err)
	}
	again, err := b.ReworkOf(t.Context(), "acme", w.ID)
	b.must(err)
	d := draft(again)
	if _, err := b.Add(t.Context(), again, &d, time.Hour); !waxwing.IsPermanent(err) || !errors.Is(err, waxwing.ErrState) {
		t.Errorf("one more: %v", err)
	}
}

// TestPluginModules: code is kept by its hash alone, and one that is not there is told.
func TestPluginModules(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	v := waxwing.PluginVersion{Tenant: "acme", Plugin: "p", No: 1, Hash: hashOf("code"), State: waxwing.PluginActive, Number: 7, Manifest: []byte(`{"needs":["items"]}`)}
	if err := b.SavePlugins(t.Context(), []waxwing.PluginVersion{v}, []byte("other code")); !waxwing.IsPermanent(err) {
		t.Errorf("code of another hash: %v", err)
	}
	b.must(b.SavePlugins(t.Context(), []waxwing.PluginVersion{v}, []byte("code")))
	if code, err := b.PluginModule(t.Context(), v.Hash); err != nil || string(code) != "code" {
		t.Errorf("%q %v", code, err)
	}
	if _, err := b.PluginModule(t.Context(), hashOf("none")); !errors.Is(err, waxwing.ErrNotFound) {
		t.Errorf("what was never saved: %v", err)
	}
	got, err := b.PluginVersions(t.Context(), "acme")
	if err != nil || len(got) != 1 || got[0].Plugin != "p" || string(got[0].Manifest) != string(v.Manifest) || len(got[0].Needs) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if n, err := b.PluginNumber(t.Context(), "acme", "p"); err != nil || n != 7 {
		t.Errorf("its number is %d %v", n, err)
	}
	v.No, v.Number = 2, 5 // a lower one, from a person who goes back
	b.must(b.SavePlugins(t.Context(), []waxwing.PluginVersion{v}, nil))
	for plugin, want := range map[string]int64{"p": 7, "q": 0} {
		if n, err := b.PluginNumber(t.Context(), "acme", plugin); err != nil || n != want {
			t.Errorf("the number of %s is %d %v, want %d", plugin, n, err, want)
		}
	}
	if n, err := b.PluginNumber(t.Context(), "bolt", "p"); err != nil || n != 0 {
		t.Errorf("another tenant's is %d %v", n, err)
	}
	b.must(b.Anchor(t.Context()))
	audit(t, b.m, b.Opened)
}
