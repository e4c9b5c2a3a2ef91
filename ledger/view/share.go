package view

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/ledger/store"
)

const (
	// believed is how long a list of the instances that live is gone by. Whoever is not in it yet is
	// helped with what it has at hand, which costs some work done twice.
	believed = time.Second
	// StaleAfter is for how long an instance that lives is left what it took in and is due, by those
	// that have nothing to do.
	StaleAfter = 5 * time.Second
)

// sharing is what is known of the others that write the ledger.
type sharing struct {
	mu  sync.Mutex
	at  time.Time
	now *store.Share
}

// Share is this instance's share of what is due; nil: all of it, since it is alone.
func (r *Reader) Share(ctx context.Context) *store.Share {
	if r.p.Instance == 0 {
		return nil
	}
	x := &r.sharing
	x.mu.Lock()
	defer x.mu.Unlock()
	now := r.p.Clock()
	if d := now.Sub(x.at); d >= 0 && d < believed {
		return x.now
	}
	var living []int64
	err := r.p.Rows.View(ctx, store.AnyTenant, func(rows store.Rows) error {
		s, err := rows.Load(ctx, &store.Keys{Running: true})
		if err != nil {
			return err
		}
		for id, in := range s.Instances {
			if id != r.p.Instance && in.Lease > now.UnixMilli() && !in.Sends { // who only sends looks for nothing
				living = append(living, id)
			}
		}
		return nil
	})
	if err != nil {
		return x.now // whoever looks for work meets the fault, too, and tells it
	}
	x.at, x.now = now, nil
	if len(living) > 0 {
		slices.Sort(living)
		part, _ := slices.BinarySearch(living, r.p.Instance)
		x.now = &store.Share{Own: r.p.Instance, Beside: living, Part: int64(part), Parts: int64(len(living) + 1)}
	}
	return x.now
}

// Reshare has the others that live be looked up anew: one of them may have ended.
func (r *Reader) Reshare() {
	r.sharing.mu.Lock()
	r.sharing.at = time.Time{}
	r.sharing.mu.Unlock()
}

// Stale is the share of whoever has found nothing of its own to do: all there is.
func Stale() *store.Share { return &store.Share{Stale: true, Parts: 1} }
