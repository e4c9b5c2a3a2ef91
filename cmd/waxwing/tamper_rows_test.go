package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// wholeLife is a ledger with something in each table that orders fill: sent, held,
// cancelled, quarantined, ignored, suppressed and erased ones, written by two instances.
func wholeLife(t *testing.T) string {
	r := newRig(t)
	r.storm(1, 8)
	r.wait(8)
	r.until(r.accepted(shopifyOrder(500, "held@example.com", "pending")), waxwing.Held)
	r.event("orders/paid", []byte(`{"id":"}`))
	r.event("carts/update", []byte(`{"id":"7"}`))
	if code, b := r.api("POST", "/people/suppress", map[string]string{"address": "never@example.com"}); code/100 != 2 {
		t.Fatal(code, b)
	}
	if code, b := r.api("POST", "/people/erase", map[string]string{"address": "c3@example.com"}); code/100 != 2 {
		t.Fatal(code, b)
	}
	r.restart(daemon.Extras{})
	again := shopifyOrder(1, "c1@example.com", "paid")
	r.shopify("shopify", again)
	r.storm(101, 4)
	r.wait(4)
	r.until(r.accepted(shopifyOrder(600, "never@example.com", "paid")), waxwing.Suppressed)
	r.stop()
	return r.cfg.Data
}

// rowTricks change what the trail does not repeat; each must show by the sums.
var rowTricks = map[string]string{
	"a suppression deleted":               "DELETE FROM suppressions",
	"a suppression invented":              "INSERT INTO suppressions (hash, tenant, at, cause) VALUES (randomblob(16),1,0,'by_person')",
	"a suppression of another":            "UPDATE suppressions SET hash=randomblob(16)",
	"a suppression's tenant":              "UPDATE suppressions SET tenant=2",
	"a suppression's class":               "UPDATE suppressions SET class='soft'",
	"a suppression's reason":              "UPDATE suppressions SET reason='x'",
	"an order's key":                      "UPDATE confirmations SET key=randomblob(16) WHERE id=(SELECT min(id) FROM confirmations)",
	"an order's shop":                     "UPDATE confirmations SET shop='outlet' WHERE id=(SELECT min(id) FROM confirmations)",
	"an order's tenant":                   "UPDATE confirmations SET tenant=9 WHERE id=(SELECT min(id) FROM confirmations)",
	"an order's format":                   "UPDATE confirmations SET format='woocommerce' WHERE id=(SELECT min(id) FROM confirmations)",
	"an order's kind":                     "UPDATE confirmations SET kind='refund' WHERE id=(SELECT min(id) FROM confirmations)",
	"an order's part":                     "UPDATE confirmations SET part='' WHERE id=(SELECT min(id) FROM confirmations)",
	"who asked for a message":             "UPDATE messages SET actor='anna' WHERE id=(SELECT min(id) FROM messages)",
	"why a message was asked for":         "UPDATE messages SET why='she asked' WHERE id=(SELECT min(id) FROM messages)",
	"a message's templates":               "UPDATE messages SET revision='2' WHERE id=(SELECT min(id) FROM messages)",
	"what a message was made of":          "UPDATE contents SET ingredients=X'00' WHERE id=(SELECT min(id) FROM contents)",
	"something became known":              "INSERT INTO annotations (message, kind, at, provider, sealed) SELECT id, 'delivered', 1, 'mail', X'00' FROM messages ORDER BY id LIMIT 1",
	"an instance's lease":                 "UPDATE instances SET lease=1 WHERE id=1",
	"an order's reason":                   "UPDATE confirmations SET reason='other' WHERE state='held'",
	"which event counts":                  "UPDATE confirmations SET event=1 WHERE id=(SELECT min(id) FROM confirmations)",
	"an event's time":                     "UPDATE confirmations SET updated=updated+1 WHERE id=(SELECT min(id) FROM confirmations)",
	"an event's rank":                     "UPDATE confirmations SET rank=rank+1 WHERE id=(SELECT min(id) FROM confirmations)",
	"as if a person had asked":            "UPDATE confirmations SET asked=1 WHERE state='held'",
	"when a held order is due":            "UPDATE confirmations SET due=due+1 WHERE state='held'",
	"a sent order due again":              "UPDATE confirmations SET due=1 WHERE id=(SELECT min(id) FROM confirmations)",
	"when it was released":                "UPDATE confirmations SET released=released-1 WHERE id=(SELECT min(id) FROM confirmations)",
	"how many messages":                   "UPDATE confirmations SET messages=7 WHERE id=(SELECT min(id) FROM confirmations)",
	"how many events":                     "UPDATE confirmations SET events=events+1 WHERE id=(SELECT min(id) FROM confirmations)",
	"a data key of another":               "UPDATE confirmations SET dek=(SELECT dek FROM confirmations ORDER BY id DESC LIMIT 1) WHERE id=(SELECT min(id) FROM confirmations)",
	"a data key's bit":                    "UPDATE confirmations SET dek=randomblob(length(dek)) WHERE id=(SELECT min(id) FROM confirmations)",
	"an event's bytes":                    "UPDATE events SET body=randomblob(length(body)) WHERE id=(SELECT min(id) FROM events)",
	"events exchanged":                    "UPDATE events SET body=(SELECT body FROM events e ORDER BY id DESC LIMIT 1) WHERE id=(SELECT min(id) FROM events)",
	"an event deleted":                    "DELETE FROM events WHERE id=(SELECT min(id) FROM events)",
	"an event's source":                   "UPDATE events SET source='api' WHERE id=(SELECT min(id) FROM events)",
	"an event's topic":                    "UPDATE events SET topic='orders/edited' WHERE id=(SELECT min(id) FROM events)",
	"when an event came":                  "UPDATE events SET at=at-1000 WHERE id=(SELECT min(id) FROM events)",
	"a message's tenant":                  "UPDATE messages SET tenant=2 WHERE id=(SELECT min(id) FROM messages)",
	"a message's channel":                 "UPDATE messages SET channel='sms' WHERE id=(SELECT min(id) FROM messages)",
	"a message's reason":                  "UPDATE messages SET reason='x' WHERE id=(SELECT min(id) FROM messages)",
	"a message's language":                "UPDATE messages SET locale='fr' WHERE id=(SELECT min(id) FROM messages)",
	"as if a person had asked for a mail": "UPDATE messages SET resend=1 WHERE id=(SELECT min(id) FROM messages)",
	"a sent message due again":            "UPDATE messages SET next_at=1 WHERE id=(SELECT min(id) FROM messages)",
	"a time to live":                      "UPDATE messages SET expires=expires+86400000 WHERE id=(SELECT min(id) FROM messages)",
	"how often it was tried":              "UPDATE messages SET tries=3, faults=1 WHERE id=(SELECT min(id) FROM messages)",
	"how many attempts":                   "UPDATE messages SET attempts=0 WHERE id=(SELECT min(id) FROM messages)",
	"when a message was released":         "UPDATE messages SET released=released-60000 WHERE id=(SELECT min(id) FROM messages)",
	"content deleted":                     "DELETE FROM contents WHERE id=(SELECT min(id) FROM contents)",
	"an attempt's times":                  "UPDATE messages SET first=json_set(first, '$[5]', 1000, '$[6]', 2000) WHERE id=(SELECT min(id) FROM messages WHERE substr(first,1,1)='[')",
	"an attempt's enhanced code":          "UPDATE messages SET first=json_set(first, '$[4]', '5.1.1') WHERE id=(SELECT min(id) FROM messages WHERE substr(first,1,1)='[')",
	"an attempt's answer":                 "UPDATE messages SET answer=randomblob(60) WHERE id=(SELECT min(id) FROM messages WHERE substr(first,1,1)='[')",
	"a claim invented":                    "INSERT INTO claims SELECT id, 1, 0, 0, expires, '', '' FROM messages ORDER BY id LIMIT 1",
	"lookups deleted":                     "UPDATE confirmations SET named=NULL WHERE id=(SELECT min(id) FROM confirmations WHERE named IS NOT NULL)",
	"a lookup deleted":                    "UPDATE confirmations SET named=substr(named, 17) WHERE id=(SELECT min(id) FROM confirmations WHERE named IS NOT NULL)",
	"a lookup invented":                   "INSERT INTO lookups SELECT randomblob(16), id FROM confirmations ORDER BY id LIMIT 1",
	"a lookup to another":                 "UPDATE confirmations SET named=(SELECT max(named) FROM confirmations) WHERE id=(SELECT id FROM confirmations WHERE named IS NOT NULL ORDER BY named LIMIT 1)",
	"a segment of lookups":                "INSERT INTO lookup_segments SELECT 1, max(id) FROM confirmations",
	"a tenant's name":                     "UPDATE tenants SET name='other'",
	"a tenant invented":                   "INSERT INTO tenants (name, key) SELECT 'evil', key FROM tenants",
	"an instance deleted":                 "DELETE FROM instances WHERE id=1",
	"when an instance stopped":            "UPDATE instances SET stopped=1 WHERE id=1",
	"a dictionary":                        "UPDATE dictionaries SET body=X'00' WHERE id=1",
	"the sums deleted":                    "DELETE FROM meta WHERE k='sums'",
	"the sums set to nothing":             "UPDATE meta SET v=X'' WHERE k='sums'",
	"the ledger's name":                   "UPDATE meta SET v='another' WHERE k='ledger'",
	"something put into meta":             "INSERT INTO meta VALUES ('losses', '[]')",
	"an unknown table":                    "CREATE TABLE notes (x)",
	"a trigger":                           "CREATE TRIGGER t AFTER INSERT ON messages BEGIN DELETE FROM suppressions; END",
	"an index dropped":                    "DROP INDEX messages_due",
	"a unique key dropped":                "DROP INDEX confirmations_key",
	"a table emptied of another's":        "DELETE FROM events; DELETE FROM contents",
	"a plugin's version invented":         "INSERT INTO plugin_versions VALUES (1,'p',1,'h','live',100,'','{}')",
	"a plugin's code invented":            "INSERT INTO plugin_modules VALUES ('h', X'00')",
	"a plugin's run invented":             "INSERT INTO plugin_runs VALUES (1,1,'p',1,'render','live','h',1,1,1,'',X'00')",
	"the version of the layout":           "PRAGMA user_version=2",
	"the version of the layout, by one":   "PRAGMA user_version=3",
	"all that tells of the seal":          "DELETE FROM meta WHERE k IN ('ledger','sums'); PRAGMA user_version=2",
	"a text behind a NUL":                 "UPDATE messages SET channel=channel||char(0)||'x' WHERE id=(SELECT max(id) FROM messages)",
	"statistics that mislead":             "ANALYZE; UPDATE sqlite_stat1 SET stat='1 1'",
	"a trigger by a name of statistics":   "CREATE TRIGGER \"sqliteXstat1\" AFTER INSERT ON messages BEGIN DELETE FROM events; END",
	"a table with an odd name":            "CREATE TABLE \"x; y\" (a); INSERT INTO \"x; y\" VALUES (1)",
}

// TestTamperedRowsShow plays each trick on a copy, and then the tricks on the files
// beside it.
func TestTamperedRowsShow(t *testing.T) {
	data := wholeLife(t)
	if p := tampered(t, data, func(*testing.T, *sql.DB, string) {}); len(p) != 0 {
		t.Fatalf("the untouched copy: %v", p)
	}
	before := dump(t, data)
	for name, q := range rowTricks {
		t.Run(name, func(t *testing.T) {
			p := tampered(t, data, func(t *testing.T, db *sql.DB, _ string) {
				if _, err := db.Exec(q); err != nil {
					t.Fatal(err)
				}
				_, _ = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)") // so that the dump below sees it
			})
			if len(p) == 0 {
				t.Error("verify finds nothing")
			}
		})
	}
	files := map[string]func(t *testing.T, dir string){
		"the newest anchor cut off": func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, sqlite.AnchorsFile), func(b []byte) []byte {
				return b[:bytes.IndexByte(b, '\n')+1]
			})
		},
		"the newest anchor of a chain cut off": func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, sqlite.AnchorsFile), func(b []byte) []byte {
				return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1]
			})
		},
		"an anchor forged": func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, sqlite.AnchorsFile), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"seq":1,`), []byte(`"seq":2,`), 1)
			})
		},
		"the witness": func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, sqlite.WitnessFile), func(b []byte) []byte { return bytes.ReplaceAll(b, []byte{' '}, []byte{'0'}) })
		},
		"another anchor key": func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "anchor.key"), func(b []byte) []byte {
				k := seal.NewKey()
				return fmt.Appendf(nil, "%x\n", k[:])
			})
		},
		"another master key": func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "master.key"), func(b []byte) []byte {
				k := seal.NewKey()
				return fmt.Appendf(nil, "%x\n", k[:])
			})
		},
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			if p := tampered(t, data, func(t *testing.T, _ *sql.DB, dir string) { f(t, dir) }); len(p) == 0 {
				t.Error("verify finds nothing")
			}
		})
	}
	t.Run("the version of a layout to come", func(t *testing.T) {
		rep, err := verified(t, data, func(t *testing.T, db *sql.DB, _ string) {
			if _, err := db.Exec("PRAGMA user_version=99"); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil || len(rep.Blind) == 0 {
			t.Errorf("%+v %v", rep, err)
		}
	})
	t.Run("a tenant's key", func(t *testing.T) {
		rep, err := verified(t, data, func(t *testing.T, db *sql.DB, _ string) {
			if _, err := db.Exec("UPDATE tenants SET key=X'00'"); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil || rep.Whole() {
			t.Errorf("%+v %v", rep, err)
		}
	})
	t.Run("one bit", func(t *testing.T) { oneBit(t, data, before) })
}

// oneBit flips single bits anywhere in the file: verify finds each, or it lies where
// nothing is kept, so that all rows are as they were.
func oneBit(t *testing.T, data, before string) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 3))
	unseen := 0
	const flips = 60
	for range flips {
		var at int
		p := tampered(t, data, func(t *testing.T, db *sql.DB, dir string) {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			rewrite(t, filepath.Join(dir, sqlite.LedgerFile), func(b []byte) []byte {
				at = rng.IntN(len(b) * 8)
				b[at/8] ^= 1 << (at % 8)
				return b
			})
		})
		if len(p) > 0 {
			continue
		}
		unseen++
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		rewrite(t, filepath.Join(dir, sqlite.LedgerFile), func(b []byte) []byte { b[at/8] ^= 1 << (at % 8); return b })
		if after := dump(t, dir); after != before {
			t.Errorf("seed %d: bit %d of byte %d was flipped unseen: %s", seed, at%8, at/8, firstDifference(before, after))
		}
	}
	t.Logf("seed %d: %d of %d bits lay where nothing is kept", seed, unseen, flips)
}

// rewrite changes a file in place.
func rewrite(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		n := f(bytes.Clone(b))
		if bytes.Equal(b, n) {
			t.Fatal("nothing was changed")
		}
		err = os.WriteFile(path, n, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dump is everything that the database says, as text.
func dump(t *testing.T, dir string) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, sqlite.LedgerFile)+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out strings.Builder
	tables := []string{"sqlite_master"}
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
	if err != nil {
		return err.Error()
	}
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return err.Error()
		}
		tables = append(tables, n)
	}
	_ = rows.Close()
	for _, table := range tables {
		rows, err := db.Query("SELECT * FROM " + table)
		if err != nil {
			return err.Error()
		}
		names, _ := rows.Columns()
		for rows.Next() {
			row := make([]any, len(names))
			for i := range row {
				row[i] = new(any)
			}
			if err := rows.Scan(row...); err != nil {
				return err.Error()
			}
			b, _ := json.Marshal(row) // text, numbers and bytes
			_, _ = out.Write(append(b, '\n'))
		}
		if err := rows.Err(); err != nil {
			return err.Error()
		}
		_ = rows.Close()
	}
	return out.String()
}

// firstDifference is the first line of each dump that the other has not.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("%.300s / %.300s", x[i], y[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}
