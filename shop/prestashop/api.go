package prestashop

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// api asks the webservice, whose address is the shop's own. The key is the user, without a password.
var api = waxwing.ShopAPI{
	Sign: func(h http.Header, token waxwing.Secret) {
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(token.Reveal()+":")))
	},
	Order: ask,
}

// wanted is a part of the document, and where the webservice has it.
type wanted struct {
	name, path string
	wrapped    string // the key that it stands under
	must       bool   // there is no mail without it
}

// ask puts an order together. Three rounds suffice: the order, what it names, and what that names.
func ask(ctx context.Context, get waxwing.Get, id string) ([]byte, error) {
	raw, err := get(ctx, "/api/orders/"+id+"?output_format=JSON")
	if err != nil {
		return nil, err
	}
	order, err := unwrapped(raw, "order")
	if err != nil {
		return nil, err
	}
	has, err := idsIn(order)
	if err != nil {
		return nil, err
	}
	lang := "&language=" + has("id_lang")
	parts, err := all(ctx, get, []wanted{
		{"customer", one("customers", has("id_customer"), ""), "customer", true},
		{"currency", one("currencies", has("id_currency"), lang), "currency", true},
		{"state", one("order_states", has("current_state"), lang), "order_state", true},
		{"language", one("languages", has("id_lang"), ""), "language", false},
		{"carrier", one("carriers", has("id_carrier"), lang), "carrier", false},
		{"address_invoice", one("addresses", has("id_address_invoice"), ""), "address", false},
		{"address_delivery", one("addresses", has("id_address_delivery"), ""), "address", false},
		{"details", "/api/order_details?output_format=JSON&display=full&filter[id_order]=" + id, "order_details", false},
		{"cart_rules", "/api/order_cart_rules?output_format=JSON&display=full&filter[id_order]=" + id, "order_cart_rules", false},
		{"timezone", "/api/configurations?output_format=JSON&display=[value]&filter[name]=PS_TIMEZONE", "configurations", false},
	})
	if err != nil {
		return nil, err
	}
	parts["timezone"] = zoneIn(parts["timezone"])
	next := []wanted{{"group", "", "group", false}}
	if has, err := idsIn(parts["customer"]); err == nil {
		next[0].path = one("groups", has("id_default_group"), lang)
	}
	for _, a := range []string{"invoice", "delivery"} {
		if has, err := idsIn(parts["address_"+a]); err == nil {
			next = append(next, wanted{"country_" + a, one("countries", has("id_country"), lang), "country", false},
				wanted{"state_" + a, one("states", has("id_state"), ""), "state", false})
		}
	}
	more, err := all(ctx, get, next)
	if err != nil {
		return nil, err
	}
	for name, part := range more {
		parts[name] = part
	}
	parts["order"] = order
	return shop.Parts([]byte("{}"), parts)
}

// one is the path of an entry of a resource; "" where it has no id.
func one(resource, id, more string) string {
	if id == "" {
		return ""
	}
	return "/api/" + resource + "/" + id + "?output_format=JSON" + more
}

// idsIn gives the ids that an entry names: numbers, or their digits. None is "" or 0.
func idsIn(entry []byte) (func(field string) string, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(entry, &m); err != nil {
		return nil, errors.New("what the webservice answers is no object")
	}
	return func(field string) string {
		s := strings.Trim(string(m[field]), `" `)
		if s == "0" || len(s) > 20 || payload.Digits(s, 0) != len(s) {
			return ""
		}
		return s
	}, nil
}

// atOnce is how many resources one order is put together from at a time.
const atOnce = 4

// all gets parts, several at a time. What the key may not read, or the shop does not have, is left out, unless there is no mail
// without it.
func all(ctx context.Context, get waxwing.Get, list []wanted) (map[string][]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var first error
	parts, places := map[string][]byte{}, make(chan struct{}, atOnce)
	for _, w := range list {
		if w.path == "" {
			continue
		}
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			raw, err := get(ctx, w.path)
			if err == nil {
				raw, err = unwrapped(raw, w.wrapped)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				parts[w.name] = raw
			case errors.Is(err, waxwing.ErrNotFound), errors.Is(err, waxwing.ErrRefused) && !w.must:
			case first == nil:
				first = err
				cancel()
			}
		})
	}
	wg.Wait()
	return parts, first
}

// unwrapped takes what the webservice puts under a key; of an empty list, which it gives as [], nothing.
func unwrapped(raw []byte, key string) ([]byte, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("[]")) {
		return nil, nil
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || m[key] == nil {
		return nil, errors.New("the webservice does not answer with " + key + " in JSON: it wants 1.7 or later, and no page in front of it")
	}
	return m[key], nil
}

// zoneIn is the value of the setting that was asked for, as JSON; nil: there is none.
func zoneIn(list []byte) []byte {
	var found []struct {
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(list, &found) != nil || len(found) != 1 {
		return nil
	}
	return found[0].Value
}
