package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
)

var testCode = []byte("\x00asm of a test")

func testVersion(no int, state waxwing.PluginState) waxwing.PluginVersion {
	sum := sha256.Sum256(testCode)
	return waxwing.PluginVersion{Tenant: "acme", Plugin: "loyalty", No: no, Hash: hex.EncodeToString(sum[:]), State: state, Manifest: []byte("{}")}
}

// change does to a ledger's file what nobody should.
func change(t *testing.T, dir string, statements ...string) {
	t.Helper()
	c, err := db.Open(dsn(filepath.Join(dir, "ledger.db"), false))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, q := range statements {
		if _, err := c.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func verified(t *testing.T, l *Ledger) []string {
	t.Helper()
	r, err := l.Verify(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return r.Problems
}

func closeTest(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMigrateFrom1: a ledger of the last release keeps all it has.
func TestMigrateFrom1(t *testing.T) {
	dir := t.TempDir()
	rowsSealed = "no"
	l := openTest(t, dir, nil, "resend")
	rowsSealed = "sealed"
	rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Format: "generic", Raw: []byte("{}"), At: waxwing.SystemClock(),
		Key: waxwing.EventKey{OrderID: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	closeTest(t, l)
	change(t, dir, slices.Concat(before7, []string{"DROP TABLE plugin_runs", "DROP TABLE plugin_modules", "DROP TABLE plugin_versions", "DROP TABLE plugin_numbers",
		"DROP INDEX messages_state", "DROP INDEX confirmations_state", "DELETE FROM meta", "PRAGMA user_version=1"})...)

	// The command line looks at it as it is.
	l, err = Open(t.Context(), Options{Options: ledger.Options{Dir: dir}, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Fatal(p)
	}
	if v, err := l.PluginVersions(t.Context(), "acme"); err != nil || len(v) != 0 {
		t.Fatal(v, err)
	}
	closeTest(t, l)

	l = openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	if err := l.db.read(t.Context(), func(c *db.Conn) error {
		at, err := schema.Of(c)
		if at != schema.Layout {
			t.Errorf("schema %d", at)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if w, err := l.Work(t.Context(), rc.ID); err != nil || string(w.Raw) != "{}" {
		t.Fatal(w, err)
	}
	if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{testVersion(1, waxwing.PluginActive)}, testCode); err != nil {
		t.Fatal(err)
	}
	if p := verified(t, l); len(p) != 0 {
		t.Fatal(p)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	closeTest(t, openTest(t, dir, nil, "resend"))
	change(t, dir, "PRAGMA user_version=99")
	if _, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir}}); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Fatal(err)
	}
}

// TestVerifySeesChangedPlugins: whoever can write the file cannot put a version
// to work, or other code or another manifest under one, unseen.
func TestVerifySeesChangedPlugins(t *testing.T) {
	for name, c := range map[string]struct{ statement, want string }{
		"state":    {"UPDATE plugin_versions SET state='active' WHERE no=2", `is "active", but its trail says "refused"`},
		"percent":  {"UPDATE plugin_versions SET percent=100 WHERE no=2", "is not what was recorded"},
		"hash":     {"UPDATE plugin_versions SET hash='ff' WHERE no=2", "is not what was recorded"},
		"why":      {"UPDATE plugin_versions SET why='' WHERE no=2", "is not what was recorded"},
		"body":     {"UPDATE plugin_versions SET body=replace(body,'refused','active') WHERE no=2", "is not what was recorded"},
		"gone":     {"DELETE FROM plugin_versions WHERE no=2", "its row is gone"},
		"invented": {"INSERT INTO plugin_versions SELECT tenant, plugin, 3, hash, state, percent, why, body FROM plugin_versions WHERE no=1", "in no entry"},
		"code":     {"UPDATE plugin_modules SET body=x'0061'", "module"},
		"no code":  {"DELETE FROM plugin_modules", "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := openTest(t, dir, nil, "resend")
			bad := testVersion(2, waxwing.PluginRefused)
			bad.Why = "it imports what it may not"
			if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{testVersion(1, waxwing.PluginActive), bad}, testCode); err != nil {
				t.Fatal(err)
			}
			if p := verified(t, l); len(p) != 0 {
				t.Fatal(p)
			}
			closeTest(t, l)
			change(t, dir, c.statement)
			l = openTest(t, dir, nil, "resend")
			defer closeTest(t, l)
			p := verified(t, l)
			if !slices.ContainsFunc(p, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("%q", p)
			}
		})
	}
}

// TestRunsAreSealedApart: the row in clear has a fault's kind only, and no body fits
// another row.
func TestRunsAreSealedApart(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Format: "generic", Raw: []byte("{}"), At: waxwing.SystemClock(),
		Key: waxwing.EventKey{OrderID: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.Work(t.Context(), rc.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.Runs = []waxwing.Run{{Plugin: "a", Hook: "filter", Input: []byte("jane"), Fault: "trap: jane"}, {Plugin: "b", Hook: "filter", Input: []byte("jane")}}
	if err := l.Quarantine(t.Context(), w, "x", waxwing.Lookup{}); err != nil {
		t.Fatal(err)
	}
	metas, err := l.PluginRuns(t.Context(), "acme", "", 0, 0)
	if err != nil || len(metas) != 2 || metas[1].Fault != "trap" {
		t.Fatal(len(metas), err)
	}
	var n [1]int64
	if err := l.do(t.Context(), func(ctx context.Context, t *dbTx) (err error) {
		n[0], err = t.exec("UPDATE plugin_runs SET body=(SELECT body FROM plugin_runs WHERE plugin='a') WHERE plugin='b'")
		return err
	}); err != nil || n[0] != 1 {
		t.Fatal(n, err)
	}
	if _, err := l.PluginRun(t.Context(), "acme", metas[0].ID); err == nil {
		t.Fatal("one plugin's run passes as another's")
	}
	if r, err := l.PluginRun(t.Context(), "acme", metas[1].ID); err != nil || r.Fault != "trap: jane" || string(r.Input) != "jane" {
		t.Fatal(r, err)
	}
}

func TestDeriveIsStableAndApart(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	a, b := l.Derive("plugin cache"), l.Derive("other")
	closeTest(t, l)
	l = openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	kept, err := os.ReadFile(filepath.Join(dir, masterFile))
	if err != nil {
		t.Fatal(err)
	}
	master, err := seal.ParseKey(waxwing.Secret(kept))
	if a == b || l.Derive("plugin cache") != a || a == [32]byte(master) || err != nil {
		t.Fatal("keys are not apart, or not the same after a restart")
	}
}
