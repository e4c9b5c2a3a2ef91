package plugins

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
)

// usualChanges is how often the state of one plugin may change in a minute, by default: each change is an
// entry in the trail for ever, and makes all that is known of a trial void.
const usualChanges = 10

// minute counts what happened within a minute.
type minute struct {
	since time.Time
	n     int
}

// mayChange counts a change of a plugin's state. It is false where there were
// as many as there may be within the minute already.
func (h *Host) mayChange(t waxwing.TenantID, name string) bool {
	now := h.o.Clock()
	h.rates.Lock()
	defer h.rates.Unlock()
	r, id := h.changesOf(t, name)
	if r == nil || now.Sub(r.since) >= time.Minute || now.Before(r.since) {
		if len(h.changed) > 1000 { // those of a minute ago count for nothing
			for k, o := range h.changed {
				if now.Sub(o.since) >= time.Minute {
					delete(h.changed, k)
				}
			}
		}
		r = &minute{since: now}
		h.changed[id] = r
	}
	if r.n >= h.o.Changes {
		return false
	}
	r.n++
	return true
}

// crowded reports whether mayChange would say no, and counts nothing: an upload need
// not be checked that may not change anything.
func (h *Host) crowded(t waxwing.TenantID, name string) bool {
	now := h.o.Clock()
	h.rates.Lock()
	defer h.rates.Unlock()
	r, _ := h.changesOf(t, name)
	return r != nil && now.Sub(r.since) < time.Minute && !now.Before(r.since) && r.n >= h.o.Changes
}

// changesOf is what was counted of a plugin. The caller holds rates.
func (h *Host) changesOf(t waxwing.TenantID, name string) (r *minute, id string) {
	id = string(t) + "/" + name
	return h.changed[id], id
}

// tooMany is the answer to a person who changes too often.
func (h *Host) tooMany(name string) error {
	return &waxwing.LaterError{After: time.Minute, Quota: true,
		Text: fmt.Sprintf("the state of the plugin %s was changed %d times within a minute, which is the most: wait for a minute", name, h.o.Changes)}
}
