package enrich

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Lookup answers inquiries. It is safe for concurrent use.
type Lookup interface {
	// Find answers an inquiry until ctx ends. Nil: nothing is known. The caller owns what it gets.
	Find(ctx context.Context, q *waxwing.Inquiry) (*waxwing.Finding, error)
	// Close gives connections back; Find fails from then on.
	Close() error
}

// types are the lookups that this program knows: a new one is one file and one line here.
var types = []lookupType{
	lookup(sqlComponent(), (*SQL).open),
}

// lookupType is a component that makes lookups of its settings.
type lookupType struct {
	config.Component
	open func(b config.Block) (Lookup, error)
}

// lookup lists a type whose settings S are opened as an L.
func lookup[S config.Block, L Lookup](c config.Component, open func(S) (L, error)) lookupType {
	return lookupType{c, func(b config.Block) (Lookup, error) { return open(b.(S)) }}
}

// Components are the types of lookups, for a registry.
func Components() []config.Component {
	out := make([]config.Component, len(types))
	for i, t := range types {
		out[i] = t.Component
	}
	return out
}

// Lookups are the configured lookups by name.
type Lookups struct{ m map[string]Lookup }

// Open makes the configured lookups. It connects when they are first asked, so
// that a database that is down does not keep the daemon from starting.
func Open(c config.Enrich) (*Lookups, error) {
	ls := &Lookups{m: map[string]Lookup{}}
	for name, l := range c {
		i := slices.IndexFunc(types, func(t lookupType) bool { return t.Name == l.Type })
		if i < 0 {
			return nil, errors.Join(fmt.Errorf("enrich.%s: there is no type %q", name, l.Type), ls.Close())
		}
		made, err := types[i].open(l.Settings)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("enrich.%s: %w", name, err), ls.Close())
		}
		ls.m[name] = made
	}
	return ls, nil
}

// All returns the lookups by name.
func (ls *Lookups) All() map[string]Lookup { return ls.m }

// Close closes all of them.
func (ls *Lookups) Close() error {
	var errs []error
	for _, l := range ls.m {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
