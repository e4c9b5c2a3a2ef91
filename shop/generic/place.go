package generic

import (
	"fmt"
	"strconv"

	"github.com/waxwinghq/waxwing"
)

// faults keeps the first error of an order, permanent and with its place.
type faults struct{ err error }

func (f *faults) add(at *place, what string) {
	if f.err == nil {
		f.err = waxwing.Permanent(fmt.Errorf("%s: %s", at, what))
	}
}

// place is a place in a document, written only when there is an error. Nil is the order's own.
type place struct {
	up   *place
	name string // of a key; "" for an item of up
	item int
}

func (p *place) String() string {
	switch {
	case p == nil:
		return "the order"
	case p.name == "":
		return p.up.String() + "[" + strconv.Itoa(p.item) + "]"
	case p.up == nil:
		return p.name
	}
	return p.up.String() + "." + p.name
}

// in returns the place of a key.
func (p *place) in(key string) *place { return &place{up: p, name: key} }

// at returns the place of an item.
func (p *place) at(i int) *place { return &place{up: p, item: i} }

// editDistance counts the letters to change, add or take away (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
