package abi

import (
	"slices"

	"github.com/waxwinghq/waxwing"
)

// maxRecommended is how many articles a mail recommends.
const maxRecommended = 10

// recommending is an answer of recommend: SKUs of the candidates, in their order.
type recommending struct {
	*Answer
	candidates []waxwing.Candidate
}

func recommend(a *Answer, candidates []waxwing.Candidate) said { return recommending{a, candidates} }

func (a recommending) key(r *reader, k string) bool {
	if k != "skus" {
		return false
	}
	r.list(func(i int) { a.SKUs = append(a.SKUs, r.sku(i, a.SKUs, a.candidates)) })
	return true
}

func (a recommending) whole() error { return nil }

func (a recommending) apply(p *waxwing.Personal, o *waxwing.Order) bool {
	for _, sku := range a.SKUs {
		if len(p.Recommended) >= maxRecommended || slices.ContainsFunc(p.Recommended, func(c waxwing.Candidate) bool { return c.SKU == sku }) {
			continue
		}
		i := slices.IndexFunc(o.Insight.Candidates, func(c waxwing.Candidate) bool { return c.SKU == sku })
		p.Recommended = append(p.Recommended, o.Insight.Candidates[i]) // Decode has found it there
	}
	return len(p.Recommended) > 0
}

func (r *reader) sku(i int, had []string, candidates []waxwing.Candidate) string {
	s := r.text()
	switch {
	case r.err != nil:
	case i >= maxRecommended:
		r.fail("more than %d SKUs", maxRecommended)
	case slices.Contains(had, s):
		r.fail("a SKU stands there twice")
	case !slices.ContainsFunc(candidates, func(c waxwing.Candidate) bool { return c.SKU == s }):
		r.fail("a SKU that was not among the candidates")
	}
	return s
}
