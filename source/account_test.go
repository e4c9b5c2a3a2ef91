package source

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// orders is a source that lists n orders of each of two shops, each twice.
type orders int

func (n orders) List(_ context.Context, name string, since time.Time, each func(Event) error) error {
	for i := range 2 * int(n) {
		for _, shop := range []waxwing.ShopID{"a", "b"} {
			if err := each(Event{Tenant: "acme", Shop: shop, Raw: fmt.Appendf(nil, "%s-%d", shop, i%int(n))}); err != nil {
				return err
			}
		}
	}
	if name != "tap" || since.IsZero() {
		return errors.New("asked for otherwise")
	}
	return nil
}

// TestHold: exactly what the ledger does not know is missing; what is no order, too young or cannot be read is not asked for.
func TestHold(t *testing.T) {
	now := time.Now()
	asked := 0
	b := Books{
		Key: func(ev Event) (k waxwing.EventKey, err error) {
			switch s := string(ev.Raw); s {
			case "a-3":
				k.Ignore = "a cart"
			case "a-4":
				err = errors.New("no JSON")
			case "a-5":
				k.OrderID, k.OccurredAt = s, now
			case "a-6": // of last month, and changed since
				k.OrderID, k.OccurredAt, k.PlacedAt = s, now.Add(-time.Hour), now.Add(-30*24*time.Hour)
			default:
				k.OrderID, k.OccurredAt = s, now.Add(-time.Hour)
			}
			return k, err
		},
		Known: func(_ context.Context, tenant waxwing.TenantID, list []waxwing.OrderRef) ([]*waxwing.ConfirmationView, error) {
			out := make([]*waxwing.ConfirmationView, len(list))
			for i, o := range list {
				if asked++; o.ID != "b-7" && o.ID != "b-250" {
					out[i] = &waxwing.ConfirmationView{State: waxwing.Held}
				}
			}
			return out, nil
		}}
	a, err := Hold(t.Context(), Span{orders(300), "tap", now.Add(-24 * time.Hour), now.Add(-time.Minute)}, b)
	if err != nil || a.Orders != 596 || asked != 596 || a.Unread != 2 || a.Without[ShopName{"acme", "a"}] != 0 || a.Without[ShopName{"acme", "b"}] != 2 || len(a.Without) != 2 ||
		fmt.Sprint(a.Missing) != "map[acme:[{b b-7} {b b-250}]]" {
		t.Errorf("%+v, %v, asked for %d", a, err, asked)
	}
	b.Known = func(context.Context, waxwing.TenantID, []waxwing.OrderRef) ([]*waxwing.ConfirmationView, error) {
		return nil, waxwing.ErrUnavailable
	}
	if _, err := Hold(t.Context(), Span{orders(300), "tap", now, now}, b); !errors.Is(err, waxwing.ErrUnavailable) {
		t.Error(err)
	}
}
