package abi

import (
	"maps"

	"github.com/waxwinghq/waxwing"
)

// The limits of what personalise may say, in characters.
const (
	maxSubject  = 200
	maxGreeting = 300
	maxVariable = 2000
)

// personalising is an answer of personalise: subject, greeting, variables, blocks.
type personalising struct{ *Answer }

func personalise(a *Answer, _ []waxwing.Candidate) said { return personalising{a} }

func (a personalising) key(r *reader, k string) bool {
	switch k {
	case "subject":
		a.Subject = orNothing(r.line(maxSubject))
	case "greeting":
		a.Greeting = orNothing(r.line(maxGreeting))
	case "vars":
		a.Vars = map[string]string{}
		r.named(func(name string) {
			if s := orNothing(r.prose(maxVariable)); s != "" {
				a.Vars[name] = s
			}
		})
	case "blocks":
		a.Blocks = map[string]bool{}
		r.named(func(name string) { a.Blocks[name] = r.truth() })
	default:
		return false
	}
	return true
}

func (a personalising) whole() error { return nil }

func (a personalising) apply(p *waxwing.Personal, _ *waxwing.Order) bool {
	if a.Subject != "" {
		p.Subject = a.Subject
	}
	if a.Greeting != "" {
		p.Greeting = a.Greeting
	}
	if len(a.Vars) > 0 {
		if p.Vars == nil {
			p.Vars = map[string]string{}
		}
		maps.Copy(p.Vars, a.Vars)
	}
	if len(a.Blocks) > 0 {
		if p.Blocks == nil {
			p.Blocks = map[string]bool{}
		}
		maps.Copy(p.Blocks, a.Blocks)
	}
	return a.Subject != "" || a.Greeting != "" || len(a.Vars) > 0 || len(a.Blocks) > 0
}
