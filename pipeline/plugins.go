package pipeline

import (
	"fmt"

	"github.com/waxwinghq/waxwing"
)

// hasPlugins costs a tenant without plugins one look into a table.
func (x *Pipeline) hasPlugins(t waxwing.TenantID) bool {
	if x.p.Plugins == nil {
		return false
	}
	any, _, _, _ := x.p.Plugins.Wants(t)
	return any
}

// askPlugins lets the tenant's plugins speak. What they did is in w.Runs, what
// they said in o.Personal; a fault of ours among them is the plugins' loss, not
// the order's.
func (x *Pipeline) askPlugins(w *waxwing.Work, o *waxwing.Order) (r ruling, notes []string) {
	if len(x.plan.hooks) == 0 || !x.hasPlugins(w.Tenant) {
		return ruling{}, nil
	}
	defer func() {
		if p := recover(); p != nil {
			x.p.Log.Error("plugins failed; this is a fault of ours", "confirmation", w.ID, "panic", fmt.Sprint(p))
			r, notes = ruling{}, append(notes, "plugins: left out (internal error)")
		}
	}()
	r.hold, r.cancel, notes = x.p.Plugins.Ask(w, o, x.plan.hooks)
	return r, notes
}
