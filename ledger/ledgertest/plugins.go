package ledgertest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

var pluginStories = map[string]func(*Bench){
	"a plugin's versions":               versions,
	"a plugin's code is one of them":    strangeCode,
	"a plugin's runs":                   runs,
	"runs of what did not happen":       runsUndone,
	"runs of whatever becomes of it":    runsKept,
	"runs of an erased person":          runsErased,
	"runs that are too old":             runsPruned,
	"another tenant sees no plugin":     pluginTenants,
	"ids of runs rise after an erasure": runIDs,
	"content and runs expire together":  runsExpired,
	"a list of runs goes on from an id": runPages,
	"runs of two orders":                runsApart,
}

var module = bytes.Repeat([]byte("\x00asm loyalty "), 500)

func hashOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func (b *Bench) version(no int, code []byte, state waxwing.PluginState) waxwing.PluginVersion {
	return waxwing.PluginVersion{Tenant: "acme", Plugin: "loyalty", No: no, Version: "1.0.0", Hash: hashOf(code), Lang: "go", State: state,
		Source: "upload", Created: b.clock(), Changed: b.clock(), Manifest: []byte(`{"name":"loyalty"}`)}
}

func versions(b *Bench) {
	one := b.version(1, module, waxwing.PluginActive)
	b.must(b.s.SavePlugins(b.t.Context(), []waxwing.PluginVersion{one}, module))
	two := b.version(2, module, waxwing.PluginCanary)
	two.Percent = 5
	b.must(b.s.SavePlugins(b.t.Context(), []waxwing.PluginVersion{two}, module)) // the same code again
	b.later(time.Minute)
	one.State, two.State, two.Percent, two.Why = waxwing.PluginRetired, waxwing.PluginActive, 0, strings.Repeat("é", 300)
	b.must(b.s.SavePlugins(b.t.Context(), []waxwing.PluginVersion{two, one}, nil))
	b.must(b.s.Close())
	b.start("resend")
	got, err := b.s.PluginVersions(b.t.Context(), "acme")
	b.must(err)
	if want := []waxwing.PluginVersion{one, two}; !reflect.DeepEqual(got, want) {
		b.t.Fatalf("\n got %+v\nwant %+v", got, want)
	}
	code, err := b.s.PluginModule(b.t.Context(), one.Hash)
	b.must(err)
	if !bytes.Equal(code, module) {
		b.t.Fatal("the code came back changed")
	}
	trail := b.export()
	if n := strings.Count(trail, `"cause":"plugin"`); n != 4 {
		b.t.Fatalf("%d entries in the trail", n)
	}
	for _, want := range []string{`"version":"1","hash":"` + one.Hash[:12] + `","from":"active","to":"retired"`, `"to":"canary","percent":"5"`} {
		if !strings.Contains(trail, want) {
			b.t.Errorf("the trail has no %s", want)
		}
	}
}

func strangeCode(b *Bench) {
	v := b.version(1, module, waxwing.PluginActive)
	if err := b.s.SavePlugins(b.t.Context(), []waxwing.PluginVersion{v}, []byte("other")); !waxwing.IsPermanent(err) {
		b.t.Fatalf("want a permanent error, got %v", err)
	}
	v.Tenant = "nobody"
	if err := b.s.SavePlugins(b.t.Context(), []waxwing.PluginVersion{v}, module); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
	empty := b.version(1, nil, waxwing.PluginRefused)
	empty.Plugin, empty.Why = "empty", "it has no code"
	b.must(b.s.SavePlugins(b.t.Context(), []waxwing.PluginVersion{empty}, nil))
	if _, err := b.s.PluginModule(b.t.Context(), v.Hash); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
	if got, err := b.s.PluginVersions(b.t.Context(), "acme"); err != nil || len(got) != 1 || got[0].Plugin != "empty" {
		b.t.Fatal(got, err)
	}
}

func (b *Bench) run(plugin string) waxwing.Run {
	return waxwing.Run{Plugin: plugin, Hash: hashOf(module), Hook: waxwing.HookPersonalise, Role: "active",
		Input: []byte(`{"customer":{"email":"` + Person + `"}}`), Output: []byte(`{"subject":"Hi"}`), Log: []byte("hello\n"),
		Fuel: 1234, Costs: 2, Micros: 56, At: b.clock().Add(123456789).UTC(), Seed: "s1"}
}

// asked makes a confirmation that plugins were asked about.
func (b *Bench) asked(order string, names ...string) (waxwing.ID, waxwing.ID) {
	b.t.Helper()
	rc := b.accept(b.event("web", order, 0, invented(1)))
	w, err := b.s.Work(b.t.Context(), rc.ID)
	b.must(err)
	for _, n := range names {
		w.Runs = append(w.Runs, b.run(n))
	}
	ids, err := b.s.Ready(b.t.Context(), w, []waxwing.Draft{draft(w)}, lookup, time.Hour)
	b.must(err)
	return rc.ID, ids[0]
}

func (b *Bench) list(plugin string) []waxwing.Run {
	b.t.Helper()
	got, err := b.s.PluginRuns(b.t.Context(), "acme", plugin, 0, 0)
	b.must(err)
	return got
}

func runs(b *Bench) {
	rc := b.accept(b.event("web", "1001", 0, invented(1)))
	w, err := b.s.Work(b.t.Context(), rc.ID)
	b.must(err)
	bad := b.run("upsell")
	bad.Fault, bad.Output, bad.Log = "output: the subject of "+Person+" is too long", nil, nil
	w.Runs = []waxwing.Run{b.run("loyalty"), bad}
	_, err = b.s.Ready(b.t.Context(), w, []waxwing.Draft{draft(w)}, lookup, time.Hour)
	b.must(err)
	b.must(b.s.Close())
	b.start("resend")
	metas := b.list("")
	if len(metas) != 2 || metas[0].Plugin != "upsell" || metas[0].Fault != "output" || metas[0].Input != nil || metas[1].Fuel != 1234 ||
		metas[1].ID >= metas[0].ID || metas[0].ID >= 1<<53 || metas[0].Confirmation != rc.ID {
		b.t.Fatalf("%#v", metas)
	}
	if got := b.list("loyalty"); len(got) != 1 || got[0].ID != metas[1].ID {
		b.t.Fatalf("%d", len(got))
	}
	for i, want := range []waxwing.Run{bad, b.run("loyalty")} {
		got, err := b.s.PluginRun(b.t.Context(), "acme", metas[i].ID)
		b.must(err)
		want.ID, want.Confirmation = metas[i].ID, rc.ID
		if len(want.Output) == 0 {
			got.Output, got.Log = nil, nil // none and empty are one
		}
		if !reflect.DeepEqual(*got, want) {
			b.t.Fatalf("\n got %#v\nwant %#v", *got, want)
		}
	}
	full, err := b.s.PluginRunsFull(b.t.Context(), "acme", "", 0, 10)
	b.must(err)
	if len(full) != 2 || full[0].Plugin != "loyalty" || string(full[0].Log) != "hello\n" || full[1].Fault != bad.Fault {
		b.t.Fatalf("%#v", full)
	}
	if strings.Contains(b.export(), "canary") {
		b.t.Fatal("the trail holds her address")
	}
}

func runsUndone(b *Bench) {
	rc := b.accept(b.event("web", "1001", 0, "old"))
	w, err := b.s.Work(b.t.Context(), rc.ID)
	b.must(err)
	w.Runs = []waxwing.Run{b.run("loyalty")}
	b.accept(b.event("web", "1001", 5, "new"))
	_, err = b.s.Ready(b.t.Context(), w, []waxwing.Draft{draft(w)}, lookup, time.Hour)
	b.wantState(err)
	b.wantState(b.s.Quarantine(b.t.Context(), w, "x", waxwing.Lookup{}))
	if got := b.list(""); len(got) != 0 {
		b.t.Fatalf("%d runs of a work that was overtaken", len(got))
	}
}

func runsKept(b *Bench) {
	for i, f := range []func(*waxwing.Work) error{
		func(w *waxwing.Work) error {
			return b.s.Hold(b.t.Context(), w, "a plugin", b.clock().Add(time.Hour), lookup)
		},
		func(w *waxwing.Work) error { return b.s.Quarantine(b.t.Context(), w, "a plugin", waxwing.Lookup{}) },
		func(w *waxwing.Work) error { return b.s.Cancel(b.t.Context(), w, "a plugin", lookup) },
	} {
		rc := b.accept(b.event("web", "100"+string(rune('1'+i)), 0, invented(i)))
		w, err := b.s.Work(b.t.Context(), rc.ID)
		b.must(err)
		w.Runs = []waxwing.Run{b.run("loyalty")}
		b.must(f(w))
		if got := b.list("loyalty"); len(got) != i+1 || got[0].Confirmation != rc.ID {
			b.t.Fatalf("%d: %d runs", i, len(got))
		}
	}
	conf, msg := b.asked("2001")
	b.send(b.claim(msg))
	w, err := b.s.ReworkOf(b.t.Context(), "acme", conf)
	b.must(err)
	w.Runs = []waxwing.Run{b.run("loyalty")}
	d := draft(w)
	_, err = b.s.Add(b.t.Context(), w, &d, time.Hour)
	b.must(err)
	if got := b.list("loyalty"); len(got) != 4 || got[0].Confirmation != conf {
		b.t.Fatalf("%d runs", len(got))
	}
}

func runsErased(b *Bench) {
	b.asked("1001", "loyalty", "upsell")
	id := b.list("loyalty")[0].ID
	n, err := b.s.Erase(b.t.Context(), "acme", waxwing.Erase{Address: Person, Act: act})
	b.must(err)
	if n.Erased != 1 {
		b.t.Fatalf("%d erased", n.Erased)
	}
	if _, err := b.s.PluginRun(b.t.Context(), "acme", id); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
	full, err := b.s.PluginRunsFull(b.t.Context(), "acme", "", 0, 10)
	b.must(err)
	if len(full) != 0 || len(b.list("")) != 0 {
		b.t.Fatal("her runs are still there")
	}
}

func runsPruned(b *Bench) {
	b.asked("1001", "loyalty")
	old := b.list("")[0].ID
	b.later(25 * time.Hour)
	b.asked("1002", "loyalty")
	more, err := b.s.PrunePluginRuns(b.t.Context(), 24*time.Hour)
	b.must(err)
	if got := b.list(""); more || len(got) != 1 || got[0].ID == old {
		b.t.Fatalf("%v %d", more, len(got))
	}
	if _, err := b.s.PluginRun(b.t.Context(), "acme", old); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
}

func runsExpired(b *Bench) {
	b.asked("1001", "loyalty")
	b.later(48 * time.Hour)
	_, err := b.s.Expire(b.t.Context(), 24*time.Hour)
	b.must(err)
	if got := b.list(""); len(got) != 0 {
		b.t.Fatal("the order is gone, and what a plugin saw of it is not")
	}
}

func pluginTenants(b *Bench) {
	b.must(b.s.SavePlugins(b.t.Context(), []waxwing.PluginVersion{b.version(1, module, waxwing.PluginActive)}, module))
	b.asked("1001", "loyalty")
	id := b.list("")[0].ID
	versions, err := b.s.PluginVersions(b.t.Context(), "bolt")
	b.must(err)
	metas, err := b.s.PluginRuns(b.t.Context(), "bolt", "loyalty", 0, 0)
	b.must(err)
	full, err := b.s.PluginRunsFull(b.t.Context(), "bolt", "", 0, 0)
	b.must(err)
	if len(versions)+len(metas)+len(full) != 0 {
		b.t.Fatal("bolt sees acme's")
	}
	if have, err := b.s.PluginTenants(b.t.Context()); err != nil || !slices.Equal(have, []waxwing.TenantID{"acme"}) {
		b.t.Fatal(have, err)
	}
	if _, err := b.s.PluginRun(b.t.Context(), "bolt", id); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
	if _, err := b.s.PluginVersions(b.t.Context(), "nobody"); !errors.Is(err, waxwing.ErrNotFound) {
		b.t.Fatal(err)
	}
}

func runIDs(b *Bench) {
	b.asked("1001", "loyalty")
	first := b.list("")[0].ID
	_, err := b.s.Erase(b.t.Context(), "acme", waxwing.Erase{Address: Person, Act: act})
	b.must(err)
	b.asked("1002", "loyalty")
	if second := b.list("")[0].ID; second <= first {
		b.t.Fatalf("%d follows %d: who waits for the next one never sees it", second, first)
	}
}

func runPages(b *Bench) {
	for _, o := range []string{"1", "2", "3"} {
		b.asked(o, "loyalty", "upsell")
	}
	page, err := b.s.PluginRuns(b.t.Context(), "acme", "loyalty", 0, 2)
	b.must(err)
	rest, err := b.s.PluginRuns(b.t.Context(), "acme", "loyalty", page[1].ID, 2)
	b.must(err)
	after, err := b.s.PluginRunsFull(b.t.Context(), "acme", "loyalty", rest[0].ID, 1)
	b.must(err)
	if len(page) != 2 || len(rest) != 1 || len(after) != 1 || after[0].ID != page[1].ID {
		b.t.Fatalf("%d %d %d", len(page), len(rest), len(after))
	}
}

func runsApart(b *Bench) {
	one, _ := b.asked("1001", "loyalty")
	two, _ := b.asked("1002", "loyalty")
	full, err := b.s.PluginRunsFull(b.t.Context(), "acme", "", 0, 10)
	b.must(err)
	if len(full) != 2 || full[0].Confirmation != one || full[1].Confirmation != two {
		b.t.Fatalf("%d", len(full))
	}
}
