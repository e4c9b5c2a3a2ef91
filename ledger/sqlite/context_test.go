package sqlite

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
)

// What is not wanted any more before its group begins changes nothing; what has begun is
// waited for.
func TestAnEndedContextChangesNothing(t *testing.T) {
	l := openTest(t, t.TempDir(), nil, "resend")
	defer closeTest(t, l)
	event := func(n string) *waxwing.Event {
		return &waxwing.Event{Tenant: "acme", Shop: "s", Source: "api", Format: "generic", Raw: []byte(n), At: waxwing.SystemClock(),
			Key: waxwing.EventKey{OrderID: n, UpdatedAt: waxwing.SystemClock()}}
	}
	begun, goOn := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	held, leave := context.WithCancel(t.Context())
	go func() {
		first <- l.do(held, func(_ context.Context, _ *dbTx) error {
			close(begun)
			<-goOn
			return nil
		})
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		_, err := l.Accept(ctx, event("1"))
		second <- err
	}()
	for l.Waiting() == 0 {
		runtime.Gosched()
	}
	cancel()
	leave()
	close(goOn)
	if err := <-first; err != nil {
		t.Errorf("an op that had begun as its context ended: %v, want it done", err)
	}
	for name, err := range map[string]error{"waiting in the queue": <-second, "ended before": l.Sync(ctx), "a read": readEnded(ctx, l)} {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, waxwing.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable and the context's error", name, err)
		}
	}
	found, err := l.List(t.Context(), waxwing.Query{Tenant: "acme", Limit: 9})
	if err != nil || len(found) != 0 {
		t.Errorf("found %d confirmations (%v), want none", len(found), err)
	}
	if rc, err := l.Accept(t.Context(), event("1")); err != nil || !rc.New {
		t.Errorf("the same event again: %+v %v, want it new", rc, err)
	}
}

// readEnded reads while no connection is free.
func readEnded(ctx context.Context, l *Ledger) error {
	var taken []*db.Conn
	for range readerCount {
		taken = append(taken, <-l.db.short)
	}
	defer func() {
		for _, c := range taken {
			l.db.short <- c
		}
	}()
	_, err := l.Work(ctx, 64)
	return err
}
