package ledgertest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Memory is a store that keeps its rows in memory: the smallest that passes the suite, by
// which the ledger is tested without a database, and with one that fails where a test has it.
type Memory struct {
	// Fail is asked before each step of a database: begin, load, apply, commit, view. Its
	// error is the database's. Nil: nothing fails.
	Fail func(step string) error
	// Steps counts them.
	Steps map[string]int

	keys    memoryKeys
	group   sync.Mutex // held by the group under way
	counted sync.Mutex
	now     atomic.Pointer[memoryRows]
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	m := &Memory{Steps: map[string]int{}, keys: newMemoryKeys()}
	m.now.Store(&memoryRows{Set: store.NewSet(), runs: map[int64]store.Run{}, modules: map[string]store.PluginModule{}, numbers: map[pluginOf]int64{}})
	return m
}

// memoryRows are all rows at one time. Those that were committed are never changed.
type memoryRows struct {
	*store.Set
	suppressions []store.Suppression
	versions     []store.PluginVersion // in the order in which they were first saved
	modules      map[string]store.PluginModule
	numbers      map[pluginOf]int64
	runs         map[int64]store.Run
}

type pluginOf struct {
	tenant int64
	plugin string
}

// clone is a copy that a group may change.
func (r *memoryRows) clone() *memoryRows {
	s := *r.Set
	s.Confirmations, s.Keys, s.Messages, s.Claims = maps.Clone(s.Confirmations), maps.Clone(s.Keys), maps.Clone(s.Messages), maps.Clone(s.Claims)
	s.Suppressed, s.Found, s.Events, s.Contents = maps.Clone(s.Suppressed), maps.Clone(s.Found), maps.Clone(s.Events), maps.Clone(s.Contents)
	s.Attempts, s.Annotations, s.Batches, s.Instances = maps.Clone(s.Attempts), maps.Clone(s.Annotations), maps.Clone(s.Batches), maps.Clone(s.Instances)
	s.Tenants, s.Dictionaries = slices.Clone(s.Tenants), slices.Clone(s.Dictionaries)
	return &memoryRows{&s, slices.Clone(r.suppressions), slices.Clone(r.versions), maps.Clone(r.modules), maps.Clone(r.numbers), maps.Clone(r.runs)}
}

// step counts a step, and fails where the test has it.
func (m *Memory) step(name string) error {
	m.counted.Lock()
	defer m.counted.Unlock()
	m.Steps[name]++
	if m.Fail == nil {
		return nil
	}
	return m.Fail(name)
}

// Group runs f over a copy of the rows, which are the store's when it returns nil.
func (m *Memory) Group(ctx context.Context, f func(ctx context.Context, tx store.Tx) error) error {
	m.group.Lock()
	defer m.group.Unlock()
	tx := &memoryTx{m: m, rows: m.now.Load().clone(), loaded: store.NewSet()}
	err := m.step("begin")
	if err == nil {
		err = f(ctx, tx)
	}
	if err == nil {
		err = m.step("commit")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
	}
	m.now.Store(tx.rows)
	return nil
}

// memoryTx is one group under way.
type memoryTx struct {
	m      *Memory
	rows   *memoryRows
	loaded *store.Set
}

// Load gives rows within the group.
func (t *memoryTx) Load(ctx context.Context, k *store.Keys) (*store.Set, error) {
	if err := t.m.step("load"); err != nil {
		return nil, err
	}
	t.loaded = t.rows.load(k)
	return t.rows.load(k), nil // the caller keeps its own as the rows stand
}

// Apply writes changes. What is new and was not is a mistake of the ledger's, and fails.
func (t *memoryTx) Apply(_ context.Context, c *store.Changes) (lost []waxwing.ID, err error) {
	if err := t.m.step("apply"); err != nil {
		return nil, err
	}
	r := t.rows
	for i := range c.Confirmations {
		x := c.Confirmations[i]
		if owner, taken := r.Keys[x.Key]; taken && owner != x.ID {
			return []waxwing.ID{x.ID}, nil
		}
		if _, loaded := t.loaded.Confirmations[x.ID]; !loaded {
			if _, there := r.Confirmations[x.ID]; there {
				return nil, fmt.Errorf("confirmation %s is written as new, and is there", x.ID)
			}
		}
		r.Confirmations[x.ID], r.Keys[x.Key] = x, x.ID
	}
	for _, id := range c.Freed {
		delete(r.Claims, id)
	}
	for i := range c.Messages {
		x := c.Messages[i]
		if _, loaded := t.loaded.Messages[x.ID]; !loaded {
			if _, there := r.Messages[x.ID]; there {
				return nil, fmt.Errorf("message %s is written as new, and is there", x.ID)
			}
		}
		x.Digest = bytes.Clone(x.Digest)
		r.Messages[x.ID] = x
	}
	for _, x := range c.Claims {
		r.Claims[x.Message] = x
	}
	if b := c.Batch; b != nil {
		if _, there := r.Batches[b.N]; there {
			return nil, fmt.Errorf("batch %d is there", b.N)
		}
		own := *b
		own.Entries, own.Head = bytes.Clone(b.Entries), bytes.Clone(b.Head)
		r.Batches[b.N] = own
	}
	r.rest(c)
	r.own(c)
	t.loaded = t.rows.clone().Set // whatever was written is known from now on
	return nil, nil
}

// rest writes what is an order's and has no state.
func (r *memoryRows) rest(c *store.Changes) {
	for _, x := range c.Events {
		x.Body = bytes.Clone(x.Body)
		r.Events[x.ID] = x
	}
	for _, x := range c.Contents {
		x.Body = bytes.Clone(x.Body)
		r.Contents[x.ID] = x
	}
	for _, x := range c.Attempts {
		if !slices.ContainsFunc(r.Attempts[x.Message], func(a store.Attempt) bool { return a.N == x.N }) {
			r.Attempts[x.Message] = append(slices.Clone(r.Attempts[x.Message]), x)
		}
	}
	for _, x := range c.Annotations {
		if !slices.ContainsFunc(r.Annotations[x.Message], func(a store.Annotation) bool { return a.Kind == x.Kind }) {
			r.Annotations[x.Message] = append(slices.Clone(r.Annotations[x.Message]), x)
		}
	}
	for _, x := range c.Lookups {
		if !slices.Contains(r.Found[x.Hash], x.Confirmation) {
			ids := append(slices.Clone(r.Found[x.Hash]), x.Confirmation)
			slices.Sort(ids)
			r.Found[x.Hash] = ids
		}
	}
	for _, h := range c.Lifted {
		delete(r.Suppressed, h)
		r.suppressions = slices.DeleteFunc(slices.Clone(r.suppressions), func(x store.Suppression) bool { return x.Hash == h })
	}
	for _, x := range c.Suppressions {
		if !r.Suppressed[x.Hash] {
			r.Suppressed[x.Hash], r.suppressions = true, append(r.suppressions, x)
		}
	}
	for _, id := range c.Destroyed {
		r.destroy(id)
	}
	if x := c.Expired; x != nil {
		for _, id := range x.Contents {
			delete(r.Contents, id)
		}
		for _, id := range x.Events {
			delete(r.Events, id)
		}
	}
}

// destroy takes away what was sealed under a confirmation's key, and what it is found by.
func (r *memoryRows) destroy(conf waxwing.ID) {
	for id := conf; id < conf+store.IDStep; id++ {
		delete(r.Events, id)
		delete(r.Contents, id)
		r.Attempts[id] = slices.Clone(r.Attempts[id])
		for i := range r.Attempts[id] {
			r.Attempts[id][i].Sealed = nil
		}
		r.Annotations[id] = slices.Clone(r.Annotations[id])
		for i := range r.Annotations[id] {
			r.Annotations[id][i].Sealed = nil
		}
	}
	maps.DeleteFunc(r.runs, func(_ int64, x store.Run) bool { return x.Confirmation == conf })
	for h, ids := range r.Found {
		r.Found[h] = slices.DeleteFunc(slices.Clone(ids), func(id waxwing.ID) bool { return id == conf })
	}
}

// own writes what is no order's.
func (r *memoryRows) own(c *store.Changes) {
	for _, x := range c.Tenants {
		if !slices.ContainsFunc(r.Tenants, func(t store.Tenant) bool { return t.Name == x.Name }) {
			x.No = int64(len(r.Tenants) + 1)
			r.Tenants = append(r.Tenants, x)
		}
	}
	r.Dictionaries = append(r.Dictionaries, c.Dictionaries...)
	for _, x := range c.Instances {
		r.Instances[x.ID] = x
	}
	p := c.Plugins
	if p == nil {
		return
	}
	if p.Module != nil {
		r.modules[p.Module.Hash] = *p.Module
	}
	for _, x := range p.Versions {
		same := func(v store.PluginVersion) bool { return v.Tenant == x.Tenant && v.Plugin == x.Plugin && v.No == x.No }
		if i := slices.IndexFunc(r.versions, same); i >= 0 {
			r.versions[i] = x
		} else {
			r.versions = append(r.versions, x)
		}
	}
	for _, x := range p.Numbers {
		of := pluginOf{x.Tenant, x.Plugin}
		r.numbers[of] = max(r.numbers[of], x.Number)
	}
	for _, x := range p.Dropped {
		r.versions = slices.DeleteFunc(r.versions, func(v store.PluginVersion) bool {
			return v.Tenant == x.Tenant && v.Plugin == x.Plugin && v.No == x.No
		})
		if !slices.ContainsFunc(r.versions, func(v store.PluginVersion) bool {
			return v.Hash == x.Hash && v.State != string(waxwing.PluginRefused)
		}) {
			delete(r.modules, x.Hash)
		}
	}
	for _, x := range p.Runs {
		r.runs[x.ID] = x
	}
	for _, id := range p.Gone {
		delete(r.runs, id)
	}
}
