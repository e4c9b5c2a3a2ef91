package main

import (
	"bytes"
	"database/sql"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/ledger/trail"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// P5: whatever somebody does to the file shows. Each trick is played on a copy
// of one ledger that a daemon wrote.
func TestTamperedLedgerShows(t *testing.T) {
	r := newRig(t)
	const n = 12
	r.storm(1, n)
	r.wait(n)
	r.restart(daemon.Extras{})
	r.storm(101, n)
	r.wait(n)
	held := r.accepted(shopifyOrder(500, "held@example.com", "pending"))
	r.until(held, waxwing.Held)
	r.stop()
	if p := tampered(t, r.cfg.Data, func(*testing.T, *sql.DB, string) {}); len(p) != 0 {
		t.Fatalf("the untouched copy: %v", p)
	}
	sqls := map[string]string{
		"a batch of the trail deleted":     "DELETE FROM trail WHERE batch=5",
		"the first batch deleted":          "DELETE FROM trail WHERE batch=1",
		"the tail cut":                     "DELETE FROM trail WHERE batch>(SELECT max(batch)-2 FROM trail)",
		"two batches swapped":              "UPDATE trail SET batch=-5 WHERE batch=5; UPDATE trail SET batch=5 WHERE batch=6; UPDATE trail SET batch=6 WHERE batch=-5",
		"entries of two batches exchanged": "UPDATE trail SET entries=(SELECT entries FROM trail t WHERE t.batch=11-trail.batch) WHERE batch IN (5,6)",
		"a head changed":                   "UPDATE trail SET head=randomblob(32) WHERE batch=5",
		"an instance renumbered":           "UPDATE trail SET instance=7 WHERE instance=2",
		"a confirmation deleted":           "DELETE FROM confirmations WHERE id=(SELECT min(id) FROM confirmations)",
		"a message deleted":                "DELETE FROM messages WHERE id=(SELECT min(id) FROM messages)",
		"a state changed":                  "UPDATE messages SET state='failed' WHERE id=(SELECT min(id) FROM messages)",
		"a confirmation's state changed":   "UPDATE confirmations SET state='ready' WHERE state='held'",
		"a digest changed":                 "UPDATE messages SET digest=randomblob(16) WHERE id=(SELECT min(id) FROM messages)",
		"content changed":                  "UPDATE contents SET body=substr(body,1,40)||X'00'||substr(body,42) WHERE id=(SELECT min(id) FROM contents)",
		"contents exchanged":               "UPDATE contents SET body=(SELECT body FROM contents c ORDER BY id DESC LIMIT 1) WHERE id=(SELECT min(id) FROM contents)",
		"pointers into the trail cut":      "UPDATE messages SET trail='1,' WHERE id=(SELECT min(id) FROM messages)",
		"a message invented":               "INSERT INTO messages SELECT id+1, tenant, channel, state, reason, locale, resend, next_at, expires, tries, faults, down_since, attempts, released, digest, trail, NULL, NULL, NULL, NULL, NULL FROM messages ORDER BY id LIMIT 1",
		"an erasure invented":              "UPDATE confirmations SET dek=NULL WHERE id=(SELECT min(id) FROM confirmations)",
		"an attempt's verdict changed":     "UPDATE messages SET first=json_set(first, '$[0]', 'rejected') WHERE id=(SELECT min(id) FROM messages WHERE substr(first,1,1)='[')",
		"an attempt deleted":               "UPDATE messages SET first=NULL WHERE id=(SELECT min(id) FROM messages WHERE substr(first,1,1)='[')",
		"an attempt's provider changed":    "UPDATE messages SET first=json_set(first, '$[7]', 'other') WHERE id=(SELECT min(id) FROM messages WHERE substr(first,1,1)='[')",
		"everything deleted":               "DELETE FROM trail; DELETE FROM messages; DELETE FROM confirmations; DELETE FROM contents",
		"all since the last start deleted": "DELETE FROM messages WHERE trail NOT IN (SELECT trail FROM messages LIMIT 12); DELETE FROM trail WHERE instance=2",
	}
	for name, q := range sqls {
		t.Run(name, func(t *testing.T) {
			p := tampered(t, r.cfg.Data, func(t *testing.T, db *sql.DB, _ string) {
				res, err := db.Exec(q)
				if err != nil {
					t.Fatal(err)
				}
				if n, _ := res.RowsAffected(); n == 0 {
					t.Fatal("nothing was changed")
				}
			})
			if len(p) == 0 {
				t.Error("verify finds nothing")
			}
		})
	}
	t.Run("one byte", func(t *testing.T) {
		p := tampered(t, r.cfg.Data, func(t *testing.T, db *sql.DB, _ string) {
			edit(t, db, 5, func(b []byte) []byte { return bytes.Replace(b, []byte(`"cause":"`), []byte(`"cause":"x`), 1) })
		})
		if len(p) == 0 {
			t.Error("verify finds nothing")
		}
	})
	t.Run("the chain forged anew", func(t *testing.T) {
		// Somebody who knows the program rewrites one entry and every head after it.
		p := tampered(t, r.cfg.Data, func(t *testing.T, db *sql.DB, _ string) { forge(t, db) })
		if len(p) == 0 {
			t.Error("verify finds nothing")
		}
	})
	// Without anchors nothing is wrong as far as can be seen, and that much is said.
	t.Run("the anchors deleted", func(t *testing.T) {
		rep, err := verified(t, r.cfg.Data, func(t *testing.T, _ *sql.DB, dir string) {
			if err := os.Remove(filepath.Join(dir, sqlite.AnchorsFile)); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil || !rep.Whole() || len(rep.Blind) != 1 || !rep.Anchored.IsZero() {
			t.Errorf("%+v %v", rep, err)
		}
	})
}

func edit(t *testing.T, db *sql.DB, batch int, f func([]byte) []byte) {
	t.Helper()
	var b []byte
	if err := db.QueryRow("SELECT entries FROM trail WHERE batch=?", batch).Scan(&b); err != nil {
		t.Fatal(err)
	}
	b = lines(t, b)
	n := f(bytes.Clone(b))
	if bytes.Equal(b, n) {
		t.Fatal("nothing to edit")
	}
	if _, err := db.Exec("UPDATE trail SET entries=? WHERE batch=?", n, batch); err != nil {
		t.Fatal(err)
	}
}

// lines are those of a batch, which verify reads packed and plain.
func lines(t *testing.T, b []byte) []byte {
	t.Helper()
	b, err := pack.UnpackLines(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forge changes the provider's name in the first verdict and computes all heads
// of that instance again.
func forge(t *testing.T, db *sql.DB) {
	t.Helper()
	rows, err := db.Query("SELECT batch, entries FROM trail WHERE instance=1 ORDER BY batch")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	type batch struct {
		n    int
		b    []byte
		head []byte
	}
	var all []batch
	chain := trail.Chain{Instance: 1}
	done := false
	for rows.Next() {
		var x batch
		if err := rows.Scan(&x.n, &x.b); err != nil {
			t.Fatal(err)
		}
		x.b = lines(t, x.b)
		if !done && bytes.Contains(x.b, []byte(`"provider":"mail"`)) {
			x.b, done = bytes.Replace(x.b, []byte(`"provider":"mail"`), []byte(`"provider":"fail"`), 1), true
		}
		if err := chain.Walk(x.b, func(waxwing.TrailEntry, trail.Head) error { return nil }); err != nil {
			t.Fatal(err)
		}
		x.head = bytes.Clone(chain.Head[:])
		all = append(all, x)
	}
	for _, x := range all {
		if _, err := db.Exec("UPDATE trail SET entries=?, head=? WHERE batch=?", x.b, x.head, x.n); err != nil {
			t.Fatal(err)
		}
	}
}

// tampered copies a ledger, lets f at it and returns what verify says.
func tampered(t *testing.T, from string, f func(*testing.T, *sql.DB, string)) []string {
	t.Helper()
	rep, err := verified(t, from, f)
	if err != nil {
		return []string{err.Error()}
	}
	return rep.Problems
}

func verified(t *testing.T, from string, f func(*testing.T, *sql.DB, string)) (*verify.Report, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(2)
	f(t, db, dir)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := sqlite.Open(t.Context(), sqlite.Options{Options: ledger.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Verify(t.Context(), "")
}
