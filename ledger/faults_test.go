package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

var began = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func event(n int) *waxwing.Event {
	return &waxwing.Event{Tenant: "acme", Shop: "web", Source: "api", Format: "generic", Topic: "order", Raw: fmt.Appendf(nil, `{"id":"%d","email":"ana@example.com"}`, n),
		At: began, Key: waxwing.EventKey{OrderID: fmt.Sprint(n), UpdatedAt: began}}
}

func draft(w *waxwing.Work) waxwing.Draft {
	return waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example", To: "ana@example.com", Data: []byte("Thank you.\r\n"),
		MessageID: "<" + w.Token + "@acme.example>", Locale: "en"}
}

// bench is one ledger over a store in memory, with an order in each place of its way. Its
// clock stands still, but where a test moves it.
type bench struct {
	*ledgertest.Opened
	t     *testing.T
	m     *ledgertest.Memory
	now   time.Time
	n     int
	fails func(step string) error // of the store; nil: nothing fails
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, m: ledgertest.NewMemory(), now: began}
	b.Opened = opened(t, b.m, ledgertest.MemoryOptions{Policy: "resend", Clock: func() time.Time { return b.now }})
	b.m.Fail = func(step string) error {
		if b.fails == nil {
			return nil
		}
		return b.fails(step)
	}
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// received is an order that waits for its render.
func (b *bench) received() *waxwing.Work {
	b.t.Helper()
	b.n++
	rc, err := b.Accept(b.t.Context(), event(b.n))
	b.must(err)
	w, err := b.Work(b.t.Context(), rc.ID)
	b.must(err)
	return w
}

// queued is an order whose mail waits.
func (b *bench) queued() (w *waxwing.Work, message waxwing.ID) {
	b.t.Helper()
	w = b.received()
	ids, err := b.Ready(b.t.Context(), w, []waxwing.Draft{draft(w)}, waxwing.Lookup{Order: []string{w.Token}, People: []string{"ana@example.com"}}, 24*time.Hour)
	b.must(err)
	return w, ids[0]
}

// claimed is an order whose mail is being sent.
func (b *bench) claimed() *waxwing.Claim {
	b.t.Helper()
	_, id := b.queued()
	c, err := b.Claim(b.t.Context(), id)
	b.must(err)
	return c
}

func sent() *waxwing.Resolution {
	return &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok", Ref: "q1"}}
}

// export is the trail, by which a test tells whether anything has happened.
func (b *bench) export() string {
	b.t.Helper()
	var buf bytes.Buffer
	b.must(b.Export(b.t.Context(), &buf, nil))
	return buf.String()
}

// changes are all that change the ledger: each makes ready what it needs, and gives the step.
var changes = map[string]func(b *bench) func(context.Context) error{
	"accept": func(b *bench) func(context.Context) error {
		b.n++
		ev := event(b.n)
		return func(ctx context.Context) error { _, err := b.Accept(ctx, ev); return err }
	},
	"accept a newer event": func(b *bench) func(context.Context) error {
		b.received()
		ev := event(b.n)
		ev.Raw, ev.Key.UpdatedAt = []byte(`{"id":"newer","email":"bea@example.com"}`), began.Add(time.Minute)
		return func(ctx context.Context) error { _, err := b.Accept(ctx, ev); return err }
	},
	"ready": func(b *bench) func(context.Context) error {
		w := b.received()
		return func(ctx context.Context) error {
			_, err := b.Ready(ctx, w, []waxwing.Draft{draft(w)}, waxwing.Lookup{People: []string{"ana@example.com"}}, time.Hour)
			return err
		}
	},
	"hold": func(b *bench) func(context.Context) error {
		w := b.received()
		return func(ctx context.Context) error {
			return b.Hold(ctx, w, "unpaid", began.Add(time.Hour), waxwing.Lookup{})
		}
	},
	"quarantine": func(b *bench) func(context.Context) error {
		w := b.received()
		return func(ctx context.Context) error { return b.Quarantine(ctx, w, "no total", waxwing.Lookup{}) }
	},
	"cancel": func(b *bench) func(context.Context) error {
		w := b.received()
		return func(ctx context.Context) error { return b.Cancel(ctx, w, "order_cancelled", waxwing.Lookup{}) }
	},
	"claim": func(b *bench) func(context.Context) error {
		_, id := b.queued()
		return func(ctx context.Context) error { _, err := b.Claim(ctx, id); return err }
	},
	"commit point": func(b *bench) func(context.Context) error {
		c := b.claimed()
		return func(ctx context.Context) error { return b.CommitDot(ctx, c, "mail") }
	},
	"resolve": func(b *bench) func(context.Context) error {
		c := b.claimed()
		b.must(b.CommitDot(b.t.Context(), c, "mail"))
		return func(ctx context.Context) error { return b.Resolve(ctx, c, sent()) }
	},
	"annotate": func(b *bench) func(context.Context) error {
		c := b.claimed()
		b.must(errors.Join(b.CommitDot(b.t.Context(), c, "mail"), b.Resolve(b.t.Context(), c, sent())))
		a := &ledger.Annotation{Tenant: "acme", Message: c.Out.Message, Kind: waxwing.Bounced, Provider: "mail", Evidence: []byte("550")}
		return func(ctx context.Context) error { return b.Annotate(ctx, a) }
	},
	"end due": func(b *bench) func(context.Context) error {
		b.queued()
		b.now = b.now.Add(48 * time.Hour)
		return func(ctx context.Context) error { _, err := b.EndDue(ctx); return err }
	},
	"add": func(b *bench) func(context.Context) error {
		w, _ := b.queued()
		w, err := b.ReworkOf(b.t.Context(), "acme", w.ID)
		b.must(err)
		d := draft(w)
		d.Resend = true
		return func(ctx context.Context) error { _, err := b.Add(ctx, w, &d, time.Hour); return err }
	},
	"release": func(b *bench) func(context.Context) error {
		w := b.received()
		b.must(b.Hold(b.t.Context(), w, "unpaid", began.Add(time.Hour), waxwing.Lookup{}))
		return func(ctx context.Context) error { return b.Release(ctx, "acme", w.ID, waxwing.Act{By: "anna"}) }
	},
	"stop": func(b *bench) func(context.Context) error {
		w, _ := b.queued()
		return func(ctx context.Context) error { return b.Stop(ctx, "acme", w.ID, waxwing.Act{By: "anna"}) }
	},
	"suppress": func(b *bench) func(context.Context) error {
		b.queued()
		return func(ctx context.Context) error { return b.Suppress(ctx, "acme", "ana@example.com", waxwing.Act{}) }
	},
	"erase": func(b *bench) func(context.Context) error {
		b.queued()
		return func(ctx context.Context) error {
			_, err := b.Erase(ctx, "acme", waxwing.Erase{Address: "ana@example.com"})
			return err
		}
	},
	"expire": func(b *bench) func(context.Context) error {
		b.queued()
		b.now = b.now.Add(48 * time.Hour)
		return func(ctx context.Context) error { _, err := b.Expire(ctx, time.Hour); return err }
	},
	"teach": func(b *bench) func(context.Context) error {
		return func(ctx context.Context) error {
			return b.Teach(ctx, "set", [][]byte{[]byte("Thank you for your order")}, bytes.Repeat([]byte("a sample "), 9))
		}
	},
	"serve": func(b *bench) func(context.Context) error {
		return func(ctx context.Context) error { return b.Serve(ctx, []waxwing.TenantID{"acme", "new"}) }
	},
	"save plugins": func(b *bench) func(context.Context) error {
		return func(ctx context.Context) error {
			return b.SavePlugins(ctx, []waxwing.PluginVersion{{Tenant: "acme", Plugin: "p", No: 1, Hash: hashOf("code"), State: waxwing.PluginActive}}, []byte("code"))
		}
	},
}

// without are those that write no entry of the trail.
var without = []string{"expire", "teach", "serve"}

// TestAFaultOfTheStoreChangesNothing: each change, with a fault at each step that it takes in
// the store, is an error that says to try again; nothing of it has happened; and tried again
// it does, and the ledger verifies.
func TestAFaultOfTheStoreChangesNothing(t *testing.T) {
	broken := errors.New("disk I/O error")
	for name, prepare := range changes {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				b := newBench(t)
				step := prepare(b)
				before, count := b.export(), 0
				b.fails = func(string) error {
					if count++; count == n {
						return broken
					}
					return nil
				}
				err := step(t.Context())
				b.fails = nil
				if count < n {
					if err != nil || n < 4 {
						t.Errorf("without a fault, after %d steps: %v", count, err)
					}
					break
				}
				// A fault of reading may be passed over, where nothing is lost by that.
				if err != nil && !errors.Is(err, broken) {
					t.Errorf("fault %d: %v", n, err)
				}
				if err != nil && waxwing.IsPermanent(err) {
					t.Errorf("fault %d: %v, and nobody would try again", n, err)
				}
				if after := b.export(); err != nil && after != before && name != "serve" && name != "claim" {
					t.Errorf("fault %d: %v, and the trail has grown by %q", n, err, strings.TrimPrefix(after, before))
				}
				if err != nil {
					if name == "claim" { // it was taken, and its content was not read: it waits to be read again
						b.now = b.now.Add(time.Minute)
					}
					if err := step(t.Context()); err != nil {
						t.Errorf("after fault %d it cannot be done: %v", n, err)
					}
				}
				if after := b.export(); after == before && !slices.Contains(without, name) {
					t.Errorf("after fault %d it is done, and the trail does not say so", n)
				}
				b.must(b.Anchor(t.Context()))
				audit(t, b.m, b.Opened)
				b.must(b.Close())
			}
		})
	}
}

// TestAClaimIsNotForgotten: a content that could not be read, and a claim that could not go
// back for the same outage: it goes back when the outage is over, and not at the next start.
func TestAClaimIsNotForgotten(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	_, id := b.queued()
	groups, broken := 0, errors.New("the server is away")
	b.fails = func(step string) error {
		if step == "begin" {
			if groups++; groups > 1 && groups < 5 {
				return broken
			}
		}
		return nil
	}
	if err := b.Claims.Unfilled(t.Context(), id, broken); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for held := 1; held > 0; {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the claim is held for ever")
		}
		held = 0
		b.must(b.m.Audit().All(t.Context(), store.Claims, func(any) error { held++; return nil }))
	}
}

// TestEndedContextsAndLedgers: what is not wanted any more before it begins changes nothing,
// and nothing is changed once the ledger is closed.
func TestEndedContextsAndLedgers(t *testing.T) {
	for name, prepare := range changes {
		b := newBench(t)
		step := prepare(b)
		before := b.export()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := step(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, waxwing.ErrUnavailable) {
			t.Errorf("%s, with a context that has ended: %v", name, err)
		}
		if b.export() != before {
			t.Errorf("%s, with a context that has ended, has happened", name)
		}
		b.must(b.Close())
		before = b.export()
		if err := step(t.Context()); !errors.Is(err, waxwing.ErrStopping) {
			t.Errorf("%s, after the end: %v", name, err)
		}
		if b.export() != before {
			t.Errorf("%s, after the end, has happened", name)
		}
		if !b.Stopped() {
			t.Error("it is not said to be stopped")
		}
	}
}

// TestAnUnknownTenantHasNothing: whatever is asked in its name.
func TestAnUnknownTenantHasNothing(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	w, id := b.queued()
	ev := event(1)
	ev.Tenant = "nobody"
	for name, f := range map[string]func(tenant waxwing.TenantID) error{
		"accept":   func(waxwing.TenantID) error { _, err := b.Accept(t.Context(), ev); return err },
		"release":  func(x waxwing.TenantID) error { return b.Release(t.Context(), x, w.ID, waxwing.Act{}) },
		"stop":     func(x waxwing.TenantID) error { return b.Stop(t.Context(), x, w.ID, waxwing.Act{}) },
		"suppress": func(x waxwing.TenantID) error { return b.Suppress(t.Context(), x, "ana@example.com", waxwing.Act{}) },
		"erase": func(x waxwing.TenantID) error {
			_, err := b.Erase(t.Context(), x, waxwing.Erase{Address: "ana@example.com"})
			return err
		},
		"annotate": func(x waxwing.TenantID) error {
			return b.Annotate(t.Context(), &ledger.Annotation{Tenant: x, Message: id, Kind: waxwing.Bounced, Evidence: []byte("x")})
		},
		"save plugins": func(x waxwing.TenantID) error {
			return b.SavePlugins(t.Context(), []waxwing.PluginVersion{{Tenant: x}}, nil)
		},
		"versions":      func(x waxwing.TenantID) error { _, err := b.PluginVersions(t.Context(), x); return err },
		"plugin number": func(x waxwing.TenantID) error { _, err := b.PluginNumber(t.Context(), x, "p"); return err },
		"get":           func(x waxwing.TenantID) error { _, err := b.Get(t.Context(), x, w.ID); return err },
		"list":          func(x waxwing.TenantID) error { _, err := b.List(t.Context(), waxwing.Query{Tenant: x}); return err },
	} {
		if err := f("nobody"); !errors.Is(err, waxwing.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another tenant that there is has neither.
	for name, err := range map[string]error{
		"release":  b.Release(t.Context(), "bolt", w.ID, waxwing.Act{}),
		"stop":     b.Stop(t.Context(), "bolt", w.ID, waxwing.Act{}),
		"annotate": b.Annotate(t.Context(), &ledger.Annotation{Tenant: "bolt", Message: id, Kind: waxwing.Bounced, Evidence: []byte("x")}),
	} {
		if !errors.Is(err, waxwing.ErrNotFound) {
			t.Errorf("%s of another tenant's: %v", name, err)
		}
	}
}

// TestOneThatCannotBeWrittenSpoilsNoNeighbour: a group that fails as a whole is tried one by
// one, and whoever's the fault was alone has it.
func TestOneThatCannotBeWrittenSpoilsNoNeighbour(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	begun, goOn := make(chan struct{}), make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() {
		b.must(b.Do(t.Context(), func(context.Context, *ledger.Group) error {
			close(begun)
			<-goOn
			return nil
		}))
	})
	<-begun
	const orders = 20
	errs := make(chan error, orders)
	bad := errors.New("a row that nobody can write")
	for n := range orders {
		go func() {
			if n == 7 {
				errs <- b.Do(t.Context(), func(context.Context, *ledger.Group) error { return ledger.FaultOf(bad) })
				return
			}
			_, err := b.Accept(t.Context(), event(100+n))
			errs <- err
		}()
	}
	for b.Waiting() < orders {
		// until they are one group
	}
	before := b.m.Steps["commit"]
	close(goOn)
	first.Wait()
	spoiled := 0
	for range orders {
		if err := <-errs; errors.Is(err, bad) {
			spoiled++
		} else if err != nil {
			t.Error(err)
		}
	}
	if spoiled != 1 {
		t.Errorf("%d have the fault, want the one", spoiled)
	}
	if n := b.m.Steps["commit"] - before; n != 1+orders-1 {
		t.Errorf("%d commits, want the first one's and one for each of %d", n, orders-1)
	}
	if v, err := b.List(t.Context(), waxwing.Query{Tenant: "acme", Limit: 100}); err != nil || len(v) != orders-1 {
		t.Errorf("%d orders are there (%v), want %d", len(v), err, orders-1)
	}
	audit(t, b.m, b.Opened)
}

// TestACrowdSharesCommits: those who come while a commit is under way are the next one.
func TestACrowdSharesCommits(t *testing.T) {
	b := newBench(t)
	defer b.Close()
	begun, goOn := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		b.must(b.Do(t.Context(), func(context.Context, *ledger.Group) error { close(begun); <-goOn; return nil }))
	})
	<-begun
	const orders = 50
	for n := range orders {
		all.Go(func() {
			if _, err := b.Accept(t.Context(), event(n)); err != nil {
				t.Error(err)
			}
		})
	}
	for b.Waiting() < orders {
		// until all wait
	}
	before := b.m.Steps["commit"]
	close(goOn)
	all.Wait()
	if n := b.m.Steps["commit"] - before; n != 2 {
		t.Errorf("%d commits, want the first one's and one for all", n)
	}
	last, err := b.m.Audit().Last(t.Context())
	if err != nil || last.Last-last.First != orders-1 {
		t.Errorf("the newest batch has the entries %d to %d (%v), want %d of them", last.First, last.Last, err, orders)
	}
}

// TestAnchors: a head is signed each minute in which the chain moved, at once where somebody
// asks, and at the end; one that could not be kept is told, and signed again.
func TestAnchors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var kept []uint64
		var fails error
		m := ledgertest.NewMemory()
		l := opened(t, m, ledgertest.MemoryOptions{Anchor: func(c *trail.Chain) error {
			mu.Lock()
			defer mu.Unlock()
			if fails == nil {
				kept = append(kept, c.Seq)
			}
			return fails
		}})
		accept := func(n int) {
			t.Helper()
			if _, err := l.Accept(t.Context(), event(n)); err != nil {
				t.Fatal(err)
			}
		}
		want := func(when string, seqs ...uint64) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(kept, seqs) {
				t.Errorf("%s: heads at %v, want %v", when, kept, seqs)
			}
		}
		want("at the start", 1)
		time.Sleep(2*time.Minute + time.Second)
		want("while nothing happens", 1)
		accept(1)
		want("before the minute is over", 1)
		time.Sleep(time.Minute)
		want("after it", 1, 2)
		accept(2)
		full := errors.New("no space left")
		fail := func(err error) { mu.Lock(); defer mu.Unlock(); fails = err }
		fail(full)
		if err := l.Anchor(t.Context()); !errors.Is(err, full) {
			t.Errorf("one that could not be kept: %v", err)
		}
		if n := l.AnchorFailures(); n != 1 {
			t.Errorf("%d are counted that could not be kept", n)
		}
		fail(nil)
		if err := errors.Join(l.Anchor(t.Context()), l.Anchor(t.Context())); err != nil {
			t.Error(err)
		}
		want("asked for twice", 1, 2, 3)
		accept(3)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		want("at the end", 1, 2, 3, 4)
		s, err := m.Audit().Load(t.Context(), &store.Keys{Instances: []int64{1}})
		if err != nil || s.Instances[1].Stopped == 0 {
			t.Errorf("its instance is %+v (%v), want it stopped", s.Instances[1], err)
		}
	})
}
