package store

// Share is what of the work that is due an instance looks for, where several write a ledger: what
// it took in itself, whose content it has at hand, and its part of what instances took in that
// are dead. The others look after theirs: all that look for the oldest would find the same, and
// each would do it for nothing but one. A store that only one instance writes need not heed it.
type Share struct {
	// Own is the instance, and Beside are the others that live.
	Own    int64
	Beside []int64
	// Part is which of Parts it takes of what no living instance took in, from 0.
	Part, Parts int64
	// Stale asks for its part of everybody's instead, that which came last first, since those
	// whose it is begin with what came first: they have more than they can do, or are stuck.
	Stale bool
}

// Where an id's parts begin, in bits: the instance that gave it, and what differs from one of its
// ids to the next (see NextID).
const (
	InstanceAt = idBits
	CountAt    = InstanceAt + instanceBits
)

// Bits are what an instance's number leaves in the ids that it gives: see NextID.
func Bits(instance int64) int64 { return instance & (Instances - 1) }
