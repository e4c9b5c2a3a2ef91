package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Upkeep is what is done for the ledger as a whole.
type Upkeep struct {
	p       *shared
	plugins *Plugins
}

// expireBatch is how many rows of each kind an op of the writer deletes.
const expireBatch = 500

// Expire deletes content older than the given age, a batch a call, and says
// whether there is more. The trail stays.
func (u *Upkeep) Expire(ctx context.Context, age time.Duration) (more bool, err error) {
	before := waxwing.NewID(u.p.Clock().Add(-age), 0, 0)
	err = u.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Rows(ctx, &store.Keys{Old: &store.OldContent{Below: before, Limit: expireBatch}})
		if err != nil {
			return err
		}
		x := &store.Expired{Contents: s.OldContents, Events: s.OldEvents}
		// What a plugin was given is content too.
		runs, err := u.plugins.pruneRuns(ctx, g, age)
		if err != nil {
			return err
		}
		x.More = runs || len(x.Contents) == expireBatch || len(x.Events) == expireBatch
		more = x.More
		if len(x.Contents)+len(x.Events) == 0 {
			return nil
		}
		return g.Write(ctx, &store.Changes{Expired: x})
	})
	return more, err
}

// Teach makes a dictionary for messages whose Draft names it: of the passages that its
// Extents speak of, by their numbers, and of a sample of what stands between them in a
// mail, which must be of an invented order. It is stored once: the same ones at the next
// start are the same dictionary.
func (u *Upkeep) Teach(ctx context.Context, name string, passages [][]byte, sample []byte) error {
	body, err := pack.MakeDictionary(passages, sample)
	if err != nil {
		return err
	}
	var id uint32
	err = u.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Rows(ctx, &store.Keys{Dictionary: body})
		if err != nil {
			return err
		}
		if id = s.Dictionary; id != 0 {
			return nil
		}
		id = s.LastDictionary + 1
		return g.Write(ctx, &store.Changes{Dictionaries: []store.Dictionary{{ID: id, Body: body}}})
	})
	if err != nil {
		return err
	}
	if !u.p.Contents.Add(id, body) {
		return seal.ErrPacked
	}
	u.p.Contents.Name(name, id)
	return nil
}

// learn makes the dictionaries known that another instance has made meanwhile.
func (s *shared) learn(ctx context.Context) error {
	return s.Store.View(ctx, store.AnyTenant, func(r store.Rows) error {
		all, err := r.Load(ctx, &store.Keys{Dictionaries: true})
		if err != nil {
			return err
		}
		for i := range all.Dictionaries {
			s.Contents.Add(all.Dictionaries[i].ID, all.Dictionaries[i].Body)
		}
		return nil
	})
}

// tenant gives a tenant by its number, also one that another instance has begun to serve meanwhile.
func (s *shared) tenant(ctx context.Context, no int64) (*seal.Tenant, error) {
	if t := s.Keys.Number(no); t != nil {
		return t, nil
	}
	err := s.Store.View(ctx, store.AnyTenant, func(r store.Rows) error {
		all, err := r.Load(ctx, &store.Keys{Tenants: true})
		if err != nil {
			return err
		}
		for i := range all.Tenants {
			if x := &all.Tenants[i]; x.No == no {
				return s.Keys.Add(x.No, x.Name, x.Key)
			}
		}
		return fmt.Errorf("tenant: %w", waxwing.ErrNotFound)
	})
	return s.Keys.Number(no), err
}

// Alone runs f where no other instance does something of this name, and says whether it did. A
// store that has no other instances runs it.
func (u *Upkeep) Alone(_ context.Context, _ string, f func() error) (did bool, err error) {
	return true, f()
}

// Serve has a running ledger take what is of further tenants: it makes keys for those
// that have none yet, all in one step.
func (u *Upkeep) Serve(ctx context.Context, names []waxwing.TenantID) error {
	var unknown []waxwing.TenantID
	for _, name := range names {
		if _, err := u.p.Keys.Tenant(name); err != nil {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	err := u.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error { return MakeKeys(ctx, g, u.p.Keys, unknown) })
	if err != nil {
		return fmt.Errorf("keys for %d tenants: %w", len(unknown), err)
	}
	return u.p.Store.View(ctx, store.AnyTenant, func(r store.Rows) error {
		s, err := r.Load(ctx, &store.Keys{Tenants: true})
		if err != nil {
			return err
		}
		for i := range s.Tenants {
			t := &s.Tenants[i]
			if _, err := u.p.Keys.Tenant(t.Name); err == nil {
				continue
			}
			if err := u.p.Keys.Add(t.No, t.Name, t.Key); err != nil {
				return err
			}
		}
		return nil
	})
}

// MakeKeys makes keys of tenants that have none yet. They are added when they are read back.
func MakeKeys(ctx context.Context, g *Group, k *seal.Keyring, names []waxwing.TenantID) error {
	c := &store.Changes{}
	for _, name := range names {
		c.Tenants = append(c.Tenants, store.Tenant{Name: name, Key: k.NewTenant(name)})
	}
	return g.Write(ctx, c)
}
