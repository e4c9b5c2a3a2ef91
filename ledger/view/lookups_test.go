package view

import (
	"slices"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
)

// TestIndex: each number and each form of a person is hashed once, in the order in which
// they come, and a number is nobody's address.
func TestIndex(t *testing.T) {
	l, tn := &Lookups{}, &seal.Tenant{Key: seal.NewTenantKey(seal.NewKey())}
	if got := l.Index(tn, waxwing.Lookup{}); got != nil {
		t.Error(got)
	}
	of := func(pairs ...string) (out []seal.Hash) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, tn.Key.Index(pairs[i], pairs[i+1]))
		}
		return out
	}
	named := NewLookups(nil, func(string) (string, error) { return "ana@example.com", nil })
	for _, c := range []struct {
		l    *Lookups
		lk   waxwing.Lookup
		want []seal.Hash
	}{
		{l, waxwing.Lookup{Order: []string{"#1001", "1001", "77", ""}, People: []string{"1001", "", " "}}, of("number", "1001", "number", "77", "person", "1001")},
		{l, waxwing.Lookup{People: []string{"Ana@Example.com", "+1 212 555 0100", "ana@example.com", "+12125550100"}}, of("person", "ana@example.com", "person", "+12125550100")},
		{l, waxwing.Lookup{Order: []string{"ana@example.com"}, People: []string{"ana@example.com"}}, of("number", "ana@example.com", "person", "ana@example.com")},
		{named, waxwing.Lookup{People: []string{"Ana <ana@example.com>", "ana@example.com"}}, of("person", "ana <ana@example.com>", "person", "ana@example.com")},
	} {
		if got := c.l.Index(tn, c.lk); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %x, want %x", c.lk, got, c.want)
		}
	}
}

// BenchmarkIndex hashes what an ordinary order is found by.
func BenchmarkIndex(b *testing.B) {
	l, tn := &Lookups{}, &seal.Tenant{Key: seal.NewTenantKey(seal.NewKey())}
	lk := waxwing.Lookup{Order: []string{"820982911946154508", "#1001"}, People: []string{"zoe@example.com", "+49 30 1234567", "zoe@example.com"}}
	b.ReportAllocs()
	for b.Loop() {
		l.Index(tn, lk)
	}
}
