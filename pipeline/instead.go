package pipeline

import (
	"errors"
	"sort"

	"github.com/waxwinghq/waxwing"
)

// errNotNow: an order could not be read for its fallback, now or ever.
var errNotNow = errors.New("the order cannot be read")

// instead renders what is sent instead of a message of a pipeline, by the first channel that
// its order has an address for: the event runs through the stages again, and is rendered anew.
func (x *Pipeline) instead(f *flow, c *waxwing.Claim) (waxwing.Draft, error) {
	w, err := x.p.Ledger.ReworkOf(x.stop.Context(), c.Out.Tenant, c.Confirmation)
	if err != nil {
		return waxwing.Draft{}, notNow(err)
	}
	set := x.now()
	j := &Job{Work: w, Settings: set, For: Instead, flow: f}
	switch err := x.whole(j, set.members[w.Tenant], unreadable); {
	case errors.Is(err, waxwing.ErrNotFound):
		return waxwing.Draft{}, waxwing.ErrNotFound
	case err != nil:
		return waxwing.Draft{}, notNow(err)
	}
	d := j.Drafts[0]
	d.Pipeline = f.label
	return d, nil
}

// notNow hides what an error is: ErrNotFound would say that there is no address.
func notNow(err error) error { return errors.Join(errNotNow, errors.New(err.Error())) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
