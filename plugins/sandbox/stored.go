package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// Facts are what is known of code that is in a store.
type Facts struct {
	Tenant waxwing.TenantID // whose memory and time it takes
	Hash   string           // SHA-256 of what the author wrote, hex
	Use    *Use             // what is counted of it; nil: nothing is
}

// Stored is code that stays in the store until it is loaded: what is kept of names that
// nobody asks must not add up. body gives what the author wrote, by its hash. It is checked by
// the limits of today and instrumented when it is loaded, and kept so for the next time.
func (e *Engine) Stored(m *abi.Manifest, f Facts, body func() ([]byte, error)) *Code {
	c := newCode(m.Lang, f.Hash, e.o.Limits)
	c.Tenant, c.Use = f.Tenant, f.Use
	checked := abi.Manifest{Name: m.Name, Lang: m.Lang, Hooks: m.Hooks}
	again, kept := *c, e.instrumented()
	c.read = func() (*Code, error) {
		key := instrumentedKey(&again, checked.Hooks)
		if w, name := kept.get(key); w != nil {
			whole := again
			whole.wasm, whole.name = w, name
			return &whole, nil
		}
		b, err := body()
		if err != nil {
			return nil, err
		}
		if h := sha256.Sum256(b); hex.EncodeToString(h[:]) != again.Hash {
			return nil, &Fault{FaultHost, "its code is not what was checked: the hash differs"}
		}
		whole, err := Prepare(&checked, b, e.o.Limits)
		if err != nil {
			return nil, err
		}
		whole.Tenant, whole.Use = again.Tenant, again.Use
		if whole.wasm != nil {
			kept.put(key, whole)
		}
		return whole, nil
	}
	return c
}

// mostReady is how long Ready waits for a load.
const mostReady = time.Second

// Ready keeps checked code while it is here, and loads it where it is to serve now, so that
// no order goes without. Where that does not come to pass, orders wait for the load as they do
// for any other.
func (e *Engine) Ready(m *abi.Manifest, c *Code, now bool) {
	if c.wasm != nil {
		e.instrumented().put(instrumentedKey(c, m.Hooks), c)
	}
	if !now {
		return
	}
	if l, err := e.load(c, time.Now().Add(mostReady*raceSlowdown)); err == nil {
		e.release(l)
	}
}
