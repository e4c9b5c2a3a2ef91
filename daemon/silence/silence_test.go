package silence

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// rhythm is a ledger in which shops sell so many orders an hour in some hours of the day, until they stop.
type rhythm struct {
	hour  func(shop waxwing.ShopID, at time.Time) int64
	began time.Time

	mu    sync.Mutex
	stops map[waxwing.ShopID]time.Time
}

// stop has shops sell nothing from now on.
func (r *rhythm) stop(shops ...waxwing.ShopID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range shops {
		r.stops[s] = time.Now()
	}
}

// goOn has one sell again.
func (r *rhythm) goOn(shop waxwing.ShopID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.stops, shop)
}

func (r *rhythm) Count(_ context.Context, q waxwing.Query) (map[waxwing.State]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int64(0)
	for at := q.Since.Truncate(time.Hour); at.Before(q.Until); at = at.Add(time.Hour) {
		if stop, ok := r.stops[q.Shop]; ok && !at.Before(stop) || at.Before(r.began) {
			continue
		}
		n += r.hour(q.Shop, at)
	}
	return map[waxwing.State]int64{waxwing.Sent: n}, nil
}

// TestSilence: a busy shop is missed within hours, at night nobody is, a small one after a day or two, a new one never, and
// whoever is heard again is silent no more.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &rhythm{began: start.Add(-10 * week), stops: map[waxwing.ShopID]time.Time{}, hour: func(shop waxwing.ShopID, at time.Time) int64 {
			day := at.UTC().Hour() >= 8 && at.UTC().Hour() < 20
			switch {
			case shop == "busy" && day:
				return 20
			case shop == "small" && at.UTC().Hour() == 12:
				return 4
			case shop == "new" && day && at.After(start):
				return 20
			}
			return 0
		}}
		var logged strings.Builder
		w := New(r, nil, slog.New(slog.NewTextHandler(&logged, nil)))
		var shops atomic.Pointer[[]Shop]
		shops.Store(&[]Shop{{"acme", "busy"}, {"acme", "small"}, {"acme", "new"}, {"acme", "none"}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			w.Run(ctx, func() []Shop { return *shops.Load() })
			close(done)
		}()
		is := func(want string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, s := range w.Silent() {
				got = append(got, string(s.Shop.Shop))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("at %s silent are %v, want %q", time.Now().UTC(), got, want)
			}
		}
		at := func(d time.Duration) { time.Sleep(start.Truncate(24 * time.Hour).Add(d).Sub(time.Now())) } // of the bubble's clock
		at(24*time.Hour + 3*time.Hour)                                                                    // the first night
		is("")
		r.stop("busy", "small", "new") // all stop at three
		at(24*time.Hour + 8*time.Hour + 10*time.Minute)
		is("")
		at(24*time.Hour + 10*time.Hour + 20*time.Minute)
		is("busy")
		at(3*24*time.Hour + 13*time.Hour)
		is2 := func() int { synctest.Wait(); return len(w.Silent()) }
		if is2() != 2 {
			t.Errorf("%d are silent, want busy and small", is2())
		}
		w.Heard(Shop{"acme", "busy"})
		is("small")
		r.goOn("small")
		at(4*24*time.Hour + 13*time.Hour)
		shops.Store(&[]Shop{{"acme", "new"}, {"acme", "none"}})
		at(5*24*time.Hour + 13*time.Hour)
		is("")
		cancel()
		<-done
		for _, want := range []string{"nothing comes from a shop", "shop=busy", "shop=small", "a shop is heard again"} {
			if !strings.Contains(logged.String(), want) {
				t.Errorf("no %q in %s", want, logged.String())
			}
		}
		if strings.Contains(logged.String(), "shop=new") || strings.Contains(logged.String(), "shop=none") {
			t.Error(logged.String())
		}
	})
}
