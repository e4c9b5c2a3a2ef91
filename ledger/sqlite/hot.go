package sqlite

import (
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// hotSet keeps what is needed next of confirmations under way, so that the
// usual path reads nothing back. It is a cache: whatever is not in it is read
// from the file. Its bytes are bounded; when it is full, newcomers stay out.
type hotSet struct {
	mu   sync.Mutex
	m    map[waxwing.ID]*hotOne
	size int64
	max  int64
}

type hotOne struct {
	tenant *tenant
	dek    ledger.Key
	work   *waxwing.Work
	out    *waxwing.Outgoing // of the message that is queued
	shop   waxwing.ShopID
	size   int64
}

// hotFixed is what an entry costs besides its bytes, about.
const hotFixed = 600

func (h *hotSet) put(id waxwing.ID, o *hotOne) {
	o.size = hotFixed
	if o.work != nil {
		o.size += int64(len(o.work.Raw))
	}
	if o.out != nil {
		o.size += int64(len(o.out.Data))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil {
		h.m = map[waxwing.ID]*hotOne{}
	}
	if old := h.m[id]; old != nil {
		h.size -= old.size
		delete(h.m, id)
	}
	// Events may take half: messages are wanted sooner, and there are fewer.
	limit := h.max
	if o.out == nil {
		limit /= 2
	}
	if h.size+o.size > limit {
		return
	}
	h.m[id] = o
	h.size += o.size
}

func (h *hotSet) get(id waxwing.ID) *hotOne {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.m[id]
}

func (h *hotSet) drop(id waxwing.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.m[id]; o != nil {
		h.size -= o.size
		delete(h.m, id)
	}
}

// forget drops everything: after Close nothing is to be had.
func (h *hotSet) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.m, h.size, h.max = nil, 0, 0
}
