package table

import (
	"slices"

	"github.com/waxwinghq/waxwing/config"
)

// Preset is how the orders of a shop whose tables are known are found and read.
type Preset struct {
	// Watch, Order and Scan are what a configuration else says itself.
	Watch []Watch
	Order Order
	Scan  string
	// Settle is how long after its completion an order may still be undone; 0: the shop does that in no case.
	Settle config.Duration
}

// presets are those of shops on Postgres, by their format's name.
var presets = map[string]func() Preset{
	"vendure": vendure,
	"medusa":  medusa,
}

// PresetOf gives one by its name, which the tag of a source's key holds to those that there are.
func PresetOf(name string) (p Preset, ok bool) {
	f, ok := presets[name]
	if ok {
		p = f()
	}
	return p, ok
}

// Over gives each of the order's parts that is not given beside the preset as the preset has it.
func (p Preset) Over(o Order) Order {
	if o.Row == "" {
		o.Row = p.Order.Row
	}
	lists := map[string]string{}
	for name, q := range p.Order.Lists {
		lists[name] = q
	}
	for name, q := range o.Lists {
		lists[name] = q
	}
	o.Lists = lists
	for _, c := range p.Order.JSON {
		if !slices.Contains(o.JSON, c) {
			o.JSON = append(o.JSON, c)
		}
	}
	return o
}
