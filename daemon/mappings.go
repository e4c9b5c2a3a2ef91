package daemon

import (
	"time"
	_ "time/tzdata" // zones of mappings, where the machine has none

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/shop/foreign"
	"github.com/waxwinghq/waxwing/shop/mapping"
)

// mappingOf understands the rules of a shop.
func mappingOf(c *config.Mapping) (*mapping.Mapping, []config.MappingFault) {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "Local" {
		return nil, []config.MappingFault{{Key: "zone", Text: "there is no such time zone", Remedy: "Write it as in Europe/Berlin, or UTC"}}
	}
	m, bad := mapping.New(mapping.Rules{When: c.When, Read: c.Read, Words: c.Words, Amounts: c.Amounts, Zone: zone})
	out := make([]config.MappingFault, len(bad))
	for i, f := range bad {
		out[i] = config.MappingFault(f)
	}
	return m, out
}

func mappingFaults(c *config.Mapping) []config.MappingFault {
	_, bad := mappingOf(c)
	return bad
}

// MappingOf gives the rules of a shop of format mapping; nil: it is none. The configuration was checked.
func MappingOf(s config.Shop) *mapping.Mapping {
	if s.Format != "mapping" || s.Mapping == nil {
		return nil
	}
	m, _ := mappingOf(s.Mapping)
	return m
}

// FormatsOf are the formats of this program, by name, and those of the configuration's shops that have a mapping.
func FormatsOf(c *config.Config) map[string]waxwing.Format {
	out := Formats()
	for tenant, t := range c.Tenants {
		for name, s := range t.Shops {
			m := MappingOf(s)
			if m == nil {
				continue
			}
			f := foreign.Signed(s.Signature)
			read := m.Format(waxwing.ShopID(name))
			f.Name, f.Key, f.Normalise = config.FormatOf(tenant, name, s.Format), read.Key, read.Normalise
			out[f.Name] = f
		}
	}
	return out
}
