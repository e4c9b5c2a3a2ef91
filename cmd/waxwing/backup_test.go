package main

import (
	"archive/tar"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// locally runs a command line that asks no daemon.
func locally(args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = run(args, streams{in: strings.NewReader(""), out: &o, err: &e})
	return status, o.String(), e.String()
}

// TestBackupAndRestoreByTheBook does what docs/operations.md says, while orders
// arrive: back up, lose the machine, restore with the keys, verify, serve.
func TestBackupAndRestoreByTheBook(t *testing.T) {
	r := newRig(t)
	before := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.until(before, waxwing.Sent)
	loaded := make(chan struct{})
	go func() { r.storm(100, 60); close(loaded) }()
	dir := t.TempDir()
	folder, file := filepath.Join(dir, "backup"), filepath.Join(dir, "backup.tar")
	for _, to := range []string{folder, file} {
		status, out, errs := locally("ledger", "backup", to, "--data", r.cfg.Data)
		if status != 0 || !strings.Contains(out, "does not hold the keys") {
			t.Fatalf("%s: %d %s%s", to, status, out, errs)
		}
		if status, _, errs := locally("ledger", "backup", to, "--data", r.cfg.Data); status != 1 || !strings.Contains(errs, "overwrites nothing") {
			t.Errorf("a second one to the same place: %d %s", status, errs)
		}
	}
	for _, c := range []struct{ left, to string }{{"one.part", "one"}, {"two.tar.folder", "two.tar"}, {"three.tar.folder.part", "three.tar"}, {"four.tar.part", "four.tar"}} {
		left := filepath.Join(dir, c.left)
		if err := os.Mkdir(left, 0o700); err != nil {
			t.Fatal(err)
		}
		if status, _, errs := locally("ledger", "backup", filepath.Join(dir, c.to), "--data", r.cfg.Data); status != 1 || !strings.Contains(errs, left+" is there: another backup runs, or one was killed; remove it") {
			t.Errorf("after a killed one: %d %s", status, errs)
		}
		if err := os.Remove(left); err != nil { // nothing was put into it
			t.Fatal(err)
		}
	}
	slashed := filepath.Join(dir, "a b")
	if status, _, errs := locally("ledger", "backup", slashed+"/", "--data", r.cfg.Data); status != 0 {
		t.Errorf("a folder with a slash behind it: %s", errs)
	}
	if err := os.RemoveAll(slashed); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := locally("ledger", "verify", "--data", file); status != 2 || !strings.Contains(errs, "unpack a backup's .tar") {
		t.Errorf("a .tar as it is: %d %s", status, errs)
	}
	<-loaded
	r.wait(60)
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
	keys := map[string][]byte{}
	for _, k := range []string{"master.key", "anchor.key"} {
		b, err := os.ReadFile(filepath.Join(r.cfg.Data, k))
		if err != nil {
			t.Fatal(err)
		}
		keys[k] = b
	}
	// One more than either back-up has, however soon the load was through.
	backedUp := time.Now()
	r.until(r.accepted(shopifyOrder(4000, "late@example.com", "paid")), waxwing.Sent)
	r.stop()
	newer := filepath.Join(r.cfg.Data, sqlite.AnchorsFile)
	late := shopifyOrder(4000, "late@example.com", "paid")
	for name, restore := range map[string]func(to string){
		"folder": func(to string) {
			if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
		},
		"tar": func(to string) { untar(t, file, to) },
	} {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "restored")
			restore(to)
			if status, _, errs := locally("ledger", "verify", "--data", to); status != 2 || !strings.Contains(errs, "master.key") {
				t.Errorf("without keys: %d %s", status, errs)
			}
			for k, b := range keys {
				if err := os.WriteFile(filepath.Join(to, k), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if status, out, errs := locally("ledger", "verify", "--data", to); status != 0 || !strings.Contains(out, "The trail is whole") {
				t.Fatalf("%d %s%s", status, out, errs)
			}
			// The copy of the anchors from elsewhere names entries after the backup: what
			// came after it is gone, and that shows.
			if status, out, _ := locally("ledger", "verify", "--data", to, "--anchors", newer); status != 1 || !strings.Contains(out, "cut off") {
				t.Errorf("against newer anchors: %d %s", status, out)
			}
			r.cfg.Data = to
			if _, err := daemon.Start(r.cfg, slog.New(slog.DiscardHandler), daemon.Extras{}); err == nil || !strings.Contains(err.Error(), "--accept-loss") {
				t.Fatalf("a copy starts as if it were the ledger: %v", err)
			}
			r.start(daemon.Extras{AcceptLoss: &ledger.Acceptance{Since: backedUp}})
			if v := r.get(before); v.State != waxwing.Sent || v.Order == nil {
				t.Errorf("%+v", v)
			}
			if _, rc := r.shopify("shopify", shopifyOrder(1, "jana@example.com", "paid")); rc.ID != before {
				t.Error("the restored ledger does not know what it mailed")
			}
			// It was mailed, and the restored ledger does not know: it is not mailed again.
			if _, rc := r.shopify("shopify", late); rc.State != string(waxwing.Held) {
				t.Errorf("an order of the lost time is %s", rc.State)
			}
			next := r.accepted(orderAfterLoss(5000))
			r.until(next, waxwing.Sent)
			r.verified()
			r.stop()
		})
	}
}

func untar(t *testing.T, file, to string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(h.Name)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifysStatuses: 0 whole, 1 tampered with, 2 could not be looked at, 3 whole
// as far as can be seen; in words and as JSON.
func TestVerifysStatuses(t *testing.T) {
	r := newRig(t)
	r.until(r.accepted(shopifyOrder(1, "jana@example.com", "paid")), waxwing.Sent)
	r.stop()
	dir := r.cfg.Data
	check := func(name string, status int, verdict, words string, args ...string) {
		t.Helper()
		args = append([]string{"ledger", "verify", "--data", dir}, args...)
		got, out, errs := locally(args...)
		if got != status || !strings.Contains(out+errs, words) {
			t.Errorf("%s: status %d, want %d: %s%s", name, got, status, out, errs)
		}
		got, out, errs = locally(append(args, "--json")...)
		var v struct {
			Verdict  string   `json:"verdict"`
			Problems []string `json:"problems"`
			NotSeen  []string `json:"not_seen"`
		}
		if err := json.Unmarshal([]byte(out), &v); status != 2 && (err != nil || v.Verdict != verdict || got != status) {
			t.Errorf("%s: %d %v %s%s", name, got, err, out, errs)
		}
		if status == 3 && (len(v.Problems) != 0 || len(v.NotSeen) != 1) || status == 1 && len(v.Problems) == 0 {
			t.Errorf("%s: %s", name, out)
		}
	}
	check("whole", 0, "whole", "whoever had the folder and its keys")
	check("another file", 2, "", "is no copy of anchors.jsonl", "--anchors", filepath.Join(dir, "anchor.key"))
	check("no anchors", 3, "whole_as_far_as_seen", "Not seen: There is no good anchor", "--anchors", filepath.Join(dir, "nowhere"))
	master := filepath.Join(dir, "master.key")
	if err := os.Rename(master, master+".away"); err != nil {
		t.Fatal(err)
	}
	check("no key", 2, "", "master.key is missing")
	if err := os.Rename(master+".away", master); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.LedgerFile))
	if err == nil {
		_, err = db.Exec("UPDATE messages SET state='failed'")
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	check("tampered", 1, "tampered", "not as it was written")
	check("tampered, without anchors", 1, "tampered", "Not seen", "--anchors", filepath.Join(dir, "nowhere"))
	if status, _, _ := locally("ledger", "verify", "--data", filepath.Join(dir, "nowhere")); status != 2 {
		t.Errorf("no ledger: %d", status)
	}
}
