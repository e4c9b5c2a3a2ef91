// Package enrich looks up what an order's event does not say: the customer,
// pictures of the products, stock, an estimate of the delivery. A lookup that
// does not answer in time is left out of the mail.
package enrich

import (
	"context"
	"errors"
	"fmt"

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

// types makes lookups of the configuration's types: a new one is one file and
// one line here.
var types = map[string]func(config.Lookup) (Lookup, error){
	"sql": openSQL,
}

// Lookups are the configured lookups by name.
type Lookups struct{ m map[string]Lookup }

// Open makes the configured lookups. It connects when they are first asked, so
// that a database that is down does not keep the daemon from starting.
func Open(c config.Enrich) (*Lookups, error) {
	ls := &Lookups{m: map[string]Lookup{}}
	for name, l := range c {
		open, ok := types[l.Type]
		if !ok {
			return nil, errors.Join(fmt.Errorf("enrich.%s: there is no type %q", name, l.Type), ls.Close())
		}
		made, err := open(l)
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
