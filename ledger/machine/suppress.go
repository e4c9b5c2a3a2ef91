package machine

import (
	"encoding/hex"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Bar is an address of a tenant's that is not to be mailed, or is to be again.
type Bar struct {
	Tenant int64
	Name   waxwing.TenantID // the tenant's
	Hash   store.Hash
	Class  waxwing.SuppressionClass // why it is barred; a lift has none
	Act    waxwing.Act
}

// The acts upon an address, as the trail names them.
const (
	ActSuppress = "suppress"
	ActLift     = "lift"
)

// entry is what the trail says of the address itself.
func (b *Bar) entry(act string) Entry {
	d := [][2]string{{"act", act}, {"tenant", string(b.Name)}, {"hash", hex.EncodeToString(b.Hash[:])}}
	if b.Class != "" {
		d = append(d, [2]string{"class", string(b.Class)})
	}
	return Entry{Cause: CausePerson, Detail: slices.Concat(d, Detail(b.Act))}
}

// Suppress keeps an address from being mailed, and stops what is queued for it. What bars it already
// stays as it is.
//
// Loaded: all confirmations that the address is a lookup of, with their messages and claims.
func (b *Bar) Suppress(s *Set, named []waxwing.ID) (c Changes) {
	c = s.none()
	if !s.Suppressed[b.Hash] {
		c.Suppressions = append(c.Suppressions, store.Suppression{Hash: b.Hash, Tenant: b.Tenant, At: s.ms(), Cause: CausePerson, Class: b.Class,
			Act: waxwing.Act{By: waxwing.Actor(Clip(string(b.Act.By), 64)), Reason: Clip(b.Act.Reason, 800)}})
	}
	c.note(b.entry(ActSuppress))
	for _, id := range named {
		row, ok := s.Confirmations[id]
		if !ok {
			continue
		}
		mails := row
		mails.State = waxwing.Ready // what waits at the gate goes on waiting: its mail will be suppressed
		if s.stop(&c, &mails, waxwing.Suppressed, CauseSuppressed, b.Act) == 0 {
			c.note(Entry{Confirmation: id, Cause: CausePerson, Detail: slices.Concat([][2]string{{"act", ActSuppress}}, Detail(b.Act))})
		}
	}
	return c
}

// Lift has an address be mailed again from now on: what was suppressed stays so. Of one that is not
// suppressed nothing changes.
//
// Loaded: whether the address is suppressed, and all confirmations that it is a lookup of.
func (b *Bar) Lift(s *Set, named []waxwing.ID) (c Changes) {
	c = s.none()
	if !s.Suppressed[b.Hash] {
		return c
	}
	c.Lifted = append(c.Lifted, b.Hash)
	c.note(b.entry(ActLift))
	for _, id := range named {
		if _, ok := s.Confirmations[id]; ok {
			c.note(Entry{Confirmation: id, Cause: CausePerson, Detail: slices.Concat([][2]string{{"act", ActLift}}, Detail(b.Act))})
		}
	}
	return c
}
