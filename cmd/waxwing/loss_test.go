package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// lossRig is a daemon whose ledger gets lost: yesterday's copy knows the first
// orders, and not those of today.
type lossRig struct {
	*rig
	yesterday string
	orders    [][]byte // of today
}

func newLossRig(t *testing.T) *lossRig {
	x := &lossRig{rig: newRig(t), yesterday: filepath.Join(t.TempDir(), "yesterday")}
	x.storm(1, 4)
	x.wait(4)
	x.until(x.accepted(shopifyOrder(50, "held@example.com", "pending")), waxwing.Held)
	x.stop()
	if err := os.CopyFS(x.yesterday, os.DirFS(x.cfg.Data)); err != nil {
		t.Fatal(err)
	}
	x.start(daemon.Extras{})
	for i := range 4 {
		x.orders = append(x.orders, shopifyOrder(100+i, recipient(100+i), "paid"))
	}
	x.orders = append(x.orders, shopifyOrder(50, "held@example.com", "paid"))
	for _, o := range x.orders {
		if code, rc := x.shopify("shopify", o); code/100 != 2 {
			t.Fatalf("%d %+v", code, rc)
		}
	}
	x.wait(5)
	x.stop()
	return x
}

// refused starts the daemon and wants it not to, with the remedy in its words.
func (x *lossRig) refused() *sqlite.LossError {
	x.t.Helper()
	d, err := daemon.Start(x.cfg, slog.New(slog.DiscardHandler), daemon.Extras{})
	if err == nil {
		_ = d.Stop()
		x.t.Fatal("it starts as if nothing were wrong")
	}
	lost := new(sqlite.LossError)
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "--accept-loss ") {
		x.t.Fatalf("refused, without the remedy: %v", err)
	}
	return lost
}

// goesOn accepts the loss, has the shop offer all orders of today again, and
// wants none of them mailed twice, but a new one mailed.
func (x *lossRig) goesOn(since time.Time) {
	x.t.Helper()
	mails := len(x.mails)
	x.start(daemon.Extras{AcceptLoss: &ledger.Acceptance{Since: since}})
	for _, o := range x.orders {
		if code, rc := x.shopify("shopify", o); code/100 != 2 || rc.State == string(waxwing.Received) {
			x.t.Errorf("%d, %s: it would be mailed again", code, rc.State)
		}
	}
	// Edited since, they are no other orders.
	later := time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339)
	for _, o := range x.orders {
		if code, rc := x.shopify("shopify", updated(o, later)); code/100 != 2 || rc.State == string(waxwing.Received) {
			x.t.Errorf("%d, %s: an edit has it mailed again", code, rc.State)
		}
	}
	id := x.accepted(orderAfterLoss(900))
	x.until(id, waxwing.Sent)
	x.wait(1)
	if got := len(x.mails) - mails; got != 1 {
		x.t.Errorf("%d mails, want that of the new order alone", got)
	}
	for _, v := range x.list("?state=held") {
		if code, b := x.do("POST", "/v1/tenants/acme/confirmations/"+v.ID.String()+"/retry", "acme-key", nil, nil); code/100 != 2 {
			x.t.Errorf("a person cannot release it: %d %s", code, b)
		}
	}
	x.stop()
}

// updated is an order as the shop sends it after an edit.
func updated(o []byte, at string) []byte {
	i := bytes.Index(o, []byte(`"updated_at":"`)) + len(`"updated_at":"`)
	return slices.Concat(o[:i], []byte(at), o[i+len(at):])
}

// orderAfterLoss was completed after the second in which a loss was accepted.
func orderAfterLoss(n int) []byte {
	o := string(shopifyOrder(n, "new@example.com", "paid"))
	now := o[strings.Index(o, `"created_at":"`)+14:][:len("2006-01-02T15:04:05Z")]
	return []byte(strings.ReplaceAll(o, now, time.Now().Add(2*time.Second).UTC().Format(time.RFC3339)))
}

// put replaces the data folder's files by those of yesterday's.
func (x *lossRig) put(names ...string) {
	x.t.Helper()
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(x.yesterday, n))
		if err != nil {
			x.t.Fatal(err)
		}
		// In place, as cp does it: the file is the same one.
		if err := os.WriteFile(filepath.Join(x.cfg.Data, n), b, 0o600); err != nil {
			x.t.Fatal(err)
		}
	}
}

func (x *lossRig) remove(names ...string) {
	x.t.Helper()
	for _, n := range names {
		if err := os.Remove(filepath.Join(x.cfg.Data, n)); err != nil {
			x.t.Fatal(err)
		}
	}
}

// TestLostLedger: a ledger that is deleted, cut, restored from yesterday or copied
// does not start without a person's word, and then mails nothing twice.
func TestLostLedger(t *testing.T) {
	ways := map[string]func(x *lossRig){
		"deleted": func(x *lossRig) { x.remove("ledger.db") },
		"deleted, with its anchors": func(x *lossRig) {
			x.remove("ledger.db", "anchors.jsonl")
		},
		"deleted, with its witness": func(x *lossRig) { x.remove("ledger.db", "witness") },
		"emptied": func(x *lossRig) {
			if err := os.Truncate(filepath.Join(x.cfg.Data, "ledger.db"), 0); err != nil {
				x.t.Fatal(err)
			}
		},
		"yesterday's database in place":             func(x *lossRig) { x.put("ledger.db") },
		"yesterday's database, no anchors":          func(x *lossRig) { x.put("ledger.db"); x.remove("anchors.jsonl") },
		"yesterday's database, no witness":          func(x *lossRig) { x.put("ledger.db"); x.remove("witness") },
		"yesterday's database and anchors in place": func(x *lossRig) { x.put("ledger.db", "anchors.jsonl") },
		"yesterday's database and witness in place": func(x *lossRig) { x.put("ledger.db", "witness") },
		"yesterday's folder": func(x *lossRig) {
			if err := errors.Join(os.RemoveAll(x.cfg.Data), os.CopyFS(x.cfg.Data, os.DirFS(x.yesterday))); err != nil {
				x.t.Fatal(err)
			}
		},
		"yesterday's folder moved here": func(x *lossRig) {
			if err := errors.Join(os.RemoveAll(x.cfg.Data), os.Rename(x.yesterday, x.cfg.Data)); err != nil {
				x.t.Fatal(err)
			}
		},
		"a copy, neither witness nor anchors": func(x *lossRig) {
			to := filepath.Join(x.t.TempDir(), "copy")
			if err := os.CopyFS(to, os.DirFS(x.yesterday)); err != nil {
				x.t.Fatal(err)
			}
			x.cfg.Data = to
			x.remove("anchors.jsonl", "witness")
		},
	}
	for name, lose := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newLossRig(t)
			lose(x)
			lost := x.refused()
			since := lost.Newest
			if since.IsZero() {
				since = time.Now().Add(-time.Hour)
			}
			x.goesOn(since)
			// Said once it is settled: the next start needs no word, and the same word
			// again changes nothing.
			x.start(daemon.Extras{AcceptLoss: &ledger.Acceptance{Since: since}})
			x.stop()
			x.start(daemon.Extras{})
		})
	}
}

// TestLossOutside: a witness on another disk sees what a whole folder of yesterday's,
// put back in place, does not.
func TestLossOutside(t *testing.T) {
	away := filepath.Join(t.TempDir(), "witness")
	x := newRig(t, func(r *rig, _ *daemon.Extras) { r.cfg.Witness = away })
	x.until(x.accepted(shopifyOrder(1, "a@example.com", "paid")), waxwing.Sent)
	x.stop()
	l := &lossRig{rig: x, yesterday: filepath.Join(t.TempDir(), "yesterday")}
	if err := os.CopyFS(l.yesterday, os.DirFS(x.cfg.Data)); err != nil {
		t.Fatal(err)
	}
	x.start(daemon.Extras{})
	x.until(x.accepted(shopifyOrder(2, "b@example.com", "paid")), waxwing.Sent)
	x.stop()
	l.put("ledger.db", "anchors.jsonl", "witness")
	if lost := l.refused(); !strings.Contains(lost.Error(), away) {
		t.Errorf("%v", lost)
	}
	x.start(daemon.Extras{AcceptLoss: &ledger.Acceptance{Since: time.Now().Add(-time.Hour)}})
}

// TestMovedLedger: a ledger that is merely moved goes on whole, once that is said.
func TestMovedLedger(t *testing.T) {
	x := newLossRig(t)
	held := x.cfg.Data
	x.cfg.Data = filepath.Join(t.TempDir(), "elsewhere")
	if err := os.CopyFS(x.cfg.Data, os.DirFS(held)); err != nil {
		t.Fatal(err)
	}
	x.refused()
	x.start(daemon.Extras{AcceptLoss: &ledger.Acceptance{Nothing: true}})
	x.until(x.accepted(shopifyOrder(901, "new@example.com", "paid")), waxwing.Sent)
	x.verified()
	x.stop()
	x.start(daemon.Extras{})
}

// TestForkedLedger: a copy and its original that both went on have anchors that contradict.
func TestForkedLedger(t *testing.T) {
	r := newRig(t)
	r.until(r.accepted(shopifyOrder(1, "a@example.com", "paid")), waxwing.Sent)
	r.stop()
	original, copied := r.cfg.Data, filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(original)); err != nil {
		t.Fatal(err)
	}
	for i, dir := range []string{copied, original} {
		r.cfg.Data = dir
		x := daemon.Extras{}
		if dir == copied {
			x.AcceptLoss = &ledger.Acceptance{Nothing: true} // not so
		}
		r.start(x)
		r.until(r.accepted(shopifyOrder(10+i, "b@example.com", "paid")), waxwing.Sent)
		r.stop()
	}
	a, b := filepath.Join(original, sqlite.AnchorsFile), filepath.Join(copied, sqlite.AnchorsFile)
	if status, out, errs := locally("ledger", "verify", "--data", original, "--anchors", a, "--anchors", b); status != 1 || !strings.Contains(out, "ALARM: two anchors") {
		t.Errorf("%d %s%s", status, out, errs)
	}
	if status, out, errs := locally("ledger", "verify", "--data", original); status != 0 || !strings.Contains(out, " ago)") {
		t.Errorf("%d %s%s", status, out, errs)
	}
	// Their lines in one file: the daemon, too, sees that there are two.
	both, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, a, func(x []byte) []byte { return append(both, x...) })
	r.cfg.Data = original
	if _, err := daemon.Start(r.cfg, slog.New(slog.DiscardHandler), daemon.Extras{}); err == nil || !strings.Contains(err.Error(), "two ledgers went on from one copy") {
		t.Errorf("%v", err)
	}
	r.start(daemon.Extras{AcceptLoss: &ledger.Acceptance{Since: time.Now().Add(-time.Hour)}})
}

// TestLedgerTakenAway: whatever somebody does to the files while the daemon runs ends
// it within a second, and nothing is accepted into a file that nobody will find.
func TestLedgerTakenAway(t *testing.T) {
	must := func(t *testing.T, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	ways := map[string]func(t *testing.T, db string){
		"deleted":     func(t *testing.T, db string) { must(t, os.Remove(db)) },
		"log deleted": func(t *testing.T, db string) { must(t, os.Remove(db+"-wal")) },
		"moved away":  func(t *testing.T, db string) { must(t, os.Rename(db, db+".old")) },
		"folder moved": func(t *testing.T, db string) {
			must(t, os.Rename(filepath.Dir(db), filepath.Dir(db)+".old"))
		},
		"folder deleted": func(t *testing.T, db string) { must(t, os.RemoveAll(filepath.Dir(db))) },
		"replaced": func(t *testing.T, db string) {
			b, err := os.ReadFile(db)
			must(t, err, os.WriteFile(db+".new", b, 0o600), os.Rename(db+".new", db))
		},
		"written over in place": func(t *testing.T, db string) { must(t, os.WriteFile(db, []byte("SQLite format 3\x00"), 0o600)) },
		"cut":                   func(t *testing.T, db string) { must(t, os.Truncate(db, 100)) },
		"log cut":               func(t *testing.T, db string) { must(t, os.Truncate(db+"-wal", 8192)) },
		"log written over": func(t *testing.T, db string) {
			b, err := os.ReadFile(db + "-wal")
			must(t, err)
			copy(b[12:24], "another salt") // as long as it was, with another one's header
			f, err := os.OpenFile(db+"-wal", os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt(b, 0)
			must(t, err, f.Close())
		},
		"shared memory deleted": func(t *testing.T, db string) { must(t, os.Remove(db+"-shm")) },
		"lock deleted":          func(t *testing.T, db string) { must(t, os.Remove(filepath.Join(filepath.Dir(db), "lock"))) },
		"a link in its place": func(t *testing.T, db string) {
			must(t, os.Rename(db, db+".real"), os.Symlink(filepath.Base(db)+".real", db))
		},
	}
	for name, take := range ways {
		for _, busy := range []bool{false, true} {
			if busy {
				name += ", under load"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRigUnstopped(t)
				r.until(r.accepted(shopifyOrder(1, "a@example.com", "paid")), waxwing.Sent)
				stop, done := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(done)
					for i := 2; busy; i++ {
						select {
						case <-stop:
							return
						default:
							r.offer(shopifyOrder(i, recipient(i), "paid"))
						}
					}
				}()
				if busy {
					r.wait(20)
				}
				take(t, filepath.Join(r.cfg.Data, sqlite.LedgerFile))
				select {
				case err := <-r.d.Fatal():
					if !strings.Contains(err.Error(), "while running") {
						t.Error(err)
					}
				case <-time.After(10 * time.Second): // a second, says the contract; the machine may be busy
					t.Fatal("not noticed")
				}
				close(stop)
				<-done
				if code := r.offer(shopifyOrder(1_000_000, "late@example.com", "paid")); code != http.StatusServiceUnavailable {
					t.Errorf("accepted into a file that nobody will find: %d", code)
				}
				if err := r.d.Ledger().Healthy(); err == nil {
					t.Error("ready")
				}
				_ = r.d.Stop() // it cannot write what it would
			})
		}
	}
}

// TestLinkedLedgerTakenAway: where ledger.db is a link from the start, SQLite keeps its log where
// the link leads to, and both are watched.
func TestLinkedLedgerTakenAway(t *testing.T) {
	for name, take := range map[string]func(link, real string) error{
		"link deleted": func(link, _ string) error { return os.Remove(link) },
		"log cut":      func(_, real string) error { return os.Truncate(real+"-wal", 8192) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigUnstopped(t)
			r.stop()
			link := filepath.Join(r.cfg.Data, sqlite.LedgerFile)
			real := filepath.Join(t.TempDir(), "real.db")
			if err := errors.Join(os.Rename(link, real), os.Symlink(real, link)); err != nil {
				t.Fatal(err)
			}
			r.start(daemon.Extras{})
			r.until(r.accepted(shopifyOrder(1, "a@example.com", "paid")), waxwing.Sent)
			if err := take(link, real); err != nil {
				t.Fatal(err)
			}
			select {
			case <-r.d.Fatal():
			case <-time.After(10 * time.Second):
				t.Error("not noticed")
			}
			_ = r.d.Stop() // it cannot write what it would
		})
	}
}

// newRigUnstopped is a rig whose daemon may end badly.
func newRigUnstopped(t *testing.T) *rig {
	r := newRig(t, func(r *rig, _ *daemon.Extras) { r.endsBadly = true })
	return r
}

// offer posts one order and gives the status.
func (r *rig) offer(body []byte) int {
	req, _ := http.NewRequest("POST", r.url("/hooks/acme/shopify"), strings.NewReader(string(body)))
	req.Header = shopifyHeader(body)
	res, err := r.client.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// TestLogLostAfterKill: the write-ahead log of a daemon that was killed is deleted, or
// cut anywhere. What it held was sent, and is noticed to be lacking to the last commit.
func TestLogLostAfterKill(t *testing.T) {
	x := newTorture(t, sink.Faults{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const orders = 60
	var before []byte // the database after the first of three lives
	for life := range 3 {
		x.spawn()
		if !x.up(ctx) {
			t.Fatal(x.stderr.String())
		}
		for i := range orders / 3 {
			x.order(ctx, life*orders/3+i)
		}
		if !x.settled(ctx) {
			t.Fatal("not all are sent")
		}
		if life == 2 {
			break
		}
		if err := x.end(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			var err error
			if before, err = os.ReadFile(filepath.Join(x.dir, "ledger.db")); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = x.end(syscall.SIGKILL) // "signal: killed" is what is wanted
	killed := x.dir
	log, err := os.ReadFile(filepath.Join(killed, "ledger.db-wal"))
	if err != nil || len(log) < 32<<10 {
		t.Fatalf("the test tests nothing: a log of %d bytes: %v", len(log), err)
	}
	c := tortureConfig(killed, "127.0.0.1:0", x.sink)
	for _, kept := range []int{0, 1, 32, len(log) / 3, len(log) / 2, len(log) * 9 / 10, len(log) - 1} {
		if err := os.WriteFile(filepath.Join(killed, "ledger.db-wal"), log[:kept], 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := daemon.Start(c, slog.New(slog.DiscardHandler), daemon.Extras{})
		if err == nil {
			_ = d.Stop()
			t.Fatalf("with %d of %d bytes of the log it starts as if nothing were wrong", kept, len(log))
		}
		if lost := new(sqlite.LossError); !errors.As(err, &lost) {
			t.Errorf("with %d of %d bytes: %v", kept, len(log), err)
		}
	}
	if err := os.WriteFile(filepath.Join(killed, "ledger.db-wal"), log, 0o600); err != nil {
		t.Fatal(err)
	}
	// A database of another time beside this log is neither the one nor the other.
	db := filepath.Join(killed, "ledger.db")
	now, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, db, func([]byte) []byte { return before })
	if d, err := daemon.Start(c, slog.New(slog.DiscardHandler), daemon.Extras{AcceptLoss: &ledger.Acceptance{Nothing: true}}); err == nil || !strings.Contains(err.Error(), "mixture") {
		if err == nil {
			_ = d.Stop()
		}
		t.Errorf("another database beside this log: %v", err)
	}
	// Both put back, with another time.
	if err := errors.Join(os.WriteFile(db, now, 0o600), os.WriteFile(filepath.Join(killed, "ledger.db-wal"), log, 0o600)); err != nil {
		t.Fatal(err)
	}
	d, err := daemon.Start(c, slog.New(slog.DiscardHandler), daemon.Extras{})
	if err != nil {
		t.Fatalf("put back as the error says: %v", err)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	x.judge(orders)
}

// TestLossHasItsStatus: the program says 78, and how to go on.
func TestLossHasItsStatus(t *testing.T) {
	r := newRig(t)
	r.stop()
	if err := os.Remove(filepath.Join(r.cfg.Data, sqlite.LedgerFile)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "waxwing.yaml")
	yaml := "data: " + r.cfg.Data + "\nhttp: {listen: '127.0.0.1:0'}\nproviders: {mail: {type: smtp, addr: '127.0.0.1:1', tls: none}}\n" +
		"tenants: {acme: {name: Acme, from: a@acme.example, locales: [en], keys: [{key: 0123456789abcdef}], shops: {shopify: {secret: 0123456789abcdef}}}}\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := locally("serve", "-c", file); status != 78 || !strings.Contains(errs, "--accept-loss") {
		t.Errorf("%d %s", status, errs)
	}
	if status, _, errs := locally("serve", "-c", file, "--accept-loss", "yesterday"); status != 1 || !strings.Contains(errs, "is no time") {
		t.Errorf("%d %s", status, errs)
	}
}
