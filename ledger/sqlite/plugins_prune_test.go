package sqlite

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

func codeOf(n, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // random, so that packing does not shrink it; never fails
	return append(fmt.Appendf(nil, "%d ", n), b...)
}

func aVersion(tenant waxwing.TenantID, name string, no int, code []byte, state waxwing.PluginState) waxwing.PluginVersion {
	sum := sha256.Sum256(code)
	return waxwing.PluginVersion{Tenant: tenant, Plugin: name, No: no, Hash: hex.EncodeToString(sum[:]), State: state, Manifest: []byte("{}")}
}

// withQuota opens a ledger of two tenants with these bounds.
func withQuota(t *testing.T, dir string, clock waxwing.Clock, q waxwing.PluginQuota) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir, Tenants: []waxwing.TenantID{"acme", "bolt"}, Policy: "resend", Clock: clock, Quota: q}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTest(t, l) })
	return l
}

func keptOf(t *testing.T, l *Ledger, tenant waxwing.TenantID) (out []string) {
	t.Helper()
	all, err := l.PluginVersions(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		out = append(out, fmt.Sprintf("%s %d %s", v.Plugin, v.No, v.State))
	}
	return out
}

// TestPluginsOldVersionsAreDropped: versions beyond those kept go, with their modules, and the trail follows.
func TestPluginsOldVersionsAreDropped(t *testing.T) {
	l := withQuota(t, t.TempDir(), nil, waxwing.PluginQuota{Names: 2, Versions: 3, Refused: 2})
	put := func(v waxwing.PluginVersion, code []byte, more ...waxwing.PluginVersion) {
		t.Helper()
		if err := l.SavePlugins(t.Context(), append(more, v), code); err != nil {
			t.Fatal(err)
		}
	}
	shared := codeOf(0, 1000)
	put(aVersion("bolt", "hers", 1, shared, waxwing.PluginActive), shared)
	var codes [][]byte
	var last waxwing.PluginVersion
	for no := 1; no <= 6; no++ {
		code := codeOf(no, 1000)
		if no == 1 {
			code = shared
		}
		codes = append(codes, code)
		v := aVersion("acme", "p", no, code, waxwing.PluginActive)
		if last.No > 0 {
			last.State = waxwing.PluginRetired
			put(v, code, last)
		} else {
			put(v, code)
		}
		last = v
	}
	for no := 7; no <= 11; no++ {
		put(aVersion("acme", "p", no, []byte("bad"), waxwing.PluginRefused), nil)
	}
	want := []string{"p 4 retired", "p 5 retired", "p 6 active", "p 10 refused", "p 11 refused"}
	if got := keptOf(t, l, "acme"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for i, code := range codes {
		sum := sha256.Sum256(code)
		_, err := l.PluginModule(t.Context(), hex.EncodeToString(sum[:]))
		if gone := errors.Is(err, waxwing.ErrNotFound); gone != (i == 1 || i == 2) { // the first is bolt's as well
			t.Errorf("module %d: %v", i+1, err)
		}
	}
	if got := keptOf(t, l, "bolt"); !slices.Equal(got, []string{"hers 1 active"}) {
		t.Errorf("another tenant's: %q", got)
	}
	// Names out of service: as many as may be in it, the newest.
	for i := range 4 {
		name := fmt.Sprint("old", i)
		code := codeOf(i, 10)
		put(aVersion("acme", name, 1, code, waxwing.PluginActive), code)
		put(aVersion("acme", name, 1, code, waxwing.PluginWithdraw), nil)
	}
	if got := keptOf(t, l, "acme"); !slices.Equal(got[5:], []string{"old2 1 withdrawn", "old3 1 withdrawn"}) {
		t.Errorf("%q", got)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
	// A dropped name begins anew, and verify follows.
	code := codeOf(9, 10)
	put(aVersion("acme", "old0", 1, code, waxwing.PluginShadow), code)
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}

// TestPluginsBytesHaveAnEnd: the oldest modules go first; what serves stays, and what does not fit beside it is refused.
func TestPluginsBytesHaveAnEnd(t *testing.T) {
	l := withQuota(t, t.TempDir(), nil, waxwing.PluginQuota{Modules: 50_000})
	var last waxwing.PluginVersion
	for no := 1; no <= 9; no++ {
		code := codeOf(no, 10_000)
		v := aVersion("acme", "p", no, code, waxwing.PluginActive)
		changed := []waxwing.PluginVersion{v}
		if last.No > 0 {
			last.State = waxwing.PluginRetired
			changed = append(changed, last)
		}
		if err := l.SavePlugins(t.Context(), changed, code); err != nil {
			t.Fatal(err)
		}
		last = v
	}
	if got, want := keptOf(t, l, "acme"), []string{"p 6 retired", "p 7 retired", "p 8 retired", "p 9 active"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	big := codeOf(1, 35_000)
	err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{aVersion("acme", "q", 1, big, waxwing.PluginShadow)}, big)
	if !waxwing.IsPermanent(err) || !strings.Contains(err.Error(), "plugins.modules") || len(keptOf(t, l, "acme")) != 4 {
		t.Errorf("%v, %q", err, keptOf(t, l, "acme"))
	}
	if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{aVersion("bolt", "q", 1, big, waxwing.PluginShadow)}, big); err != nil {
		t.Errorf("another tenant has room: %v", err)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}

// TestPluginNumbersOutliveVersions: an old signature stays old when its version is gone, and verify sees a number that was lowered.
func TestPluginNumbersOutliveVersions(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	v := testVersion(1, waxwing.PluginActive)
	v.Number, v.Signer = 1_700_000_000, "release"
	if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{v}, testCode); err != nil {
		t.Fatal(err)
	}
	later := testVersion(2, waxwing.PluginShadow)
	later.Number = 5 // a file of the configuration may
	if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{later}, testCode); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"loyalty": 1_700_000_000, "other": 0} {
		if n, err := l.PluginNumber(t.Context(), "acme", name); err != nil || n != want {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
	closeTest(t, l)
	for _, c := range []struct{ statement, want string }{
		{"UPDATE plugin_numbers SET number=1", "its trail says 1700000000"}, {"DELETE FROM plugin_numbers", "its row is gone"},
	} {
		change(t, dir, c.statement)
		l = openTest(t, dir, nil, "resend")
		if p := verified(t, l); !slices.ContainsFunc(p, func(s string) bool { return strings.Contains(s, c.want) }) {
			t.Errorf("%s: %q", c.statement, p)
		}
		closeTest(t, l)
	}
}

// TestMigrateFrom4 keeps what is there and adds what is new.
func TestMigrateFrom4(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	olden(t, l)
	if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{testVersion(1, waxwing.PluginActive)}, testCode); err != nil {
		t.Fatal(err)
	}
	closeTest(t, l)
	change(t, dir, append(slices.Clone(before7), "DROP TABLE plugin_numbers", "DROP INDEX plugin_versions_hash", "DROP INDEX plugin_runs_tenant", "DROP INDEX messages_state", "DROP INDEX confirmations_state", "PRAGMA user_version=4")...)
	l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir}, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := l.PluginNumber(t.Context(), "acme", "loyalty"); n != 0 || err != nil {
		t.Error(n, err)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
	closeTest(t, l)
	l = openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	v := testVersion(2, waxwing.PluginShadow)
	v.Number = 7
	if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{v}, testCode); err != nil {
		t.Fatal(err)
	}
	if n, err := l.PluginNumber(t.Context(), "acme", "loyalty"); n != 7 || err != nil {
		t.Error(n, err)
	}
	if got := keptOf(t, l, "acme"); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}

// recorded gives an order of the tenant these runs.
func recorded(t *testing.T, l *Ledger, tenant waxwing.TenantID, order string, runs ...waxwing.Run) {
	t.Helper()
	rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: tenant, Shop: "web", Format: "generic", Raw: []byte("{}"), At: l.o.Clock(), Key: waxwing.EventKey{OrderID: order}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.Work(t.Context(), rc.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.Runs = runs
	if err := l.Quarantine(t.Context(), w, "x", waxwing.Lookup{}); err != nil {
		t.Fatal(err)
	}
}

// TestRunsOfAnOrderHaveAnEnd: what does not fit is left out, the largest first, and that is said.
func TestRunsOfAnOrderHaveAnEnd(t *testing.T) {
	l := withQuota(t, t.TempDir(), nil, waxwing.PluginQuota{OrderRun: 10_000})
	b := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	recorded(t, l, "acme", "1", waxwing.Run{Plugin: "a", Input: b(5000), Output: b(1000), Log: b(10)},
		waxwing.Run{Plugin: "b", Input: b(5000), Output: b(1000), Log: b(10)},
		waxwing.Run{Plugin: "c", Input: b(2000), Output: b(2500), Log: b(900)},
		waxwing.Run{Plugin: "d", Input: b(600), Output: b(600), Log: b(600)})
	runs, err := l.PluginRunsFull(t.Context(), "acme", "", 0, 10)
	if err != nil || len(runs) != 4 {
		t.Fatal(len(runs), err)
	}
	for i, want := range []struct {
		in, out, log int
		left         string
	}{{5000, 1000, 10, ""}, {0, 1000, 10, "input (5000 bytes) left out"}, {2000, 0, 900, "output (2500 bytes) left out: the runs of one order keep at most 10000 bytes"},
		{0, 0, 0, "input (600 bytes), output (600 bytes), log (600 bytes) left out"}} {
		r := &runs[i]
		if i == 3 {
			want.in, want.out, want.log = len(r.Input), len(r.Output), len(r.Log)
			want.left = r.Left
			if n := len(r.Input) + len(r.Output) + len(r.Log); n > 80 {
				t.Errorf("%d bytes beyond the room", n)
			}
		}
		if len(r.Input) != want.in || len(r.Output) != want.out || len(r.Log) != want.log || !strings.HasPrefix(r.Left, want.left) {
			t.Errorf("%s: %d %d %d %q", r.Plugin, len(r.Input), len(r.Output), len(r.Log), r.Left)
		}
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}

// TestRunsOfADayHaveAnEnd: the tenant's oldest go first, nobody else's do; who writes over his own all day has only heads kept.
func TestRunsOfADayHaveAnEnd(t *testing.T) {
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	l := withQuota(t, t.TempDir(), func() time.Time { return now }, waxwing.PluginQuota{DayRuns: 50_000, OrderRun: 10_000})
	recorded(t, l, "bolt", "1", waxwing.Run{Plugin: "hers", Input: codeOf(0, 4000)})
	ids := func(tenant waxwing.TenantID) (n int, bytes int64, bodies int) {
		t.Helper()
		runs, err := l.PluginRunsFull(t.Context(), tenant, "", 0, 500)
		if err != nil {
			t.Fatal(err)
		}
		for i := range runs {
			bytes += int64(len(runs[i].Input)) + 400 // its row
			if len(runs[i].Input) > 0 {
				bodies++
			}
		}
		return len(runs), bytes, bodies
	}
	for i := range 30 {
		now = now.Add(time.Second)
		recorded(t, l, "acme", fmt.Sprint(i), waxwing.Run{Plugin: "p", Input: codeOf(i, 4000)})
		if n, bytes, _ := ids("acme"); bytes > 50_000 || n < min(i, 8) {
			t.Fatalf("after %d: %d runs of %d bytes", i, n, bytes)
		}
	}
	runs, err := l.PluginRuns(t.Context(), "acme", "p", 0, 1)
	if err != nil || len(runs) != 1 || runs[0].At.After(now) {
		t.Fatal(runs, err)
	}
	for i := range 40 { // 30 + 40 runs of some 4,400 bytes are more than four times what is kept
		now = now.Add(time.Second)
		recorded(t, l, "acme", fmt.Sprint("b", i), waxwing.Run{Plugin: "p", Input: codeOf(i, 4000)})
	}
	full, err := l.PluginRunsFull(t.Context(), "acme", "p", 0, 500)
	if err != nil || len(full) == 0 {
		t.Fatal(err)
	}
	if r := full[len(full)-1]; len(r.Input) != 0 || !strings.Contains(r.Left, "plugins.runs_day") {
		t.Errorf("the last one has %d bytes, left %q", len(r.Input), r.Left)
	}
	if n, _, bodies := ids("bolt"); n != 1 || bodies != 1 {
		t.Errorf("another tenant's: %d, %d with their bodies", n, bodies)
	}
	now = now.Add(24 * time.Hour)
	recorded(t, l, "acme", "next", waxwing.Run{Plugin: "p", Input: codeOf(1, 4000)})
	if _, _, bodies := ids("acme"); bodies == 0 {
		t.Error("a new day keeps nothing")
	}
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}
