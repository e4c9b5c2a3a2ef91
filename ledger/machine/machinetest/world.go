// Package machinetest plays random histories of the ledger's state machine: two instances
// that work on one ledger, with crashes, takeovers, late verdicts, suppressions and erasures,
// held against what a provider took. The machine is tested by them, and each database by
// keeping what they came to.
package machinetest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// World is a ledger in memory, two instances that work on it, and what a provider took:
// the truth that the ledger is held against.
type World struct {
	rng   *rand.Rand
	s     *machine.Set
	next  waxwing.ID
	lives [2]int64 // the instances that live, by number
	last  int64    // the newest instance
	// epochs are the instances' rows', by number, and heard as far as each has heard of its own.
	epochs, heard map[int64]int64
	// state is each thing's by the trail; marks are entries that say that a copy may follow.
	state map[waxwing.ID]waxwing.State
	marks map[waxwing.ID]int
	taken map[waxwing.ID]int // mails that the provider took
	// content and sealed are what is kept of a person.
	content map[waxwing.ID]bool
	sealed  map[waxwing.ID]int
	person  map[waxwing.ID]store.Hash // whom a message goes to
	// claims and works are what instances hold in memory, and may be of yesterday.
	claims []held
	works  []machine.Seen
	asked  []machine.Answer          // questions that were not answered yet
	keys   map[store.Hash]waxwing.ID // of each order, the confirmation that it made first
	o      Options
	salt   [8]byte // of the history's hashes
	wrong  []string
}

// held is a claim as its instance remembers it.
type held struct {
	instance int64
	epoch    int64 // in which it was taken
	id       waxwing.ID
	number   int
	dot      bool
	written  bool // the dot went out: the provider may have it
}

func newWorld(seed uint64, o Options) *World {
	w := &World{rng: rand.New(rand.NewPCG(seed, 1)), next: o.First + store.IDStep, o: o, state: map[waxwing.ID]waxwing.State{}, marks: map[waxwing.ID]int{},
		taken: map[waxwing.ID]int{}, content: map[waxwing.ID]bool{}, sealed: map[waxwing.ID]int{}, person: map[waxwing.ID]store.Hash{},
		keys: map[store.Hash]waxwing.ID{}}
	policy := []string{waxwing.ResendDoubt, waxwing.ResendDoubt, waxwing.HoldDoubt, waxwing.AssumeDoubt}[w.rng.IntN(4)]
	w.s = machine.NewSet(time.UnixMilli(1_800_000_000_000), 1, waxwing.DoubtRule{Policy: policy, After: time.Minute, Copies: 1 + w.rng.IntN(3), Ask: w.rng.IntN(2) == 0})
	binary.BigEndian.PutUint64(w.salt[:], seed)
	w.lives, w.last, w.epochs = [2]int64{1, 2}, 2, map[int64]int64{}
	w.heard = map[int64]int64{}
	return w
}

// as has an instance act, which hears that it was taken for dead, or may not have heard it yet.
func (w *World) as(instance int64, hears bool) {
	if hears {
		w.heard[instance] = w.epochs[instance]
	}
	w.s.Instance, w.s.Epoch = instance, w.heard[instance]+1
	w.s.Instances[instance] = store.Instance{ID: instance, Epoch: w.epochs[instance] + 1}
}

func (w *World) fail(format string, args ...any) {
	if len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// commit takes what a command came to, and holds its entries against the states so far.
func (w *World) commit(c machine.Changes) {
	if w.o.Sabotage != nil {
		w.o.Sabotage(w, &c)
	}
	c.Place(w.s, "1,")
	for _, e := range c.Entries {
		id := e.Confirmation
		if e.Message != 0 {
			id = e.Message
		}
		if e.Cause == machine.CausePossible {
			w.marks[id]++
		}
		if e.To == "" {
			continue
		}
		if w.state[id] != e.From {
			w.fail("%s goes from %q to %q, and it was %q (%s)", id, e.From, e.To, w.state[id], e.Cause)
		}
		if !machine.Allowed(e.From, e.To) {
			w.fail("%s may not go from %q to %q (%s)", id, e.From, e.To, e.Cause)
		}
		w.state[id] = e.To
	}
	for _, x := range c.Contents {
		w.content[x.ID] = true
	}
	for _, x := range c.Events {
		w.content[store.ConfirmationOf(x.ID)] = true
	}
	for _, a := range c.Attempts {
		w.s.Attempts[a.Message] = append(w.s.Attempts[a.Message], a)
		if len(a.Sealed) > 0 {
			w.sealed[a.Message]++
		}
	}
	for _, a := range c.Annotations {
		if len(a.Sealed) > 0 {
			w.sealed[a.Message]++
		}
	}
	for _, id := range c.Destroyed {
		for i := range waxwing.ID(store.IDStep) {
			delete(w.content, id|i)
			delete(w.sealed, id|i)
		}
	}
	for _, r := range c.Confirmations {
		if old, known := w.keys[r.Key]; known && old != r.ID {
			w.fail("order %x has two confirmations", r.Key[:2])
		}
		w.keys[r.Key] = r.ID
	}
	if w.o.Commit != nil {
		w.o.Commit(&c.Changes)
	}
	w.s.Take(&c)
}

func pick[T any](w *World, all []T) (x T, ok bool) {
	if len(all) == 0 {
		return x, false
	}
	return all[w.rng.IntN(len(all))], true
}

func (w *World) order() store.Hash  { return w.hash(1, byte(w.rng.IntN(3))) }
func (w *World) people() store.Hash { return w.hash(2, byte(w.rng.IntN(3))) }

// hash is one of this history alone.
func (w *World) hash(kind, n byte) (h store.Hash) {
	h[0], h[1] = kind, n
	copy(h[8:], w.salt[:])
	return h
}

func (w *World) ids() []waxwing.ID {
	var out []waxwing.ID
	for id := range w.s.Confirmations {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func (w *World) messages() []waxwing.ID {
	var out []waxwing.ID
	for id := range w.s.Messages {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func (w *World) look(id waxwing.ID) machine.Seen {
	r := w.s.Confirmations[id]
	return machine.Seen{ID: id, State: r.State, Event: r.Event, Next: int(r.Messages) + 1}
}
