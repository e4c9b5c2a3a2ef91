package postgres

import (
	"maps"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// overlay is what a group knows of the rows that it has locked, as they are within it, and
// what of them is not written yet.
type overlay struct {
	confirmations map[waxwing.ID]*confirmation // nil: there is none
	keys          map[store.Hash]waxwing.ID    // 0: nobody has it
	messages      map[waxwing.ID]*message      // nil: there is none
	whole         map[waxwing.ID]bool          // all messages of these confirmations are known
	suppressed    map[store.Hash]bool
	instances     map[int64]*store.Instance // nil: there is none
	// claims are messages whose claims were changed.
	claims map[waxwing.ID]bool
	queued
}

type confirmation struct {
	store.Confirmation
	fresh, changed bool
}

type message struct {
	store.Message
	claim          *store.Claim // nil: nobody has it
	doubts         int
	fresh, changed bool
}

// queued are rows that are only added.
type queued struct {
	events       []store.Event
	contents     []store.Content
	annotations  []store.Annotation
	attempts     []store.Attempt
	lookups      []store.Lookup
	suppressions []store.Suppression
	lifted       []store.Hash // before suppressions
	// unwritten says that something of the overlay is not written.
	unwritten bool
}

func newOverlay() overlay {
	return overlay{confirmations: map[waxwing.ID]*confirmation{}, keys: map[store.Hash]waxwing.ID{}, messages: map[waxwing.ID]*message{},
		whole: map[waxwing.ID]bool{}, suppressed: map[store.Hash]bool{}, instances: map[int64]*store.Instance{}, claims: map[waxwing.ID]bool{}}
}

func (o *overlay) dirty() bool { return o.unwritten }

// unknown are those of keys that must be asked for.
func (o *overlay) unknown(k *store.Keys) (m store.Keys) {
	for _, id := range k.Confirmations {
		if _, known := o.confirmations[store.ConfirmationOf(id)]; !known {
			m.Confirmations = append(m.Confirmations, store.ConfirmationOf(id))
		}
	}
	for _, h := range k.Keys {
		if _, known := o.keys[h]; !known {
			m.Keys = append(m.Keys, h)
		}
	}
	for _, id := range k.Whole {
		if _, known := o.confirmations[id]; !known || !o.whole[id] {
			m.Whole = append(m.Whole, id)
		}
	}
	for _, id := range k.Messages {
		if _, known := o.messages[id]; !known && !o.whole[store.ConfirmationOf(id)] {
			m.Messages = append(m.Messages, id)
		}
	}
	for _, h := range k.People {
		if _, known := o.suppressed[h]; !known {
			m.People = append(m.People, h)
		}
	}
	for _, id := range k.Instances {
		if _, known := o.instances[id]; !known {
			m.Instances = append(m.Instances, id)
		}
	}
	return m
}

// learn takes what was asked for, and what came. What is known already is newer than that.
func (o *overlay) learn(asked *store.Keys, got *store.Set) {
	for id, c := range got.Confirmations {
		if o.confirmations[id] == nil {
			o.confirmations[id], o.keys[c.Key] = &confirmation{Confirmation: c}, id
		}
	}
	for _, id := range slices.Concat(asked.Confirmations, asked.Whole) {
		if _, there := o.confirmations[id]; !there {
			o.confirmations[id] = nil
		}
	}
	for _, h := range asked.Keys {
		if _, there := o.keys[h]; !there {
			o.keys[h] = 0
		}
	}
	for id, m := range got.Messages {
		if o.messages[id] != nil {
			continue
		}
		x := &message{Message: m, doubts: got.Doubts[id]}
		if k, held := got.Claims[id]; held {
			x.claim = &k
		}
		o.messages[id] = x
	}
	for _, id := range asked.Messages {
		if _, there := o.messages[id]; !there {
			o.messages[id] = nil
		}
	}
	for _, id := range asked.Whole {
		o.whole[id] = true
	}
	for _, h := range asked.People {
		if _, known := o.suppressed[h]; !known {
			o.suppressed[h] = got.Suppressed[h]
		}
	}
	for id, in := range got.Instances {
		o.instances[id] = &in
	}
	for _, id := range asked.Instances {
		if _, there := o.instances[id]; !there {
			o.instances[id] = nil
		}
	}
}

// give puts what keys name into a set.
func (o *overlay) give(s *store.Set, k *store.Keys) {
	conf := func(id waxwing.ID) {
		if c := o.confirmations[id]; c != nil {
			s.Confirmations[id], s.Keys[c.Key] = c.Confirmation, id
		}
	}
	for _, id := range k.Confirmations {
		conf(store.ConfirmationOf(id))
	}
	for _, h := range k.Keys {
		conf(o.keys[h])
	}
	for _, id := range k.Messages {
		o.giveMessage(s, id, k.Shown)
	}
	for _, id := range k.Whole {
		conf(id)
		for n := waxwing.ID(1); n < store.IDStep; n++ {
			o.giveMessage(s, id|n, k.Shown)
		}
	}
	for _, h := range k.People {
		if o.suppressed[h] {
			s.Suppressed[h] = true
		}
	}
	for _, id := range k.Instances {
		if in := o.instances[id]; in != nil {
			s.Instances[id] = *in
		}
	}
}

func (o *overlay) giveMessage(s *store.Set, id waxwing.ID, shown bool) {
	m := o.messages[id]
	if m == nil {
		return
	}
	s.Messages[id] = m.Message
	if m.claim != nil {
		s.Claims[id] = *m.claim
	}
	if m.doubts > 0 && !shown {
		s.Doubts[id] = m.doubts
	}
}

// put takes rows as they were changed.
func (o *overlay) put(c *store.Changes) {
	o.unwritten = o.unwritten || !c.Empty()
	for _, x := range c.Confirmations {
		old := o.confirmations[x.ID]
		o.confirmations[x.ID] = &confirmation{x, old == nil || old.fresh, true}
		o.keys[x.Key] = x.ID
		if old == nil {
			o.whole[x.ID] = true
		}
	}
	for _, x := range c.Messages {
		old := o.messages[x.ID]
		if old == nil {
			o.messages[x.ID] = &message{Message: x, fresh: true, changed: true}
			continue
		}
		old.Message, old.changed = x, true
	}
	for _, id := range c.Freed {
		if m := o.messages[id]; m != nil {
			m.claim = nil
		}
		o.claims[id] = true
	}
	for _, k := range c.Claims {
		if m := o.messages[k.Message]; m != nil {
			m.claim = &k
		}
		o.claims[k.Message] = true
	}
	o.events, o.contents = append(o.events, c.Events...), append(o.contents, c.Contents...)
	o.annotations, o.attempts = append(o.annotations, c.Annotations...), append(o.attempts, c.Attempts...)
	o.lookups = append(o.lookups, c.Lookups...)
	for _, h := range c.Lifted {
		o.suppressed[h] = false
		o.suppressions = slices.DeleteFunc(o.suppressions, func(x store.Suppression) bool { return x.Hash == h })
	}
	o.lifted, o.suppressions = append(o.lifted, c.Lifted...), append(o.suppressions, c.Suppressions...)
	for _, x := range c.Suppressions {
		o.suppressed[x.Hash] = true
	}
	for _, in := range c.Instances {
		o.instances[in.ID] = &in
	}
}

// forgetDoubts has messages be asked for anew once what is queued is written.
func (o *overlay) forgetDoubts(attempts []store.Attempt) {
	for i := range attempts {
		if attempts[i].Verdict == waxwing.UncertainVerdict {
			delete(o.messages, attempts[i].Message)
			delete(o.whole, store.ConfirmationOf(attempts[i].Message))
		}
	}
}

// take gives the rows that are new and those that were changed, in the order of their ids,
// and forgets that they are.
func (o *overlay) take() (confirmations, updated []*confirmation, messages, changed []*message) {
	for _, id := range slices.Sorted(maps.Keys(o.confirmations)) {
		c := o.confirmations[id]
		if c == nil || !c.changed {
			continue
		}
		if c.fresh {
			confirmations = append(confirmations, c)
		} else {
			updated = append(updated, c)
		}
		c.fresh, c.changed = false, false
	}
	for _, id := range slices.Sorted(maps.Keys(o.messages)) {
		m := o.messages[id]
		if m == nil || !m.changed {
			continue
		}
		if m.fresh {
			messages = append(messages, m)
		} else {
			changed = append(changed, m)
		}
		m.fresh, m.changed = false, false
	}
	return confirmations, updated, messages, changed
}
