package seal

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// ring has two tenants, whose keys are the same in each run.
func ring(t *testing.T) (a, b *Tenant) {
	t.Helper()
	k := NewKeyring(Key{1}, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	for i, name := range []waxwing.TenantID{"a", "b"} {
		if err := k.Add(int64(i+1), name, k.master.Sealer().Seal(nil, bytes.Repeat([]byte{byte(i)}, KeySize), tenantAAD(name))); err != nil {
			t.Fatal(err)
		}
	}
	return k.Number(1), k.Number(2)
}

// TestOrderKeysOfNeighboursStandTogether: what follows one another begins alike, of a shop
// and of a platform, and nothing else is shared.
func TestOrderKeysOfNeighboursStandTogether(t *testing.T) {
	a, b := ring(t)
	key := func(x *Tenant, shop waxwing.ShopID, id string, kind waxwing.Kind) Hash {
		return OrderKey(x, shop, &waxwing.EventKey{OrderID: id, Kind: kind})
	}
	for _, c := range []struct {
		name  string
		x, y  Hash
		alike int // bytes
	}{
		{"a platform's next order in the same shop", key(a, "web", "5678901234567", ""), key(a, "web", "5678901267335", ""), 6},
		{"a platform's next order of another tenant", key(a, "web", "5678901234567", ""), key(b, "web", "5678901267335", ""), 4},
		{"a platform's order a minute later", key(a, "web", "5678901234567", ""), key(a, "web", "5678903234567", ""), 0},
		{"a shop's next order", key(a, "web", "1041", ""), key(a, "web", "1042", ""), 6},
		{"one of its own, a hundred later", key(a, "web", "1041", ""), key(a, "web", "1141", ""), 0},
		{"the next with a prefix", key(a, "web", "#R-1041", ""), key(a, "web", "#R-1042", ""), 6},
		{"the same number of another shop", key(a, "web", "1041", ""), key(a, "outlet", "1041", ""), 4},
		{"another kind", key(a, "web", "1041", ""), key(a, "web", "1041", "shipped"), 6},
		{"another length", key(a, "web", "1041", ""), key(a, "web", "104", ""), 0},
		{"no digits", key(a, "web", "8f14e45f-ceea-467f-a0e6-abcdefabcdef", ""), key(a, "web", "8f14e45f-ceea-467f-a0e6-abcdefabcdee", ""), 0},
	} {
		n := 0
		for n < len(c.x) && c.x[n] == c.y[n] {
			n++
		}
		if n != c.alike {
			t.Errorf("%s: %d bytes are alike, want %d", c.name, n, c.alike)
		}
	}
	if id := (&waxwing.EventKey{OrderID: "no-digits"}); OrderKey(a, "web", id) != FormerOrderKey(a, "web", id) {
		t.Error("a key without digits changed")
	}
}

// TestOrderKeysDiffer for each order, and stay the same.
func TestOrderKeysDiffer(t *testing.T) {
	a, b := ring(t)
	seen := map[Hash]string{}
	for _, x := range []*Tenant{a, b} {
		for _, shop := range []waxwing.ShopID{"web", "outlet"} {
			for i := range 20_000 {
				k := &waxwing.EventKey{OrderID: fmt.Sprint(i)}
				h, is := OrderKey(x, shop, k), fmt.Sprint(x.Name, shop, i)
				if was, ok := seen[h]; ok {
					t.Fatalf("%s has the key of %s", is, was)
				}
				seen[h] = is
				if h != OrderKey(x, shop, k) {
					t.Fatal("a key changed")
				}
			}
		}
	}
}
