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
	id := string(t) + "/" + name
	r := h.changed[id]
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

// tooMany is the answer to a person who changes too often.
func (h *Host) tooMany(name string) error {
	return &waxwing.LaterError{After: time.Minute, Quota: true,
		Text: fmt.Sprintf("the state of the plugin %s was changed %d times within a minute, which is the most: wait for a minute", name, h.o.Changes)}
}
