package plugins

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

func manifestNeeding(name string, needs ...string) []byte {
	for i, n := range needs {
		needs[i] = fmt.Sprintf("%q", n)
	}
	return fmt.Appendf(nil, `{"name":%q,"version":"1","lang":"c","hooks":["personalise"],"needs":[%s]}`, name, strings.Join(needs, ","))
}

// TestNeedsAreApproved: a version that needs to see more than the one that serves waits for a person, who approves of exactly that.
func TestNeedsAreApproved(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, nil)
	put := func(approve bool, source string, needs ...string) waxwing.PluginVersion {
		t.Helper()
		v, err := h.Put(t.Context(), &Upload{Tenant: "acme", Name: "p", Manifest: manifestNeeding("p", needs...),
			Code: attack.Says(fmt.Sprintf(`{"subject":"%d"}`, len(needs))), Now: true, Source: source, ApproveNeeds: approve, By: "key 1"})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := put(false, "upload"); v.State != waxwing.PluginActive {
		t.Fatalf("one that needs nothing is %s", v.State)
	}
	v := put(false, "upload", "items", "customer.email")
	if v.State != waxwing.PluginWaiting || !slices.Equal(v.Unapproved, []string{"items", "customer.email"}) || !slices.Equal(v.Needs, v.Unapproved) {
		t.Fatalf("%+v", v)
	}
	if got := sell(h, 1); got != "0" {
		t.Errorf("what waits serves: %q", got)
	}
	again := host(t, s, nil) // a restart
	if err := again.Restore("acme"); err != nil {
		t.Fatal(err)
	}
	again.work.Wait()
	if got := sell(again, 1); got != "0" {
		t.Errorf("after a restart what waits serves: %q", got)
	}
	for _, wrong := range [][]string{nil, {"items"}, {"items", "customer.email", "items.name"}} {
		if _, err := h.Approve("acme", "p", v.No, wrong, "jo"); !waxwing.IsPermanent(err) {
			t.Errorf("an approval of %q: %v", wrong, err)
		}
	}
	if v, err := h.Approve("acme", "p", v.No, []string{"customer.email", "items"}, "jo"); err != nil || v.State != waxwing.PluginActive || v.ApprovedBy != "jo" || len(v.Unapproved) != 0 {
		t.Fatalf("%+v %v", v, err)
	}
	if got := sell(h, 1); got != "2" {
		t.Errorf("it was approved and says %q", got)
	}
	if _, err := h.Approve("acme", "p", v.No, v.Unapproved, "jo"); !errors.Is(err, waxwing.ErrState) {
		t.Errorf("twice: %v", err)
	}
	if v := put(false, "upload", "customer.email"); v.State != waxwing.PluginActive {
		t.Errorf("needs that shrink: %s", v.State)
	}
	// A need that brings another along grows as well.
	if v := put(false, "upload", "customer.email", "items.name"); v.State != waxwing.PluginWaiting || !slices.Equal(v.Unapproved, []string{"items.name"}) {
		t.Errorf("%+v", v)
	}
	if v := put(true, "upload", "customer.email", "items.price"); v.State != waxwing.PluginActive || v.ApprovedBy != "key 1" {
		t.Errorf("approved with the push: %+v", v)
	}
	if v := s.state(4); v.State != waxwing.PluginStopped || v.Why == "" || len(v.Unapproved) > 0 {
		t.Errorf("the one before still waits: %+v", v)
	}
	if v := put(false, "file", "customer.phone"); v.State != waxwing.PluginActive {
		t.Errorf("a file of the configuration: %+v", v)
	}
	// What waits can be taken back, and a new name begins without approval.
	if v := put(false, "upload", "customer.phone", "customer.email"); v.State != waxwing.PluginWaiting {
		t.Error(v.State)
	}
	if err := h.Withdraw("acme", "p"); err != nil || s.state(7).State != waxwing.PluginWithdraw || len(s.state(7).Unapproved) > 0 {
		t.Errorf("%v %+v", err, s.state(7))
	}
	if v := put(false, "upload", "customer.phone"); v.State != waxwing.PluginWaiting {
		t.Errorf("after it was withdrawn: %s", v.State)
	}
	if err := h.Withdraw("acme", "p"); err != nil {
		t.Error(err)
	}
}

// TestSignaturesAreForOneTenantNameAndNumber: no signature can be used for another tenant, another name, other code, or again.
func TestSignaturesAreForOneTenantNameAndNumber(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newShelfStore()
	keys := map[string]PublicKey{"release": pub}
	h := host(t, s, func(o *HostOptions) {
		o.Signed, o.Signers = true, map[waxwing.TenantID]map[string]PublicKey{"acme": keys, "bolt": keys}
	})
	one, two := attack.Says(`{"subject":"one"}`), attack.Says(`{"subject":"two"}`)
	sign := func(tenant waxwing.TenantID, name string, n int64, code []byte) string {
		return FormatSignature(n, ed25519.Sign(key, Signed(tenant, name, n, manifestNeeding(name), code)))
	}
	put := func(tenant waxwing.TenantID, name, sig string, code []byte) (waxwing.PluginVersion, error) {
		return h.Put(t.Context(), &Upload{Tenant: tenant, Name: name, Manifest: manifestNeeding(name), Code: code, Now: true, Source: "upload", Signature: sig})
	}
	first := sign("acme", "p", 100, one)
	if v, err := put("acme", "p", first, one); err != nil || v.Number != 100 || v.Signer != "release" {
		t.Fatal(v, err)
	}
	if _, err := put("acme", "p", sign("acme", "p", 101, two), two); err != nil {
		t.Fatal(err)
	}
	old := base64.StdEncoding.EncodeToString(ed25519.Sign(key, Signed("acme", "p", 0, manifestNeeding("p"), one)))
	_, raw, err := parseSignature(first)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		tenant    waxwing.TenantID
		name, sig string
		code      []byte
		want      string
	}{
		"put again":            {"acme", "p", first, one, "number 100, and p was put with 101"},
		"the same again":       {"acme", "p", sign("acme", "p", 101, two), two, "number 101"},
		"another tenant's":     {"bolt", "p", first, one, "not by any"},
		"another name's":       {"acme", "q", first, one, "not by any"},
		"another code's":       {"acme", "p", sign("acme", "p", 200, one), two, "not by any"},
		"another number":       {"acme", "p", FormatSignature(300, raw), one, "not by any"},
		"an old one":           {"acme", "p", old, one, "sign it again"},
		"none":                 {"acme", "p", "", one, "takes signed ones only"},
		"no number":            {"acme", "p", "2::" + old, one, "cannot be read"},
		"a number with a sign": {"acme", "p", strings.Replace(sign("acme", "p", 400, one), "2:", "2:+", 1), one, "cannot be read"},
		"nought":               {"acme", "p", sign("acme", "p", 0, one), one, "cannot be read"},
		"too great":            {"acme", "p", sign("acme", "p", MostNumber+1, one), one, "cannot be read"},
	} {
		if v, err := put(c.tenant, c.name, c.sig, c.code); !waxwing.IsPermanent(err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v", what, v.State, err)
		}
	}
	// Texts cannot run into each other.
	if bytes.Equal(Signed("a", "b\nc", 1, nil, nil), Signed("a\nb", "c", 1, nil, nil)) || bytes.Equal(Signed("a", "b", 11, nil, nil), Signed("a", "b1", 1, nil, nil)) {
		t.Error("two plugins have one signature")
	}
	// The configuration's own file may be an older one.
	u := &Upload{Tenant: "acme", Name: "p", Manifest: manifestNeeding("p"), Code: one, Now: true, Source: "file", Signature: first}
	if v, err := h.Put(t.Context(), u); err != nil || v.State != waxwing.PluginActive {
		t.Error(v, err)
	}
}

// TestChecksTellNothingOfOthers: whether another tenant has the same module, compiled and loaded, an upload goes the same way: a
// child of its own that starts with an empty folder. A way that is the same takes the same time.
func TestChecksTellNothingOfOthers(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "children")
	script := filepath.Join(dir, "child")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nfor last; do :; done\necho $WAXWING_COMPILE_CHILD $(find $last -type f | wc -l) >> "+log+"\nexec "+os.Args[0]+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := engine(t, func(o *sandbox.EngineOptions) { o.Cache, o.Child = filepath.Join(dir, "cache"), []string{script} })
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Engine = e })
	body := attack.Says(`{"subject":"secret"}`)
	children := func() []string {
		b, _ := os.ReadFile(log) // none yet
		_ = os.Remove(log)
		return strings.Fields(strings.ReplaceAll(string(b), " ", "/"))
	}
	var ways [][]string
	for _, tenant := range []waxwing.TenantID{"acme", "bolt", "cord"} {
		u := &Upload{Tenant: tenant, Name: "p", Manifest: manifestNeeding("p"), Code: body, Now: true, Source: "upload"}
		if _, err := h.Put(t.Context(), u); err != nil {
			t.Skip(err) // no shell
		}
		ways = append(ways, children())
	}
	for i, w := range ways {
		if !slices.Equal(w, []string{"check/0"}) {
			t.Errorf("upload %d: %q", i+1, w)
		}
	}
	if got := ask(e, prepared(t, e, abi.LangC, body), waxwing.HookPersonalise, smallInput); got.Fault != nil {
		t.Error(got.Fault)
	}
}

// TestAttacksChecksHaveAnEnd: fixtures and compiling share one budget of processor time, and what it takes is counted.
func TestAttacksChecksHaveAnEnd(t *testing.T) {
	e := engine(t, nil)
	for what, body := range attack.Compiling(1) {
		lang, _, _ := strings.Cut(what, ":")
		if _, err := sandbox.Prepare(manifestFor(t, lang), body, abi.Limits{}); err != nil {
			t.Errorf("%s does not pass the static limits: %v", what, err)
		}
	}
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Engine, o.CheckBudget = e, 15*leastCheck })
	bad := &Upload{Tenant: "acme", Name: "p", Manifest: manifestNeeding("p"), Code: []byte("no module"), Source: "upload"}
	var last error
	n := 0
	for ; n < 100; n++ {
		if _, last = h.Put(t.Context(), bad); later(last) != nil {
			break
		}
	}
	if l := later(last); l == nil || !l.Quota || n > 15 {
		t.Errorf("after %d: %v", n, last)
	}
	good := &Upload{Tenant: "bolt", Name: "p", Manifest: manifestNeeding("p"), Code: attack.Says(`{"subject":"good"}`), Now: true, Source: "upload"}
	if _, err := h.Put(t.Context(), good); err != nil {
		t.Errorf("the neighbour: %v", err)
	}
}

// TestAttacksRefusalsAreBounded: ten thousand of them are some rows, and small ones.
func TestAttacksRefusalsAreBounded(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, func(o *HostOptions) { o.CheckBudget = time.Hour })
	m := []byte(`{"name":"p","version":"1","lang":"c","hooks":["personalise"],"config":{"k":"` + strings.Repeat("x", 2000) + `","l":"` + strings.Repeat("x", 2000) + `"}}`)
	var last error
	for range 100 {
		var v waxwing.PluginVersion
		if v, last = h.Put(t.Context(), &Upload{Tenant: "acme", Name: "p", Manifest: m, Code: []byte("no module"), Source: "upload"}); !waxwing.IsPermanent(last) || v.State != waxwing.PluginRefused {
			t.Fatal(v, last)
		}
	}
	if len(s.versions) != 20 || len(s.modules) != 0 || !strings.Contains(last.Error(), "not recorded: 20") {
		t.Errorf("%d rows, %v", len(s.versions), last)
	}
	for _, v := range s.versions {
		if n := len(v.Manifest) + len(v.Why); n > 4<<10 {
			t.Fatalf("%d bytes are kept of one", n)
		}
	}
}

// TestNamesHaveAnEnd: and the refusal says what to do.
func TestNamesHaveAnEnd(t *testing.T) {
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Quota.Names = 3 })
	put := func(name string) error {
		_, err := h.Put(t.Context(), &Upload{Tenant: "acme", Name: name, Manifest: manifestNeeding(name), Code: attack.Says(`{"subject":"x"}`), Now: true, Source: "upload"})
		return err
	}
	for i := range 3 {
		if err := put(fmt.Sprint("n", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("n3"); !waxwing.IsPermanent(err) || !strings.Contains(err.Error(), "plugins.names") || !strings.Contains(err.Error(), "waxwing plugin withdraw") {
		t.Errorf("%v", err)
	}
	if err := put("n1"); err != nil {
		t.Errorf("a name that is there: %v", err)
	}
	if err := h.Withdraw("acme", "n0"); err != nil {
		t.Fatal(err)
	}
	if err := put("n3"); err != nil {
		t.Errorf("after one was withdrawn: %v", err)
	}
}

// TestCompilingHoldsNoUpload: while the engine of scripts is compiled, which takes seconds, others' uploads end.
func TestCompilingHoldsNoUpload(t *testing.T) {
	e := engine(t, func(o *sandbox.EngineOptions) { o.Cache = t.TempDir() })
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Engine = e })
	defer e.Inspect().HoldCompiler()() // as the compilation does until its end
	u := &Upload{Tenant: "acme", Name: "p", Manifest: manifestNeeding("p"), Code: attack.Says(`{"subject":"a"}`), Now: true, Source: "upload"}
	if _, err := h.Put(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

// TestScriptsThatDoNotStartAreRefused, with why, whether there are fixtures or not: else the first order would find out.
func TestScriptsThatDoNotStartAreRefused(t *testing.T) {
	h := host(t, newShelfStore(), nil)
	m := []byte(`{"name":"p","version":"1","lang":"js","hooks":["personalise"]}`)
	put := func(body string) error {
		_, err := h.Put(t.Context(), &Upload{Tenant: "acme", Name: "p", Manifest: m, Code: []byte(body), Now: true, Source: "upload"})
		return err
	}
	if err := put(`function personalise(x) { return {} }`); errors.Is(err, quickjs.ErrOff) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`function personalise(x) { return {`:                                      "SyntaxError",
		`const f = require("f"); function personalise(x) { return {} }`:           "require",
		`throw new Error("no price list"); function personalise(x) { return {} }`: "no price list",
		`for (;;); function personalise(x) { return {} }`:                         "fuel",
	} {
		err := put(body)
		if !waxwing.IsPermanent(err) || !strings.Contains(err.Error(), "does not start") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestTidyRemovesWhatNobodyHolds and nothing else.
func TestTidyRemovesWhatNobodyHolds(t *testing.T) {
	e := engine(t, func(o *sandbox.EngineOptions) { o.Cache = t.TempDir() })
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Engine = e })
	put := func(tenant waxwing.TenantID, name string, body []byte) {
		t.Helper()
		if _, err := h.Put(t.Context(), &Upload{Tenant: tenant, Name: name, Manifest: manifestNeeding(name), Code: body, Now: true, Source: "upload"}); err != nil {
			t.Fatal(err)
		}
	}
	shared, own := attack.Says(`{"subject":"shared"}`), attack.Says(`{"subject":"own"}`)
	put("acme", "p", shared)
	put("bolt", "p", shared)
	put("acme", "q", own)
	for _, n := range []string{"p", "q"} {
		if err := h.Withdraw("acme", n); err != nil {
			t.Fatal(err)
		}
	}
	ours := ""
	tidy := func(most int64, now time.Time, want int) {
		t.Helper()
		held := map[string]bool{abi.LangC + " " + fmt.Sprintf("%x", sha(shared)): true}
		if n, err := e.Inspect().Tidy(held, ours, most, now); err != nil || n != want {
			t.Errorf("%d removed, want %d: %v", n, want, err)
		}
	}
	if n, err := h.Tidy(1 << 40); err != nil || n != 0 {
		t.Error(n, err) // what is fresh may be on its way
	}
	tidy(1<<40, time.Now().Add(time.Hour), 1)
	sizes, err := e.Natives()
	if err != nil || len(sizes) != 1 || sizes[abi.LangC+" "+fmt.Sprintf("%x", sha(shared))] == 0 {
		t.Errorf("%v %v", sizes, err)
	}
	ours = abi.LangC + " " + fmt.Sprintf("%x", sha(shared))
	tidy(1, time.Now(), 0) // as if it were the engine of all scripts
	ours = ""
	tidy(1, time.Now(), 1) // more than all may take
	files, _ := e.Inspect().Files()
	if len(files) != 0 {
		t.Errorf("%q are left", files)
	}
	// It is compiled again where it is needed.
	if got := ask(e, prepared(t, e, abi.LangC, shared), waxwing.HookPersonalise, smallInput); got.Fault != nil {
		t.Error(got.Fault)
	}
}
