package config

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config/reach"
)

// Registry names the components that a configuration may speak of. This package knows
// none: the program that puts them together (package daemon) hands its lists over, and
// the loader, its messages, the JSON Schema and the reference page go by them. The order
// of a list is the one in which messages and the reference name its entries.
type Registry struct {
	// Providers are the types of providers.
	Providers []Component
	// Lookups are the types of lookups.
	Lookups []Component
	// Sources are the types of sources; without one there is no section of this name.
	Sources []Component
	// Stores are the databases for a ledger beside the embedded one; without one there is no
	// section ledger.
	Stores []Component
	// Brokers are the types of brokers that queues may stand on; without one there is no section
	// of this name.
	Brokers []Component
	// Stages are those of a pipeline, in the usual order.
	Stages []Component
	// Formats are the shops', by their names.
	Formats []waxwing.Format
	// Mapping says what is wrong with a mapping, if anything is; nil: nothing is looked at.
	Mapping func(*Mapping) []MappingFault
	// Hooks are what the stage plugins may ask about an order, in its order.
	Hooks []string
	// Locales are the tags of the languages that mails can be in.
	Locales []string
}

// MappingFault is what is wrong with a mapping. Key is that of its place, below the mapping's.
type MappingFault struct{ Key, Text, Remedy string }

// Component is one type of provider, lookup or stage, as a configuration knows it. What
// runs it is the business of whoever lists it.
type Component struct {
	// Name is the word that stands in the file.
	Name string
	// Carries is the channel of a provider's messages; "" for what is no provider.
	Carries waxwing.Channel
	// Can is what a provider's documents promise.
	Can waxwing.Capabilities
	// Settings makes the block of its keys: a pointer to a struct whose fields have this
	// package's tags (see Config) and comments, which become the schema's and the
	// reference's text. The loader fills it.
	Settings func() Block
	// Example is a whole block as a file would have it, for the reference.
	Example string
	// Place is where a stage may stand, of what is one.
	Place Place
	// Usual makes a stage's block for the pipeline of a file that has none, without its
	// defaults; carrying names the providers of a channel. Nil, also as its result: it does not stand there.
	Usual func(carrying func(waxwing.Channel) []string) Block
	// Notes are what the reference says below the keys, in Markdown; "" if they say it all.
	Notes string
}

// Block is the settings of one component, beside the component's code.
type Block interface {
	// Check reports what the tags cannot say: rules between values, files that must be
	// there. It may change what follows from other values, such as a relative path. It is
	// called once, when the block is filled and its defaults with it; what was reported at
	// a key already stays as it is.
	Check(r *Report)
}

// Kinds of components, as the tags "of" and "settings" name them.
const (
	kindProvider = "provider"
	kindLookup   = "lookup"
	kindSource   = "source"
	kindStore    = "store"
	kindBroker   = "broker"
	kindStage    = "stage"
	kindFormat   = "format"
	kindHook     = "hook"
)

// Formats that are of each shop's own: formatPlugin's events a tenant's own plugin reads, and
// formatMapping's the rules of its mapping.
const (
	formatPlugin  = "plugin"
	formatMapping = "mapping"
)

// of are the components of one kind.
func (r Registry) of(kind string) []Component {
	switch kind {
	case kindProvider:
		return r.Providers
	case kindLookup:
		return r.Lookups
	case kindSource:
		return r.Sources
	case kindStore:
		return r.Stores
	case kindBroker:
		return r.Brokers
	case kindStage:
		return r.Stages
	}
	return nil
}

// names are what a key may be that the tag "of" leaves to the registry.
func (r Registry) names(kind string) []string {
	if kind == kindFormat {
		return append(r.formats(), formatMapping, formatPlugin)
	}
	if kind == kindHook {
		return r.Hooks
	}
	list := r.of(kind)
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.Name
	}
	return out
}

// formats are the names of the formats of this program.
func (r Registry) formats() []string {
	out := make([]string, len(r.Formats), len(r.Formats)+1)
	for i := range r.Formats {
		out[i] = r.Formats[i].Name
	}
	return out
}

// unsigned reports whether the events of a format come without a signature, so that its
// shops need no secret.
func (r Registry) unsigned(format string) bool {
	i := slices.Index(r.formats(), format)
	return i >= 0 && r.Formats[i].Verify == nil
}

// carrying are the types of providers that carry a channel's messages.
func (r Registry) carrying(ch waxwing.Channel) (types []string) {
	for _, c := range r.Providers {
		if c.Carries == ch {
			types = append(types, c.Name)
		}
	}
	return types
}

// Valid says what is wrong with the lists: a name that stands twice or is none, a block
// that is no pointer to a struct. A test asks.
func (r Registry) Valid() error {
	for _, kind := range []string{kindProvider, kindLookup, kindSource, kindStore, kindBroker, kindStage} {
		seen := map[string]bool{}
		for _, c := range r.of(kind) {
			switch {
			case !validName(c.Name):
				return fmt.Errorf("the %s %q has no valid name", kind, c.Name)
			case seen[c.Name]:
				return fmt.Errorf("the %s %q stands twice in its list", kind, c.Name)
			case c.Settings == nil || reflect.TypeOf(c.Settings()).Kind() != reflect.Pointer || reflect.TypeOf(c.Settings()).Elem().Kind() != reflect.Struct:
				return fmt.Errorf("the settings of the %s %q are no pointer to a struct", kind, c.Name)
			}
			seen[c.Name] = true
		}
	}
	if names := r.formats(); len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names) {
		return fmt.Errorf("a format stands twice in its list: %v", names)
	}
	return nil
}

// Pool is embedded in the block of a provider that keeps connections.
type Pool struct {
	// Connections is how many are kept at most: also the most attempts that one
	// crash can leave uncertain.
	Connections int `yaml:"connections,omitempty" default:"32" min:"1" max:"1000"`

	guard *reach.Guard // of a tenant's own provider; nil: the operator named where to connect
}

// Dial connects to the provider, within timeout (0: no limit of its own). It is nil where the operator named
// the address, who may send it anywhere; what a tenant names is looked at where it leads to, each time.
func (p *Pool) Dial(timeout time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if p.guard == nil {
		return nil
	}
	return p.guard.Dial(timeout)
}

func (p *Pool) pool() *Pool { return p }

// Unbound is the pool of a stand-in in the provider's place, which the program itself has put where it is.
func (p Pool) Unbound() Pool {
	p.guard = nil
	return p
}

// pooled is a block with a Pool in it.
type pooled interface {
	// pool is the block's own, which may be written.
	pool() *Pool
}

// MaxConnections is how many connections a provider keeps at most, 0 for one that keeps none.
func (p Provider) MaxConnections() int {
	if b, ok := p.Settings.(pooled); ok {
		return b.pool().Connections
	}
	return 0
}

// WithConnections is the same provider with another bound; p stays as it is.
func (p Provider) WithConnections(n int) Provider {
	if _, ok := p.Settings.(pooled); ok {
		own := reflect.New(reflect.TypeOf(p.Settings).Elem())
		own.Elem().Set(reflect.ValueOf(p.Settings).Elem())
		p.Settings = own.Interface().(Block)
		p.Settings.(pooled).pool().Connections = n
	}
	return p
}
