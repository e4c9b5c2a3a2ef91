package plugins

import (
	"fmt"
	"sync"
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

// rates count how often the states of plugins change.
type rates struct {
	now  waxwing.Clock
	most int // in a minute

	mu      sync.Mutex
	changed map[string]*minute // by tenant/plugin
}

// mayChange counts a change of a plugin's state. It is false where there were
// as many as there may be within the minute already.
func (r *rates) mayChange(t waxwing.TenantID, name string) bool {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	m, id := r.of(t, name)
	if m == nil || now.Sub(m.since) >= time.Minute || now.Before(m.since) {
		if len(r.changed) > 1000 { // those of a minute ago count for nothing
			for k, o := range r.changed {
				if now.Sub(o.since) >= time.Minute {
					delete(r.changed, k)
				}
			}
		}
		m = &minute{since: now}
		r.changed[id] = m
	}
	if m.n >= r.most {
		return false
	}
	m.n++
	return true
}

// crowded reports whether mayChange would say no, and counts nothing: an upload need
// not be checked that may not change anything.
func (r *rates) crowded(t waxwing.TenantID, name string) bool {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	m, _ := r.of(t, name)
	return m != nil && now.Sub(m.since) < time.Minute && !now.Before(m.since) && m.n >= r.most
}

// of is what was counted of a plugin. The caller holds mu.
func (r *rates) of(t waxwing.TenantID, name string) (m *minute, id string) {
	id = string(t) + "/" + name
	return r.changed[id], id
}

// tooMany is the answer to a person who changes too often.
func (r *rates) tooMany(name string) error {
	return &waxwing.LaterError{After: time.Minute, Quota: true,
		Text: fmt.Sprintf("the state of the plugin %s was changed %d times within a minute, which is the most: wait for a minute", name, r.most)}
}
