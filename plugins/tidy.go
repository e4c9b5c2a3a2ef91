package plugins

import "time"

// tidyEvery is how often native code is looked through after uploads.
const tidyEvery = time.Minute

// tidyLater has native code looked through in the background, where a Tidy before
// has told how much there may be.
func (h *Host) tidyLater() {
	most, last, now := h.mostNative.Load(), h.tidied.Load(), time.Now().UnixNano()
	if most == 0 || now-last < int64(tidyEvery) || !h.tidied.CompareAndSwap(last, now) || h.work.ctx.Err() != nil {
		return
	}
	h.work.Go(func() {
		if _, err := h.Tidy(most); err != nil {
			h.o.Log.Warn("compiled code of plugins that are gone was not removed; tried again", "err", err)
		}
	})
}

// Tidy removes native code from the cache that no tenant's version holds any
// more, and the oldest beyond so many bytes. It is for after all tenants were
// restored: what is not known by then counts as nobody's.
func (h *Host) Tidy(most int64) (removed int, err error) {
	h.mostNative.Store(most)
	held := map[string]bool{}
	h.life.changes.Lock()
	h.shelves.tenants.Range(func(_, s any) bool {
		for _, p := range s.(*shelf).plugins {
			for _, v := range p.slots.Load().all() {
				held[v.code.Source()] = true
			}
		}
		return true
	})
	h.life.changes.Unlock()
	return h.o.Engine.Tidy(held, most)
}
