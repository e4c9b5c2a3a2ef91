package seal

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// OrderKey is the key of what an event tells of: tenant, shop, order id, kind, part and
// revision, under the tenant's own key. Its first bytes are what orders have in common that
// follow one another, so that the index of keys has one page to write for several of them:
// four of the id without its last digits, whosever it is, since ids of a platform that counts
// for all of its shops rise with time, and two of that together with tenant and shop, since
// ids of a shop that counts for itself do. All are keyed: nobody can tell an id from them.
func OrderKey(t *Tenant, shop waxwing.ShopID, k *waxwing.EventKey) store.Hash {
	key, near := FormerOrderKey(t, shop, k), withoutLast(k.OrderID)
	if near == "" {
		return key
	}
	all, own := t.near.Index("near", near), t.Key.Index("near", string(shop), near)
	copy(key[:4], all[:])
	copy(key[4:6], own[:])
	return key
}

// FormerOrderKey is the key that programs before layout 9 gave to it, which an order of theirs is
// known by. That of the order itself is what it was before there were kinds.
func FormerOrderKey(t *Tenant, shop waxwing.ShopID, k *waxwing.EventKey) store.Hash {
	if kind := OwnKind(k.Kind); kind != "" || k.Part != "" {
		return t.Key.Index("order", string(shop), k.OrderID, "confirmation", "0", string(kind), k.Part)
	}
	return t.Key.Index("order", string(shop), k.OrderID, "confirmation", "0")
}

// mostLast is how many digits of a long id are its last ones: a platform's 13 rise by some
// 30,000 a second, which makes these the orders of three seconds.
const mostLast = 5

// withoutLast is an id without the last half of the digits that it ends in; empty where it
// ends in none.
func withoutLast(id string) string {
	n := len(id) - len(strings.TrimRight(id, "0123456789"))
	if n == 0 {
		return ""
	}
	last := min((n+1)/2, mostLast)
	// How long it was keeps 12 and 1234 apart from 123: they are not near each other.
	return id[:len(id)-last] + strings.Repeat("#", last)
}

// OwnKind is a kind as a row has it: empty for the order itself.
func OwnKind(k waxwing.Kind) waxwing.Kind {
	if k == waxwing.KindOrder {
		return ""
	}
	return k
}
