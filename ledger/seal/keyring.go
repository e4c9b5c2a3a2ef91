package seal

import (
	"cmp"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/waxwinghq/waxwing"
)

// Keyring holds a ledger's keys: the master key, the one that signs anchors, and each
// tenant's. It is safe for concurrent use.
type Keyring struct {
	master Key
	anchor ed25519.PrivateKey
	near   *TenantKey // of what tenants' keys of orders have in common

	mu      sync.RWMutex
	tenants map[waxwing.TenantID]*Tenant
	byNo    map[int64]*Tenant
}

// NewKeyring returns a keyring without tenants.
func NewKeyring(master Key, anchor ed25519.PrivateKey) *Keyring {
	return &Keyring{master: master, anchor: anchor, near: NewTenantKey(master.Derive("keys of orders")), tenants: map[waxwing.TenantID]*Tenant{}, byNo: map[int64]*Tenant{}}
}

// Tenant is one that the ledger has a key for.
type Tenant struct {
	No   int64 // in the rows
	Name waxwing.TenantID
	Key  *TenantKey
	near *TenantKey // the keyring's
	// QuietDay is the day of which no more plugin runs' bodies are written, since 1970.
	QuietDay atomic.Int64
}

// tenantAAD ties a tenant's sealed key to its name.
func tenantAAD(name waxwing.TenantID) string { return "tenant|" + string(name) }

// NewTenant makes a tenant's key and gives it sealed, as Add reads it.
func (k *Keyring) NewTenant(name waxwing.TenantID) []byte {
	key := NewKey()
	return k.master.Sealer().Seal(nil, key[:], tenantAAD(name))
}

// Add opens a tenant's key. The error says that the master key is another one.
func (k *Keyring) Add(no int64, name waxwing.TenantID, sealed []byte) error {
	b, err := k.master.Sealer().Open(nil, sealed, tenantAAD(name))
	if err != nil || len(b) != KeySize {
		return fmt.Errorf("tenant %s: the master key does not open its key; set keys.master to the one this ledger was made with", name)
	}
	t := &Tenant{No: no, Name: name, Key: NewTenantKey(Key(b)), near: k.near}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tenants[name], k.byNo[no] = t, t
	return nil
}

// Tenant gives a tenant by its name; ErrNotFound: the ledger has no key for it.
func (k *Keyring) Tenant(name waxwing.TenantID) (*Tenant, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if t := k.tenants[name]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("tenant: %w", waxwing.ErrNotFound)
}

// Number gives a tenant by its number; nil: the ledger has no key for it.
func (k *Keyring) Number(no int64) *Tenant {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.byNo[no]
}

// Tenants lists the tenants that the ledger has keys for.
func (k *Keyring) Tenants() []waxwing.TenantID {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]waxwing.TenantID, 0, len(k.tenants))
	for t := range k.tenants {
		out = append(out, t)
	}
	slices.SortFunc(out, cmp.Compare[waxwing.TenantID])
	return out
}

// Derive makes a key from the master key, the same at each start: what other
// parts seal with it is worth nothing in another installation.
func (k *Keyring) Derive(label string) [KeySize]byte { return k.master.Derive(label) }

// AnchorKey signs anchors.
func (k *Keyring) AnchorKey() ed25519.PrivateKey { return k.anchor }

// AnchorPublic is the key that anchors are checked with.
func (k *Keyring) AnchorPublic() ed25519.PublicKey {
	return k.anchor.Public().(ed25519.PublicKey) //nolint:errcheck // an Ed25519 key's is one
}

// PublicKey is the key that anchors are checked with, in hex.
func (k *Keyring) PublicKey() string { return hex.EncodeToString(k.AnchorPublic()) }
