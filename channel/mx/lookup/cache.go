package lookup

import (
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

type key struct {
	name string
	kind uint16
}

// cache remembers answers until their time is over, so many at most.
type cache struct {
	mu    sync.Mutex
	most  int
	clock waxwing.Clock
	all   map[key]entry
}

type entry struct {
	result
	until time.Time
}

func newCache(most int, clock waxwing.Clock) *cache {
	return &cache{most: most, clock: clock, all: map[key]entry{}}
}

func (c *cache) get(k key) (result, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.all[k]
	if ok && !c.clock().Before(e.until) {
		delete(c.all, k)
		ok = false
	}
	return e.result, ok
}

// put remembers x for ttl. Where there are too many it forgets what is over, and else any tenth of them:
// to look something up again costs a question, and keeping their order costs each answer.
func (c *cache) put(k key, x result, ttl time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if _, there := c.all[k]; !there && len(c.all) >= c.most {
		for k, e := range c.all {
			if !now.Before(e.until) {
				delete(c.all, k)
			}
		}
		for k := range c.all {
			if len(c.all) <= c.most-max(1, c.most/10) {
				break
			}
			delete(c.all, k)
		}
	}
	c.all[k] = entry{x, now.Add(ttl)}
}
