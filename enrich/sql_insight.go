package enrich

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// What is looked up for plugins is bounded, since each order of the tenant
// pays for it.
const (
	maxCandidates = 100
	maxTags       = 20 // of a candidate
	askedBaskets  = 10 // SKUs of the order whose baskets are looked up
	maxBaskets    = 200
	maxBasketSKUs = 50
	maxParcels    = 200
	maxDelayHours = 366 * 24 // a parcel beyond it is lost, not late
)

// findCandidates reads the articles that may be recommended, each SKU once.
func (l *sqlLookup) findCandidates(ctx context.Context, q *query, in *waxwing.Inquiry) ([]waxwing.Candidate, error) {
	var out []waxwing.Candidate
	seen := map[string]bool{}
	return out, l.each(ctx, q, q.args(in, ""), maxCandidates, func(r row) {
		c := waxwing.Candidate{SKU: r.text("sku"), Name: r.text("name"), ImageURL: r.link("image_url"), URL: r.link("url"), Tags: tags(r.text("tags"))}
		if c.SKU == "" || seen[c.SKU] {
			return
		}
		seen[c.SKU] = true
		currency := strings.ToUpper(r.text("currency"))
		if currency == "" {
			currency = in.Currency
		}
		if waxwing.ValidCurrency(currency) {
			if m, err := waxwing.RoundMoney(r.decimal("price"), currency); err == nil && m.Minor >= 0 {
				c.Price = &m
			}
		}
		out = append(out, c)
	})
}

func tags(s string) (out []string) {
	for t := range strings.SplitSeq(s, ",") {
		if t = strings.TrimSpace(t); t != "" && len(out) < maxTags && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// findBaskets reads earlier orders that hold one of this order's articles. An
// order that was found by two of them counts once.
func (l *sqlLookup) findBaskets(ctx context.Context, q *query, in *waxwing.Inquiry) ([][]string, error) {
	var out [][]string
	at := map[string]int{}
	asked := make([]string, 0, askedBaskets)
	for _, sku := range in.SKUs {
		if slices.Contains(asked, sku) || len(asked) == askedBaskets {
			continue
		}
		asked = append(asked, sku)
		err := l.each(ctx, q, q.args(in, sku), maxBaskets*maxBasketSKUs, func(r row) {
			basket, article := r.text("basket"), r.text("sku")
			if basket == "" || article == "" {
				return
			}
			i, known := at[basket]
			if !known {
				if len(out) == maxBaskets {
					return
				}
				i = len(out)
				at[basket], out = i, append(out, nil)
			}
			if len(out[i]) < maxBasketSKUs && !slices.Contains(out[i], article) {
				out[i] = append(out[i], article)
			}
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// findLane reads the delays of the latest parcels. The first row says which
// lane it is; parcels of another one are left out.
func (l *sqlLookup) findLane(ctx context.Context, q *query, in *waxwing.Inquiry) (*waxwing.Lane, error) {
	var lane *waxwing.Lane
	err := l.each(ctx, q, q.args(in, ""), maxParcels, func(r row) {
		carrier, service, origin := r.text("carrier"), r.text("service"), r.text("origin")
		if lane == nil {
			lane = &waxwing.Lane{Carrier: carrier, Service: service, Origin: origin}
		}
		h, err := strconv.ParseFloat(r.decimal("delay_hours"), 64)
		if err == nil && math.Abs(h) <= maxDelayHours && carrier == lane.Carrier && service == lane.Service && origin == lane.Origin {
			lane.Delays = append(lane.Delays, h)
		}
	})
	return lane, err
}
