package mx

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

// key is a server, and how it is spoken to: a connection that was made with less TLS than a domain asks for is not for its mail.
type key struct {
	host string
	mode smtp.TLSMode
}

// pool is the connections to one server.
type pool struct {
	key
	sender *smtp.Sender
	users  int
	left   time.Time // when the last of them left
}

// pools are those that are open: so many at most, and none for longer than it is of use.
type pools struct {
	open func(key) *smtp.Sender
	most int

	mu   sync.Mutex
	all  map[key]*pool
	down map[string]time.Time // hosts that were not to be had, until when they come last
	shut bool
	end  chan struct{}
	wg   sync.WaitGroup
	ctx  context.Context // of those that are closed meanwhile
	kill context.CancelFunc
}

const (
	keepPool = 30 * time.Second
	keepDown = time.Minute
	mostDown = 10_000
)

func newPools(open func(key) *smtp.Sender, most int) *pools {
	p := &pools{open: open, most: most, all: map[key]*pool{}, down: map[string]time.Time{}, end: make(chan struct{})}
	p.ctx, p.kill = context.WithCancel(context.Background())
	p.wg.Go(p.sweep)
	return p
}

// sweep closes those that nobody has used for a while.
func (p *pools) sweep() {
	t := time.NewTicker(keepPool / 3)
	defer t.Stop()
	for {
		select {
		case <-p.end:
			return
		case <-t.C:
			p.mu.Lock()
			for _, x := range p.all {
				if x.users == 0 && time.Since(x.left) >= keepPool {
					p.drop(x)
				}
			}
			p.mu.Unlock()
		}
	}
}

// drop takes a pool out and closes it. p.mu is held.
func (p *pools) drop(x *pool) {
	delete(p.all, x.key)
	p.wg.Go(func() { _ = x.sender.Close(p.ctx) }) // nobody uses it
}

// get gives the pool of a server. release is to be called with it. Its error is ErrStopping.
func (p *pools) get(k key) (*pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return nil, waxwing.ErrStopping
	}
	x := p.all[k]
	if x == nil {
		if len(p.all) >= p.most {
			p.idlest()
		}
		x = &pool{key: k, sender: p.open(k)}
		p.all[k] = x
	}
	x.users++
	return x, nil
}

func (p *pools) release(x *pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x.users--
	x.left = time.Now()
}

// spare closes the pool that has been of no use for longest, if any is.
func (p *pools) spare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shut {
		p.idlest()
	}
}

// idlest is spare with p.mu held.
func (p *pools) idlest() {
	var idle *pool
	for _, x := range p.all {
		if x.users == 0 && (idle == nil || x.left.Before(idle.left)) {
			idle = x
		}
	}
	if idle != nil {
		p.drop(idle)
	}
}

// len is how many are open.
func (p *pools) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// fell notes a server that could not be spoken to: a minute long the others come before it, so that not every message
// waits for it in vain.
func (p *pools) fell(host string, a *waxwing.Attempt) {
	if a.Phase != waxwing.PhaseConnect && a.Phase != waxwing.PhaseBanner {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.down) >= mostDown {
		clear(p.down)
	}
	p.down[host] = time.Now().Add(keepDown)
}

// wellFirst puts those that fell behind the others.
func (p *pools) wellFirst(hosts []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	rank := func(h string) int {
		if until, ok := p.down[h]; !ok {
			return 0
		} else if !now.Before(until) {
			delete(p.down, h)
			return 0
		}
		return 1
	}
	out := slices.Clone(hosts)
	slices.SortStableFunc(out, func(a, b string) int { return rank(a) - rank(b) })
	return out
}

// close ends all pools, each as smtp.Sender's Close does.
func (p *pools) close(ctx context.Context) error {
	p.mu.Lock()
	if !p.shut {
		p.shut = true
		close(p.end)
	}
	all := p.all
	p.all = map[key]*pool{}
	p.mu.Unlock()
	defer p.kill()
	defer context.AfterFunc(ctx, p.kill)()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	i := 0
	for _, x := range all {
		at := i
		i++
		wg.Go(func() { errs[at] = x.sender.Close(ctx) })
	}
	wg.Wait()
	p.wg.Wait()
	return errors.Join(errs...)
}
