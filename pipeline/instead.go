package pipeline

import (
	"errors"
	"sort"

	"github.com/waxwinghq/waxwing"
)

// errNotNow: an order could not be read for its fallback, now or ever.
var errNotNow = errors.New("the order cannot be read")

// instead renders what is sent instead of a message, by the first channel that its
// order has an address for: the event runs through normalise again, and is rendered anew.
func (x *Pipeline) instead(c *waxwing.Claim) (waxwing.Draft, error) {
	w, err := x.p.Ledger.ReworkOf(x.stop.Context(), c.Out.Tenant, c.Confirmation)
	if err != nil {
		return waxwing.Draft{}, errors.Join(errNotNow, errors.New(err.Error())) // not ErrNotFound: that says that there is no address
	}
	j := &Job{Work: w, Settings: x.now()}
	if said, err := x.normalise.Run(x.stop.Context(), j); err != nil || said.To != "" {
		return waxwing.Draft{}, errNotNow
	}
	d, ok := x.render.instead(j.Settings.Composer, w, j.Order)
	if !ok {
		return d, waxwing.ErrNotFound
	}
	return d, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
