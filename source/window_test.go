package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/waxwinghq/waxwing"
)

// gates accepts each event when it is let.
type gates struct {
	mu   sync.Mutex
	wait map[string]chan error
}

func (g *gates) of(name string) chan error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wait == nil {
		g.wait = map[string]chan error{}
	}
	if g.wait[name] == nil {
		g.wait[name] = make(chan error, 1)
	}
	return g.wait[name]
}

func (g *gates) accept(ctx context.Context, _ waxwing.TenantID, _ waxwing.ShopID, _ string, raw []byte) (waxwing.Receipt, error) {
	select {
	case err := <-g.of(string(raw)):
		return waxwing.Receipt{}, err
	case <-ctx.Done():
		return waxwing.Receipt{}, ctx.Err()
	}
}

func event(s string) Event { return Event{Raw: []byte(s)} }

// TestWindowKeepsOrder: a place is done when it and all before it are.
func TestWindowKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gates
		var done []int
		w := NewWindow(t.Context(), g.accept, 8, func(p int) { done = append(done, p) })
		step := func(want ...int) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(done, want) {
				t.Fatalf("done are %v, want %v", done, want)
			}
		}
		for i, s := range []string{"a", "b"} {
			if err := w.Put(i, event(s)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Put(2, event("c1"), event("c2")); err != nil {
			t.Fatal(err)
		}
		if err := w.Put(3); err != nil {
			t.Fatal(err)
		}
		step()
		g.of("b") <- nil
		g.of("c2") <- nil
		step()
		g.of("a") <- nil
		step(0, 1)
		if w.Empty() {
			t.Error("it is empty, with an event under way")
		}
		g.of("c1") <- nil
		step(0, 1, 2, 3)
		if err := w.Wait(); err != nil || !w.Empty() {
			t.Error(err)
		}
	})
}

// TestWindowWaitsForTheLedger: what it cannot take now comes again; what it never can ends the window, and no
// later place is told of.
func TestWindowWaitsForTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		var done []int
		w := NewWindow(t.Context(), func(_ context.Context, _ waxwing.TenantID, _ waxwing.ShopID, _ string, raw []byte) (waxwing.Receipt, error) {
			if string(raw) == "strange" {
				return waxwing.Receipt{}, waxwing.ErrNotFound
			}
			if tries++; tries < 20 {
				return waxwing.Receipt{}, fmt.Errorf("disk: %w", waxwing.ErrUnavailable)
			}
			return waxwing.Receipt{}, nil
		}, 2, func(p int) { done = append(done, p) })
		if err := w.Put(1, event("a")); err != nil {
			t.Fatal(err)
		}
		w.wg.Wait()
		if tries != 20 || !slices.Equal(done, []int{1}) {
			t.Errorf("%d tries, done %v", tries, done)
		}
		_ = w.Put(2, event("strange"))
		_ = w.Put(3)
		if err := w.Wait(); !errors.Is(err, waxwing.ErrNotFound) || !slices.Equal(done, []int{1}) {
			t.Errorf("got %v, done %v", err, done)
		}
		if err := w.Put(4, event("a")); err == nil {
			t.Error("a window that is over takes events")
		}
		if err := w.Close(); !errors.Is(err, waxwing.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

// TestWindowIsBounded: with size events under way the next one waits, until the end if need be.
func TestWindowIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gates
		ctx, cancel := context.WithCancel(t.Context())
		w := NewWindow(ctx, g.accept, 2, func(int) {})
		put := 0
		go func() {
			for ; ; put++ {
				if w.Put(put, event(fmt.Sprint(put))) != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if put != 2 {
			t.Errorf("%d are under way", put)
		}
		g.of("1") <- nil
		synctest.Wait()
		if put != 3 {
			t.Errorf("%d were put", put)
		}
		cancel()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}
