package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// within fails where f is not done in a while.
func inTime(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not end", what)
	}
}

// TestReadsAfterClose: whoever asks a ledger that is closed is told so, whatever he
// asks; whoever asks while it closes gets an answer or that.
func TestReadsAfterClose(t *testing.T) {
	for _, when := range []string{"after", "meanwhile"} {
		x := newCrowd(t, 30)
		var id waxwing.ID
		for id = range x.of {
			break
		}
		ev := &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", At: time.Now(), Key: waxwing.EventKey{OrderID: "late"}}
		work := &waxwing.Work{ID: id, Tenant: "acme", State: waxwing.Received, Next: 1}
		asks := map[string]func() error{
			"accept": func() error { _, err := x.l.Accept(t.Context(), ev); return err },
			"list":   func() error { _, err := x.l.List(t.Context(), waxwing.Query{Tenant: "acme"}); return err },
			"get":    func() error { _, err := x.l.Get(t.Context(), "acme", id); return err },
			"raw":    func() error { _, _, _, err := x.l.Raw(t.Context(), "acme", id); return err },
			"bytes":  func() error { _, err := x.l.Bytes(t.Context(), "acme", id, 1); return err },
			"work":   func() error { _, err := x.l.Work(t.Context(), id); return err },
			"rework": func() error { _, err := x.l.ReworkOf(t.Context(), "acme", id); return err },
			"due":    func() error { _, _, err := x.l.DueWork(t.Context(), time.Time{}, 0, 9); return err },
			"holds":  func() error { _, err := x.l.DueHolds(t.Context(), 9); return err },
			"claim":  func() error { _, err := x.l.ClaimDue(t.Context(), waxwing.Email, 9); return err },
			"end":    func() error { _, err := x.l.EndDue(t.Context()); return err },
			"depth":  func() error { _, err := x.l.Depth(t.Context()); return err },
			"erase": func() error {
				_, err := x.l.Erase(t.Context(), "acme", waxwing.Erase{Address: "p1@mail.example", Confirm: 2})
				return err
			},
			"trace": func() error {
				_, err := x.l.Erase(t.Context(), "acme", waxwing.Erase{Address: "p2@mail.example", Dry: true})
				return err
			},
			"expire": func() error { _, err := x.l.Expire(t.Context(), time.Hour); return err },
			"export": func() error { return x.l.Export(t.Context(), io.Discard, nil) },
			"verify": func() error { _, err := x.l.Verify(t.Context(), ""); return err },
			"runs":   func() error { _, err := x.l.PluginRuns(t.Context(), "acme", "", 0, 9); return err },
			"full":   func() error { _, err := x.l.PluginRunsFull(t.Context(), "acme", "", 0, 9); return err },
			"hold":   func() error { return x.l.Hold(t.Context(), work, "x", time.Now(), waxwing.Lookup{}) },
			"anchor": func() error { return x.l.Anchor(t.Context()) },
			"sync":   func() error { return x.l.Sync(t.Context()) },
		}
		var wg sync.WaitGroup
		inTime(t, when, func() {
			if when == "after" {
				if err := x.l.Close(); err != nil {
					t.Error(err)
				}
			}
			for name, f := range asks {
				wg.Go(func() {
					for {
						switch err := f(); {
						case errors.Is(err, waxwing.ErrStopping):
							return
						case when == "after":
							t.Errorf("%s after Close: %v", name, err)
							return
						case err != nil && !errors.Is(err, waxwing.ErrState) && !errors.Is(err, waxwing.ErrNotFound) && !errors.Is(err, seal.ErrSeal):
							t.Errorf("%s while it closes: %v", name, err)
							return
						}
					}
				})
			}
			if when == "meanwhile" {
				if err := x.l.Close(); err != nil {
					t.Error(err)
				}
			}
			wg.Wait()
		})
	}
}

// slow takes what an export writes when it is told to.
type slow struct {
	bytes.Buffer
	took chan struct{}
	goOn chan struct{}
}

func (s *slow) Write(b []byte) (int, error) {
	if s.Len() == 0 {
		close(s.took)
		<-s.goOn
	}
	return s.Buffer.Write(b)
}

// TestSlowExport: an export that nobody takes keeps neither an erasure from its end nor
// the ledger from closing.
func TestSlowExport(t *testing.T) {
	x := newCrowd(t, 120)
	s := &slow{took: make(chan struct{}), goOn: make(chan struct{})}
	ended := make(chan error)
	go func() { ended <- x.l.Export(t.Context(), s, nil) }()
	<-s.took
	who, sec := x.victims(3)
	x.erase(who)
	x.nowhere(sec)
	inTime(t, "Close", func() {
		if err := x.l.Close(); err != nil {
			t.Error(err)
		}
	})
	close(s.goOn)
	if err := <-ended; err != nil && !errors.Is(err, waxwing.ErrStopping) {
		t.Error(err)
	}
}

// TestExportInPieces: the pieces are the whole.
func TestExportInPieces(t *testing.T) {
	x := newCrowd(t, 150)
	var b bytes.Buffer
	if err := x.l.Export(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	r, err := x.l.Verify(t.Context(), "")
	if err != nil || int64(bytes.Count(b.Bytes(), []byte("\n"))) != r.Entries || r.Batches <= 32 {
		t.Errorf("%d lines, %d entries in %d batches: %v", bytes.Count(b.Bytes(), []byte("\n")), r.Entries, r.Batches, err)
	}
}

// TestListsOfOneTenant: however many lists a tenant asks for, another's list and
// everybody's single reads wait for none of them.
func TestListsOfOneTenant(t *testing.T) {
	l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: t.TempDir(), Tenants: []waxwing.TenantID{"acme", "bolt"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	acme, _ := l.keys.Tenant("acme")
	begun, goOn := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = l.db.browse(t.Context(), acme.No, func(*db.Conn) error { close(begun); <-goOn; return nil })
	})
	<-begun
	for range 20 {
		wg.Go(func() {
			if _, err := l.List(t.Context(), waxwing.Query{Tenant: "acme"}); err != nil {
				t.Error(err)
			}
		})
	}
	inTime(t, "another tenant's list", func() {
		if got, err := l.List(t.Context(), waxwing.Query{Tenant: "bolt"}); err != nil || !reflect.DeepEqual(got, []waxwing.ConfirmationView{}) {
			t.Error(got, err)
		}
		if _, err := l.Depth(t.Context()); err != nil {
			t.Error(err)
		}
	})
	close(goOn)
	wg.Wait()
}

// TestVerdictOfErased: what a server answered about a person who was erased meanwhile is
// not kept, though it was sealed before.
func TestVerdictOfErased(t *testing.T) {
	l := openTest(t, t.TempDir(), nil, "resend")
	defer func() { _ = l.Close() }()
	rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", At: time.Now(), Raw: []byte("{}"), Key: waxwing.EventKey{OrderID: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.Work(t.Context(), rc.ID)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := l.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, To: "ida@mail.example"}}, waxwing.Lookup{People: []string{"ida@mail.example"}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Claim(t.Context(), ids[0])
	if err == nil {
		err = l.CommitDot(t.Context(), c, "mail")
	}
	if err != nil {
		t.Fatal(err)
	}
	_, dek, err := l.KeysFor(t.Context(), rc.ID)
	if err != nil {
		t.Fatal(err)
	}
	r := &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot, Reply: "250 ok"}}
	reply := seal.SealReply(&dek, ids[0], &r.Attempt)
	if e, err := l.Erase(t.Context(), "acme", waxwing.Erase{Address: "ida@mail.example"}); err != nil || e.Erased != 1 {
		t.Fatal(e, err)
	}
	v := &machine.Verdict{Message: ids[0], Epoch: c.Epoch, Attempt: r.Attempt, Number: c.Attempt, To: r.To, Sealed: reply}
	err = l.Do(t.Context(), func(ctx context.Context, g *ledger.Group) error {
		s, err := g.Load(ctx, &store.Keys{Messages: ids, Confirmations: []waxwing.ID{rc.ID}})
		if err != nil {
			return err
		}
		ch, err := s.Resolve(v)
		if err != nil {
			return err
		}
		return g.Apply(ctx, &ch)
	})
	if err == nil {
		err = l.db.read(t.Context(), func(c *db.Conn) error {
			var v [1]driver.Value
			_, err := c.Row("SELECT (SELECT count(sealed) FROM attempts) + (SELECT count(answer) FROM messages)", v[:])
			if db.Int(v[0]) != 0 {
				t.Error("the reply is kept")
			}
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}
