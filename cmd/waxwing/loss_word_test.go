package main

import (
	"database/sql"
	"errors"
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

// doesNotStart wants the daemon not to start on a word, and gives what it says.
func (x *lossRig) doesNotStart(a *ledger.Acceptance) string {
	x.t.Helper()
	d, err := daemon.Start(x.cfg, slog.New(slog.DiscardHandler), daemon.Extras{AcceptLoss: a})
	if err == nil {
		_ = d.Stop()
		x.t.Fatal("it starts")
	}
	return err.Error()
}

// TestLossWrongWord: a person's word that cannot be true is not taken, and one that was
// given for another loss holds what may have been sent again.
func TestLossWrongWord(t *testing.T) {
	x := newLossRig(t)
	x.put("ledger.db")
	if s := x.doesNotStart(&ledger.Acceptance{Nothing: true}); !strings.Contains(s, "--accept-loss 20") || strings.Contains(s, "moved: --accept-loss none") {
		t.Errorf("none, where entries are lacking: %s", s)
	}
	if s := x.doesNotStart(&ledger.Acceptance{Since: time.Now().Add(time.Hour)}); !strings.Contains(s, "future") {
		t.Errorf("a time to come: %s", s)
	}
	since := x.refused().Newest
	x.goesOn(since)
	// Lost again, later: today's copy comes back, and the flag stands where it stood.
	if err := errors.Join(os.RemoveAll(x.yesterday), os.CopyFS(x.yesterday, os.DirFS(x.cfg.Data))); err != nil {
		t.Fatal(err)
	}
	x.start(daemon.Extras{})
	lost := orderAfterLoss(901)
	x.until(x.accepted(lost), waxwing.Sent)
	x.stop()
	x.put("ledger.db")
	later := func() time.Time { return time.Now().Add(time.Minute) }
	x.start(daemon.Extras{AcceptLoss: &ledger.Acceptance{Since: since}, Clock: later})
	if _, rc := x.shopify("shopify", lost); rc.State == string(waxwing.Received) {
		t.Error("an order of the second loss would be mailed again")
	}
}

// TestLossUnsettled: a start that ends before the loss is settled leaves what tells of it.
func TestLossUnsettled(t *testing.T) {
	ways := map[string]func(x *lossRig){
		"by its place": func(x *lossRig) {
			if err := errors.Join(os.RemoveAll(x.cfg.Data), os.CopyFS(x.cfg.Data, os.DirFS(x.yesterday))); err != nil {
				x.t.Fatal(err)
			}
			x.remove("witness", "anchors.jsonl")
		},
		"by its anchors": func(x *lossRig) { x.put("ledger.db"); x.remove("witness") },
	}
	for name, lose := range ways {
		t.Run(name, func(t *testing.T) {
			x := newLossRig(t)
			lose(x)
			spoil := func(q string) {
				db, err := sql.Open("sqlite", filepath.Join(x.cfg.Data, sqlite.LedgerFile))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := db.Exec(q); err != nil {
					t.Fatal(err)
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			since := x.refused().Newest
			spoil("INSERT INTO meta (k,v) VALUES ('losses','no JSON')") // as good as a kill there
			x.doesNotStart(&ledger.Acceptance{Since: since})
			spoil("DELETE FROM meta WHERE k='losses'")
			x.refused()
		})
	}
}

// TestCutLedgerTellsRemedy: a file that was cut anywhere is refused, and the way out works.
func TestCutLedgerTellsRemedy(t *testing.T) {
	for name, cut := range map[string]func(size int64) int64{
		"within its last page": func(n int64) int64 { return n - 1000 },
		"by half":              func(n int64) int64 { return n / 2 / 4096 * 4096 },
		"to its first bytes":   func(int64) int64 { return 100 },
	} {
		t.Run(name, func(t *testing.T) {
			x := newLossRig(t)
			path := filepath.Join(x.cfg.Data, sqlite.LedgerFile)
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, cut(st.Size())); err != nil {
				t.Fatal(err)
			}
			if s := x.doesNotStart(nil); !strings.Contains(s, "--accept-loss SINCE") {
				t.Errorf("no remedy: %s", s)
			}
			x.remove("ledger.db")
			x.goesOn(time.Now().Add(-time.Hour))
		})
	}
}
