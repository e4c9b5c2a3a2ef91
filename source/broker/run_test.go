package broker

import (
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
	"github.com/waxwinghq/waxwing/source"
)

// stub is a broker in memory, of which each part may be slow or fail.
type stub struct {
	mu      sync.Mutex
	next    int
	most    int // messages that there are
	settled []int
	back    []int // given back at the end
	closed  int
	kept    []int

	settle, keep, behind func(ctx context.Context) error
}

func (s *stub) Next(ctx context.Context) ([]Delivery[int], error) {
	s.mu.Lock()
	n := s.next
	if n < s.most {
		s.next++
	}
	s.mu.Unlock()
	if n == s.most {
		<-ctx.Done()
		return nil, nil
	}
	return []Delivery[int]{{At: n, Message: Message{Body: fmt.Append(nil, n), Where: fmt.Sprint("message ", n)}}}, nil
}

func (s *stub) Settle(ctx context.Context, at []int) error {
	if s.settle != nil {
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = append(s.settled, at...)
	return nil
}

func (s *stub) Keep(ctx context.Context, at []int) error {
	s.mu.Lock()
	s.kept = slices.Clone(at)
	s.mu.Unlock()
	if s.keep != nil {
		return s.keep(ctx)
	}
	return nil
}

func (s *stub) Behind(ctx context.Context) (int64, error) {
	if s.behind != nil {
		return 0, s.behind(ctx)
	}
	return 7, nil
}

func (s *stub) Close(_ context.Context, at []int) { s.back, s.closed = at, s.closed+1 }

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// run runs a stub for so long, and gives what Run gave, and how long it took to end.
func run(s *stub, w *Watch, accept source.Accept, span time.Duration) (error, time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	var ended time.Duration
	time.AfterFunc(span, cancel)
	begin := time.Now()
	err := Run(ctx, accept, w, Options{Route: Route{"acme", "web"}, Keep: time.Second}, func(context.Context) (Reader[int], error) { return s, nil })
	ended = time.Since(begin) - span
	cancel()
	return err, ended
}

func take(context.Context, waxwing.TenantID, waxwing.ShopID, string, []byte) (waxwing.Receipt, error) {
	return waxwing.Receipt{New: true}, nil
}

// TestRunEnds: whatever the broker does, a source ends a second after its context at the latest, and gives back what it holds.
func TestRunEnds(t *testing.T) {
	held := func(ctx context.Context, _ waxwing.TenantID, _ waxwing.ShopID, _ string, _ []byte) (waxwing.Receipt, error) {
		<-ctx.Done()
		return waxwing.Receipt{}, ctx.Err()
	}
	for name, x := range map[string]struct {
		s             *stub
		accept        source.Accept
		settled, back int
	}{
		"idle":                           {&stub{}, take, 0, 0},
		"all is done":                    {&stub{most: 50}, take, 50, 0},
		"the ledger holds all":           {&stub{most: 5}, held, 0, 5},
		"acknowledgements are not heard": {&stub{most: 5, settle: hang}, take, 0, 5},
		"nor how many wait":              {&stub{most: 5, behind: hang}, take, 5, 0},
		"nor what is in hand":            {&stub{most: 5, keep: hang}, held, 0, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := NewWatch()
				err, late := run(x.s, w, x.accept, 5*time.Second)
				if err != nil || late > time.Second {
					t.Errorf("%v, after %s", err, late)
				}
				synctest.Wait()
				if len(x.s.settled) != x.settled || !slices.IsSorted(x.s.settled) || len(x.s.back) != x.back || x.s.closed != 1 {
					t.Errorf("settled %v, given back %v, closed %d times", x.s.settled, x.s.back, x.s.closed)
				}
			})
		})
	}
}

// TestRunFails: an error of any part ends it, with that error, and it says so.
func TestRunFails(t *testing.T) {
	broken := errors.New("the broker is broken")
	fails := func(context.Context) error { return broken }
	for name, s := range map[string]*stub{"settle": {most: 1, settle: fails}, "keep": {most: 1, keep: fails, settle: hang}, "behind": {most: 1, behind: fails}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := NewWatch()
				err, _ := run(s, w, take, time.Hour)
				if st := w.Status(); !errors.Is(err, broken) || st.State != source.Failing || !strings.Contains(st.Detail, "broken") || s.closed != 1 {
					t.Errorf("%v, %+v", err, st)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := &stub{most: 3}
		none := func(context.Context, waxwing.TenantID, waxwing.ShopID, string, []byte) (waxwing.Receipt, error) {
			return waxwing.Receipt{}, waxwing.ErrNotFound
		}
		if err, _ := run(s, NewWatch(), none, time.Hour); !errors.Is(err, waxwing.ErrNotFound) || len(s.back) == 0 || len(s.settled) > 0 {
			t.Errorf("%v, %v, %v", err, s.back, s.settled)
		}
	})
}

// TestRunStatus: how it is, is said.
func TestRunStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatch()
		time.AfterFunc(2500*time.Millisecond, func() {
			st := w.Status()
			if st.State != source.Reading || st.Position != "message 2" || st.Behind != 7 || st.Lag != -1 || st.LastEvent.IsZero() || st.Heard.IsZero() {
				t.Errorf("%+v", st)
			}
		})
		if err, _ := run(&stub{most: 3}, w, take, 5*time.Second); err != nil {
			t.Error(err)
		}
		w.Lost("some")
		if st := w.Status(); st.Gaps != 1 || st.Detail != "some" {
			t.Errorf("%+v", st)
		}
		w.Wait("another reads")
		if st := w.Status(); st.State != source.Standby {
			t.Errorf("%+v", st)
		}
	})
}
