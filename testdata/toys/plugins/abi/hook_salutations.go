package abi

import "github.com/waxwinghq/waxwing"

// saluting is an answer of salutations: how to greet.
type saluting struct{ words string }

func salutations(*Answer, []waxwing.Candidate) said { return &saluting{} }

func (a *saluting) key(r *reader, k string) bool {
	if k == "words" {
		a.words = r.line(80)
	}
	return k == "words"
}

func (a *saluting) whole() error { return nil }

func (a *saluting) apply(p *waxwing.Personal, _ *waxwing.Order) bool {
	p.Greeting = a.words
	return a.words != ""
}
