package seal

import (
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Cache keeps what is needed next of confirmations under way, so that the
// usual path reads nothing back. It is a cache: whatever is not in it is read
// from the database, and what another instance may have changed is decided by rows alone:
// a message's bytes, its sender's key and the event that a state was seen with never change.
// Its bytes are bounded; when it is full, newcomers stay out, and what has been there for
// long goes: another instance may have sent it.
type Cache struct {
	mu   sync.Mutex
	m    map[waxwing.ID]*Entry
	size int64
	max  int64
	// swept is when old entries were last looked for, by the ids' clock.
	swept time.Time
}

// oldAfter is how long an entry is needed, where it is: what waits longer is read again.
const oldAfter = 10 * time.Minute

// NewCache returns a cache of so many bytes.
func NewCache(bytes int64) *Cache { return &Cache{m: map[waxwing.ID]*Entry{}, max: bytes} }

// Entry is what is needed next of a confirmation. It is not written to once it is put.
type Entry struct {
	Tenant *Tenant
	DEK    Key
	Shop   waxwing.ShopID
	Work   *waxwing.Work     // nil where it was rendered
	Event  *Event            // has the work's event, which is not in Work then; nil: it is
	Out    *waxwing.Outgoing // of the message that is queued; nil: none is
	size   int64
}

// Event is an event as it is stored. It takes a third of the room of what it opens to.
type Event struct {
	Key  Hash // of its confirmation, which it is bound to
	Body []byte
}

// entryFixed is what an entry costs besides its bytes, about.
const entryFixed = 600

// Put keeps an entry in place of the one of that confirmation, if there is room for it.
func (c *Cache) Put(id waxwing.ID, o *Entry) {
	o.size = entryFixed
	if o.Work != nil {
		o.size += int64(len(o.Work.Raw))
	}
	if o.Event != nil {
		o.size += int64(len(o.Event.Body))
	}
	if o.Out != nil {
		o.size += int64(len(o.Out.Data))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.max == 0 { // after Forget
		return
	}
	if old := c.m[id]; old != nil {
		c.size -= old.size
		delete(c.m, id)
	}
	// Events may take half: messages are wanted sooner, and there are fewer.
	limit := c.max
	if o.Out == nil {
		limit /= 2
	}
	if c.size+o.size > limit {
		c.sweep(id.Time())
	}
	if c.size+o.size > limit {
		return
	}
	c.m[id] = o
	c.size += o.size
}

// Crowded reports whether events should rather be kept as they are stored: opening one costs
// a tenth of what reading it does, if there is no room for it.
func (c *Cache) Crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size > c.max/4
}

// sweep drops what is old, once a minute of those that come.
func (c *Cache) sweep(now time.Time) {
	if now.Sub(c.swept) < time.Minute {
		return
	}
	c.swept = now
	for id, o := range c.m {
		if now.Sub(id.Time()) > oldAfter {
			c.size -= o.size
			delete(c.m, id)
		}
	}
}

// Get gives the entry of a confirmation; nil: there is none.
func (c *Cache) Get(id waxwing.ID) *Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[id]
}

// Drop forgets a confirmation.
func (c *Cache) Drop(id waxwing.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.m[id]; o != nil {
		c.size -= o.size
		delete(c.m, id)
	}
}

// Forget drops everything, for good: after Close nothing is to be had.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.m)
	c.size, c.max = 0, 0
}
