package mapping

import (
	"encoding/json"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop/generic"
)

// Format is the format of the shop of this name whose events these rules read: Key and Normalise. How its
// webhooks are signed is for the caller to add.
func (m *Mapping) Format(shop waxwing.ShopID) waxwing.Format {
	return waxwing.Format{
		Key:       func(topic string, raw []byte) (waxwing.EventKey, error) { return m.key(shop, topic, raw) },
		Normalise: func(topic string, raw []byte) (*waxwing.Order, error) { return m.normalise(shop, topic, raw) },
	}
}

// keyFields are what accepting an event must know.
var keyFields = []string{"type", "placed_at", "updated_at", "cancelled_at", "payment.status"}

func (m *Mapping) key(shop waxwing.ShopID, topic string, raw []byte) (k waxwing.EventKey, err error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return k, err
	}
	defer d.Release()
	r := &reading{Mapping: m, root: start(d.Root())}
	if k.Ignore = m.ignored(topic, r.root); k.Ignore != "" {
		return k, nil
	}
	out := r.some("id")
	// Of what else cannot be read here the order says so, under its own key: as an event that names none it would be
	// another order than the one that comes when the rules are mended.
	for _, name := range keyFields {
		own := &reading{Mapping: m, root: r.root}
		if more := own.some(name); own.err == nil {
			for k, v := range more {
				out[k] = v
			}
		}
	}
	made, err := r.made(shop, out)
	if err != nil {
		return k, err
	}
	return generic.Format.Key(topic, made)
}

func (m *Mapping) normalise(shop waxwing.ShopID, topic string, raw []byte) (*waxwing.Order, error) {
	made, err := m.Make(shop, raw, nil)
	if err != nil {
		return nil, err
	}
	o, err := generic.Format.Normalise(topic, made)
	if err != nil {
		return nil, err
	}
	o.Format = "mapping"
	return o, nil
}

// Make gives the generic order that the rules make of an event, as JSON. seen, where it is not nil, is told
// of each field as it is read, also where that fails.
func (m *Mapping) Make(shop waxwing.ShopID, raw []byte, seen func(Found)) ([]byte, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	r := &reading{Mapping: m, root: start(d.Root()), seen: seen}
	return r.made(shop, r.order())
}

// made writes what was read, unless something could not be.
func (r *reading) made(shop waxwing.ShopID, out map[string]any) ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	out["shop"] = string(shop)
	return json.Marshal(out)
}

// Ignored says why an event is no order by its conditions; "" where they are all met.
func (m *Mapping) Ignored(topic string, raw []byte) (string, error) {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return "", err
	}
	defer d.Release()
	return m.ignored(topic, start(d.Root())), nil
}

func (m *Mapping) ignored(topic string, root at) string {
	for _, c := range m.when {
		if c.topic {
			if !slices.Contains(c.values, topic) {
				return "its topic is not one of the mapping's"
			}
			continue
		}
		v := c.at[0][0].find(root, root)
		text := v.Trimmed()
		switch v.Kind() {
		case payload.True:
			text = "true"
		case payload.False:
			text = "false"
		}
		given := v.Given() && (text != "" || v.Kind() == payload.Object || v.Kind() == payload.Array)
		met := given && slices.Contains(c.values, text) || given && slices.Contains(c.values, "set") || !given && slices.Contains(c.values, "unset")
		if !met {
			return "the mapping's condition at " + c.key + " is not met"
		}
	}
	return ""
}
