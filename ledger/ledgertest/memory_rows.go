package ledgertest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// load gives the rows that keys name.
func (r *memoryRows) load(k *store.Keys) *store.Set {
	s := store.NewSet()
	confirmation := func(id waxwing.ID) {
		if c, ok := r.Confirmations[id]; ok {
			s.Confirmations[id], s.Keys[c.Key] = c, id
		}
	}
	message := func(id waxwing.ID) {
		m, ok := r.Messages[id]
		if _, named := s.Messages[id]; !ok || named { // what is named twice is loaded once
			return
		}
		s.Messages[id] = m
		if claim, held := r.Claims[id]; held {
			s.Claims[id] = claim
		}
		for _, a := range r.Attempts[id] {
			if a.Verdict == waxwing.UncertainVerdict && !k.Shown {
				s.Doubts[id]++
			}
		}
	}
	for _, id := range k.Confirmations {
		confirmation(id)
	}
	for _, h := range k.Keys {
		if id, ok := r.Keys[h]; ok {
			confirmation(id)
		}
	}
	for _, id := range k.Whole {
		confirmation(id)
		for n := range waxwing.ID(store.IDStep) {
			message(id | n)
		}
	}
	for _, id := range k.Messages {
		message(id)
	}
	some(s.Suppressed, r.Suppressed, k.People)
	some(s.Found, r.Found, k.Lookups)
	some(s.Events, r.Events, k.Events)
	some(s.Contents, r.Contents, k.Contents)
	some(s.Attempts, r.Attempts, k.Attempts)
	for _, id := range k.Annotations {
		s.Annotations[id] = slices.SortedFunc(slices.Values(r.Annotations[id]), func(a, b store.Annotation) int {
			return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind))
		})
	}
	some(s.Batches, r.Batches, k.Batches)
	some(s.Instances, r.Instances, k.Instances)
	r.loadDue(s, k, message)
	r.loadOwn(s, k)
	if k.Plugins != nil {
		r.loadPlugins(&s.Plugins, k.Plugins)
	}
	return s
}

// some copies those of some keys.
func some[K comparable, V any](to, from map[K]V, keys []K) {
	for _, k := range keys {
		if v, ok := from[k]; ok {
			to[k] = v
		}
	}
}

// loadDue loads what is found by its time and not by its name.
func (r *memoryRows) loadDue(s *store.Set, k *store.Keys, message func(waxwing.ID)) {
	waits := func(ok func(store.Message) bool, limit int) []waxwing.ID {
		var ids []waxwing.ID
		for id, m := range r.Messages {
			if _, held := r.Claims[id]; !held && m.NextAt != 0 && ok(m) {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b waxwing.ID) int {
			return cmp.Or(cmp.Compare(r.Messages[a].NextAt, r.Messages[b].NextAt), cmp.Compare(a, b))
		})
		return ids[:min(len(ids), limit)]
	}
	if d := k.Due; d != nil {
		s.Due = waits(func(m store.Message) bool {
			return m.Channel == d.Channel && m.NextAt <= d.At && (!d.Queued || m.State == waxwing.Queued)
		}, d.Limit)
		for _, id := range s.Due {
			message(id)
		}
	}
	if o := k.Over; o != nil {
		s.Over = waits(func(m store.Message) bool {
			return m.NextAt <= o.At && (m.Expires <= o.At || o.Doubt && m.State == waxwing.Uncertain)
		}, o.Limit)
	}
	if o := k.Old; o != nil {
		below := func(ids []waxwing.ID) []waxwing.ID {
			ids = slices.DeleteFunc(ids, func(id waxwing.ID) bool { return id >= o.Below })
			slices.Sort(ids)
			return ids[:min(len(ids), o.Limit)]
		}
		s.OldContents, s.OldEvents = below(slices.Collect(maps.Keys(r.Contents))), below(slices.Collect(maps.Keys(r.Events)))
	}
}

// loadOwn loads what is no order's.
func (r *memoryRows) loadOwn(s *store.Set, k *store.Keys) {
	if k.HeldBesides != 0 {
		for id, c := range r.Claims {
			if c.Instance != k.HeldBesides {
				s.Claims[id] = c
			}
		}
	}
	if k.Tenants {
		s.Tenants = slices.Clone(r.Tenants)
	}
	for _, d := range r.Dictionaries {
		if k.Dictionary != nil && bytes.Equal(d.Body, k.Dictionary) {
			s.Dictionary = d.ID
		}
		s.LastDictionary = max(s.LastDictionary, d.ID)
	}
	if k.Dictionaries {
		s.Dictionaries = slices.Clone(r.Dictionaries)
	}
	for id, in := range r.Instances {
		if k.Running && in.Stopped == 0 {
			s.Instances[id] = in
		}
	}
}

func (r *memoryRows) loadPlugins(s *store.PluginSet, k *store.PluginKeys) {
	s.Kept, s.Versions, s.Modules = map[int64][]store.KeptVersion{}, map[int64][]store.PluginVersion{}, map[string]store.PluginModule{}
	for _, v := range r.versions {
		if slices.Contains(k.Versions, v.Tenant) {
			s.Versions[v.Tenant] = append(s.Versions[v.Tenant], v)
		}
		if slices.Contains(k.Kept, v.Tenant) {
			s.Kept[v.Tenant] = append(s.Kept[v.Tenant], store.KeptVersion{Tenant: v.Tenant, Plugin: v.Plugin, No: v.No, Hash: v.Hash,
				State: waxwing.PluginState(v.State), Bytes: int64(len(r.modules[v.Hash].Body))})
		}
	}
	for _, t := range r.Tenants {
		if k.Tenants && slices.ContainsFunc(r.versions, func(v store.PluginVersion) bool { return v.Tenant == t.No }) {
			s.Tenants = append(s.Tenants, t.Name)
		}
	}
	some(s.Modules, r.modules, k.Modules)
	if n := k.Number; n != nil {
		s.Number = r.numbers[pluginOf{n.Tenant, n.Plugin}]
	}
	within := func(x *store.RunRange) (ids []int64) {
		for id, run := range r.runs {
			if (x.Tenant == 0 || run.Tenant == x.Tenant) && id >= x.From && (x.Below == 0 || id < x.Below) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}
	if k.Sum != nil {
		for _, id := range within(k.Sum) {
			s.Sum.Count++
			s.Sum.Bytes += int64(len(r.runs[id].Body))
		}
	}
	if k.Runs != nil {
		ids := within(k.Runs)
		for _, id := range ids[:min(len(ids), k.Runs.Limit)] {
			s.Runs = append(s.Runs, store.RunSize{ID: id, Bytes: int64(len(r.runs[id].Body))})
		}
	}
}

// memoryView reads the rows that of gives: one state of them, or those of each call's time.
type memoryView struct {
	m  *Memory
	of func() *memoryRows
}

// View runs f over one state of the rows.
func (m *Memory) View(ctx context.Context, _ int64, f func(store.Rows) error) error {
	if err := m.step("view"); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return store.NotBegun(ctx)
	}
	return f(m.Audit())
}

// Browse runs f over the rows as they are at each of its calls.
func (m *Memory) Browse(ctx context.Context, _ int64, f func(store.Rows) error) error {
	if err := m.step("view"); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return store.NotBegun(ctx)
	}
	return f(memoryView{m, m.now.Load})
}

// Survey is View.
func (m *Memory) Survey(ctx context.Context, _ int64, f func(store.Rows) error) error {
	return m.View(ctx, store.AnyTenant, f)
}

// Audit reads all there is as of now.
func (m *Memory) Audit() store.Audit {
	r := m.now.Load()
	return memoryView{m, func() *memoryRows { return r }}
}

// Load gives the rows that keys name.
func (v memoryView) Load(_ context.Context, k *store.Keys) (*store.Set, error) {
	if err := v.m.step("load"); err != nil {
		return nil, err
	}
	return v.of().load(k), nil
}

// findPiece is how many are given at once: few, so that whoever asks must ask on.
const findPiece = 3

// Find gives some of a tenant's confirmations, newest first.
func (v memoryView) Find(_ context.Context, q *store.Query) (ids []waxwing.ID, err error) {
	r := v.of()
	for id, c := range r.Confirmations {
		if c.Tenant != q.Tenant || id < q.From || id >= q.Below || q.Shop != "" && c.Shop != q.Shop || q.Unread {
			continue
		}
		ok := q.State == "" || c.State == q.State
		for n := range waxwing.ID(store.IDStep) {
			if m, there := r.Messages[id|n]; there && r.State(&m) == q.State {
				ok = true
			}
		}
		for _, h := range q.Lookups {
			ok = ok && slices.Contains(r.Found[h], id)
		}
		if ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids[:min(len(ids), findPiece)], nil
}

// Count tells how many confirmations there are.
func (v memoryView) Count(_ context.Context, q *store.Query) (n int64, err error) {
	for id, c := range v.of().Confirmations {
		if c.Tenant == q.Tenant && id >= q.From && id < q.Below && (q.Shop == "" || c.Shop == q.Shop) {
			n++
		}
	}
	return n, nil
}

// Due gives confirmations whose time has come.
func (v memoryView) Due(_ context.Context, d *store.Due) (ids []waxwing.ID, last time.Time, err error) {
	r := v.of()
	for id, c := range r.Confirmations {
		if c.State == d.State && c.Due != 0 && c.Due >= d.Since && c.Due <= d.At {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b waxwing.ID) int {
		return cmp.Or(cmp.Compare(r.Confirmations[a].Due, r.Confirmations[b].Due), cmp.Compare(a, b))
	})
	if ids = ids[:min(len(ids), d.Limit)]; len(ids) > 0 {
		last = time.UnixMilli(r.Confirmations[ids[len(ids)-1]].Due)
	}
	return ids, last, nil
}

// Suppressions gives a tenant's, the newest first.
func (v memoryView) Suppressions(_ context.Context, q *store.SuppressionQuery) (out []store.Suppression, err error) {
	newest := func(a, b store.Suppression) int {
		return cmp.Or(cmp.Compare(b.At, a.At), bytes.Compare(b.Hash[:], a.Hash[:]))
	}
	for _, x := range v.of().suppressions {
		if x.Tenant == q.Tenant && bytes.Compare(x.Hash[:], q.First[:]) >= 0 && bytes.Compare(x.Hash[:], q.Last[:]) <= 0 && (q.Before == nil || newest(*q.Before, x) < 0) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, newest)
	return out[:min(len(out), q.Limit)], nil
}

// Depth counts what waits.
func (v memoryView) Depth(_ context.Context, now time.Time) (d store.Depth, err error) {
	for _, c := range v.of().Confirmations {
		if c.Due != 0 {
			d.Work++
		}
	}
	for _, m := range v.of().Messages {
		if m.NextAt == 0 {
			continue
		}
		d.Messages++
		if at := time.UnixMilli(m.NextAt); !at.After(now) && (d.Oldest.IsZero() || at.Before(d.Oldest)) {
			d.Oldest = at
		}
	}
	return d, nil
}

// Runs gives runs of a tenant's plugins.
func (v memoryView) Runs(_ context.Context, q *store.RunQuery) (out []store.Run, err error) {
	for id, x := range v.of().runs {
		if x.Tenant != q.Tenant || q.Plugin != "" && x.Plugin != q.Plugin || q.ID != 0 && id != q.ID || q.Before != 0 && id >= q.Before || id <= q.After {
			continue
		}
		if !q.Bodies {
			x.Body = nil
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b store.Run) int { return cmp.Compare(a.ID, b.ID) })
	if q.Before != 0 {
		slices.Reverse(out)
	}
	return out[:min(len(out), q.Limit)], nil
}

// Last is the newest batch of the trail.
func (v memoryView) Last(context.Context) (b store.Batch, err error) {
	for n, x := range v.of().Batches {
		if n > b.N {
			b = x
		}
	}
	b.Entries = nil
	return b, nil
}

// Walk calls f with each batch above a number.
func (v memoryView) Walk(ctx context.Context, after int64, f func(*store.Batch) error) error {
	batches := v.of().Batches
	for _, n := range slices.Sorted(maps.Keys(batches)) {
		if n <= after {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		b := batches[n]
		switch err := f(&b); {
		case err == store.ErrStop: //nolint:errorlint // as it is given
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// All calls f with each row of a table.
func (v memoryView) All(ctx context.Context, table store.Table, f func(row any) error) error {
	if err := v.m.step("all"); err != nil {
		return err
	}
	r := v.of()
	names := map[int64]string{}
	for _, t := range r.Tenants {
		names[t.No] = string(t.Name)
	}
	var rows []any
	switch table {
	case store.Confirmations:
		rows = pointers(r.Confirmations)
	case store.Messages:
		rows = pointers(r.Messages)
	case store.Claims:
		rows = pointers(r.Claims)
	case store.Contents:
		rows = pointers(r.Contents)
	case store.Attempts:
		for _, of := range r.Attempts {
			for _, x := range of {
				rows = append(rows, &x)
			}
		}
	case store.Suppressions:
		for _, x := range r.suppressions {
			rows = append(rows, &x)
		}
	case store.PluginVersions:
		for _, x := range r.versions {
			x.TenantName = names[x.Tenant]
			rows = append(rows, &x)
		}
	case store.PluginNumbers:
		for of, n := range r.numbers {
			rows = append(rows, &store.PluginNumber{Tenant: of.tenant, TenantName: names[of.tenant], Plugin: of.plugin, Number: n})
		}
	case store.PluginModules:
		rows = pointers(r.modules)
	}
	for _, row := range rows {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return nil
}

func pointers[K comparable, V any](m map[K]V) (out []any) {
	for _, v := range m {
		out = append(out, &v)
	}
	return out
}
