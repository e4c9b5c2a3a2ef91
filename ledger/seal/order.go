package seal

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// OrderKey is the key of what an event tells of: tenant, shop, order id, kind, part and
// revision, under the tenant's own key. That of the order itself is what it was before
// there were kinds: a confirmation from then is still known, and is not made again.
func OrderKey(t *Tenant, shop waxwing.ShopID, k *waxwing.EventKey) store.Hash {
	if kind := OwnKind(k.Kind); kind != "" || k.Part != "" {
		return t.Key.Index("order", string(shop), k.OrderID, "confirmation", "0", string(kind), k.Part)
	}
	return t.Key.Index("order", string(shop), k.OrderID, "confirmation", "0")
}

// OwnKind is a kind as a row has it: empty for the order itself.
func OwnKind(k waxwing.Kind) waxwing.Kind {
	if k == waxwing.KindOrder {
		return ""
	}
	return k
}
