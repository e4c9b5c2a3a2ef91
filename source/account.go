package source

import (
	"context"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Account is what came of holding a source's orders against the ledger.
type Account struct {
	// Orders were looked at, and Missing are those that the ledger knows nothing of, up to a hundred, by tenant.
	Orders  int
	Missing map[waxwing.TenantID][]waxwing.OrderRef
	// Unread are events that name no order.
	Unread int
	// Without is how many of each shop's are missing.
	Without map[ShopName]int
}

// ShopName is one shop of one tenant.
type ShopName struct {
	Tenant waxwing.TenantID
	Shop   waxwing.ShopID
}

// Books are what orders are held against.
type Books struct {
	// Key reads which order an event tells of. With an error the event is one that must be known as quarantined, or cannot be.
	Key func(Event) (waxwing.EventKey, error)
	// Known gives the confirmations of orders, each in its order's place; nil where there is none.
	Known func(ctx context.Context, tenant waxwing.TenantID, orders []waxwing.OrderRef) ([]*waxwing.ConfirmationView, error)
}

const (
	accountPiece = 200
	mostMissing  = 100
)

// Span is which orders of a source are held against the ledger: those that were completed from Since until Until. What is
// younger may be under way.
type Span struct {
	Lister
	// Name is the source's.
	Name         string
	Since, Until time.Time
}

// Hold holds orders against the ledger.
func Hold(ctx context.Context, s Span, b Books) (*Account, error) {
	a := &account{Account: Account{Missing: map[waxwing.TenantID][]waxwing.OrderRef{}, Without: map[ShopName]int{}}, Books: b, waiting: map[waxwing.TenantID][]waxwing.OrderRef{}, seen: map[seenOrder]bool{}}
	err := s.List(ctx, s.Name, s.Since, func(ev Event) error {
		k, err := b.Key(ev)
		switch placed := k.PlacedAt; {
		case err != nil || k.Ignore == "" && k.OrderID == "":
			a.Unread++
			return nil
		case k.Ignore != "" || k.OccurredAt.After(s.Until) || k.UpdatedAt.After(s.Until):
			return nil
		case placed.IsZero() && k.OccurredAt.Before(s.Since) && !k.OccurredAt.IsZero(), !placed.IsZero() && placed.Before(s.Since):
			return nil // it was completed before, and changed since
		}
		o := seenOrder{ev.Tenant, waxwing.OrderRef{Shop: ev.Shop, ID: k.OrderID}}
		if a.seen[o] {
			return nil
		}
		a.seen[o] = true
		a.Orders++
		a.Without[ShopName{ev.Tenant, ev.Shop}] += 0 // so that none shows as none
		if a.waiting[ev.Tenant] = append(a.waiting[ev.Tenant], o.OrderRef); len(a.waiting[ev.Tenant]) == accountPiece {
			return a.ask(ctx, ev.Tenant)
		}
		return nil
	})
	for t := range a.waiting {
		if err == nil {
			err = a.ask(ctx, t)
		}
	}
	return &a.Account, err
}

type seenOrder struct {
	tenant waxwing.TenantID
	waxwing.OrderRef
}

type account struct {
	Account
	Books
	waiting map[waxwing.TenantID][]waxwing.OrderRef
	seen    map[seenOrder]bool
}

func (a *account) ask(ctx context.Context, t waxwing.TenantID) error {
	orders := a.waiting[t]
	a.waiting[t] = nil
	if len(orders) == 0 {
		return nil
	}
	found, err := a.Known(ctx, t, orders)
	if err != nil {
		return err
	}
	for i, v := range found {
		if v.Standing() != waxwing.Missing {
			continue
		}
		a.Without[ShopName{t, orders[i].Shop}]++
		if len(a.Missing[t]) < mostMissing {
			a.Missing[t] = append(a.Missing[t], orders[i])
		}
	}
	return nil
}
