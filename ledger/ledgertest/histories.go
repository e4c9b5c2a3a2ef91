package ledgertest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine/machinetest"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Histories plays n random histories of the machine into a database and into memory, in the
// same groups, and holds each row of the two against each other: a store keeps what the
// machine says, byte by byte, and gives it to whoever asks within a group and behind it.
// The database has a tenant of number 1, and none of the ids from first on.
func Histories(t *testing.T, s store.Store, first waxwing.ID, n int) {
	t.Helper()
	for seed := range uint64(n) {
		h := history{first: first + waxwing.ID(seed)<<14}
		if wrong := machinetest.Play(seed, machinetest.Options{First: h.first, Commit: h.take}); len(wrong) > 0 {
			t.Fatalf("history %d: %v", seed, wrong)
		}
		if err := h.replay(t.Context(), seed, s, NewMemory()); err != nil {
			t.Fatalf("history %d: %v", seed, err)
		}
	}
}

// history is what the commands of one came to.
type history struct {
	first   waxwing.ID
	changes []*store.Changes
	all     store.Keys // what the changes so far wrote
}

func (h *history) take(c *store.Changes) {
	h.changes = append(h.changes, &store.Changes{ // the machine uses its slices again; entries are the caller's to write, with a batch
		Confirmations: slices.Clone(c.Confirmations), Messages: slices.Clone(c.Messages), Claims: slices.Clone(c.Claims), Freed: slices.Clone(c.Freed),
		Events: slices.Clone(c.Events), Contents: slices.Clone(c.Contents), Annotations: slices.Clone(c.Annotations), Attempts: slices.Clone(c.Attempts),
		Lookups: slices.Clone(c.Lookups), Suppressions: slices.Clone(c.Suppressions), Lifted: slices.Clone(c.Lifted), Destroyed: slices.Clone(c.Destroyed)})
}

// replay writes the changes to both stores in groups, and compares.
func (h *history) replay(ctx context.Context, seed uint64, s, memory store.Store) error {
	rng := rand.New(rand.NewPCG(seed, 2))
	for from := 0; from < len(h.changes); {
		to := min(from+1+rng.IntN(64), len(h.changes))
		group := h.changes[from:to]
		in, err := h.write(ctx, s, group)
		if err != nil {
			return err
		}
		want, err := h.write(ctx, memory, group)
		if err != nil {
			return fmt.Errorf("memory: %w", err)
		}
		for i := range want {
			if in[i] != want[i] {
				return fmt.Errorf("change %d, %+v, is decided by\n%s\nand in memory by\n%s", from+i, *group[i], in[i], want[i])
			}
		}
		for _, c := range group {
			h.all.Add(keysOf(c))
			addContents(&h.all, c)
		}
		from = to
		if from < len(h.changes) && rng.IntN(4) > 0 {
			continue
		}
		got, err := read(ctx, s, &h.all)
		if err != nil {
			return err
		}
		kept, err := read(ctx, memory, &h.all)
		if err != nil {
			return fmt.Errorf("memory: %w", err)
		}
		if got != kept {
			return fmt.Errorf("after change %d there is\n%s\nand in memory\n%s", to, got, kept)
		}
	}
	return nil
}

// write applies changes in one group, and gives the rows that each found.
func (h *history) write(ctx context.Context, s store.Store, changes []*store.Changes) (found []string, err error) {
	err = s.Group(ctx, func(ctx context.Context, tx store.Tx) error {
		found = found[:0] // it may be run again
		for _, c := range changes {
			set, err := tx.Load(ctx, keysOf(c))
			if err != nil {
				return err
			}
			found = append(found, shown(set))
			if lost, err := tx.Apply(ctx, c); err != nil || len(lost) > 0 {
				return fmt.Errorf("lost %v: %w", lost, err)
			}
		}
		return nil
	})
	return found, err
}

// keysOf are the rows that a command loads to come to its changes: those of its orders.
func keysOf(c *store.Changes) *store.Keys {
	k := &store.Keys{}
	whole := func(id waxwing.ID) {
		if id = store.ConfirmationOf(id); !slices.Contains(k.Whole, id) {
			k.Whole = append(k.Whole, id)
		}
	}
	for i := range c.Confirmations {
		whole(c.Confirmations[i].ID)
		k.Keys = append(k.Keys, c.Confirmations[i].Key)
	}
	for i := range c.Messages {
		whole(c.Messages[i].ID)
		k.Messages = append(k.Messages, c.Messages[i].ID)
	}
	for i := range c.Claims {
		whole(c.Claims[i].Message)
	}
	for _, id := range c.Freed {
		whole(id)
	}
	for _, id := range c.Destroyed {
		whole(id)
	}
	k.People = append(k.People, c.Lifted...)
	for i := range c.Suppressions {
		k.People = append(k.People, c.Suppressions[i].Hash)
	}
	return k
}

// addContents adds what the changes wrote besides the orders' rows.
func addContents(k *store.Keys, c *store.Changes) {
	for i := range c.Events {
		k.Events = append(k.Events, c.Events[i].ID)
	}
	for i := range c.Messages {
		if id := c.Messages[i].ID; !slices.Contains(k.Contents, id) {
			k.Contents, k.Attempts, k.Annotations = append(k.Contents, id), append(k.Attempts, id), append(k.Annotations, id)
		}
	}
}

// read gives the rows that keys name as they are when no group is under way.
func read(ctx context.Context, s store.Store, k *store.Keys) (out string, err error) {
	err = s.View(ctx, store.AnyTenant, func(r store.Rows) error {
		set, err := r.Load(ctx, k)
		if err == nil {
			out = shown(set)
		}
		return err
	})
	return out, err
}

// shown is a set as text, which is the same where all its rows are.
func shown(s *store.Set) string {
	maps.DeleteFunc(s.Attempts, func(_ waxwing.ID, of []store.Attempt) bool { return len(of) == 0 })
	maps.DeleteFunc(s.Annotations, func(_ waxwing.ID, of []store.Annotation) bool { return len(of) == 0 })
	return fmt.Sprintf("confirmations %+v\nkeys %v\nmessages %+v\nclaims %+v\ndoubts %v\nsuppressed %v\nevents %+v\ncontents %+v\nattempts %+v\nannotations %+v",
		s.Confirmations, s.Keys, s.Messages, s.Claims, s.Doubts, s.Suppressed, s.Events, s.Contents, s.Attempts, s.Annotations)
}
