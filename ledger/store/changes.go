package store

import (
	"time"

	"github.com/waxwinghq/waxwing"
)

// Entry is one line of the trail before it has its place.
type Entry struct {
	At           time.Time
	Confirmation waxwing.ID
	Message      waxwing.ID
	From, To     waxwing.State
	Cause        string
	Detail       [][2]string // names and values, without personal data
}

// Changes is what a command of the machine came to: rows as they are to stand, whole, and new ones.
type Changes struct {
	// Confirmations and Messages are new, or stand in the Set that was loaded for them.
	Confirmations []Confirmation
	Messages      []Message
	// Claims are taken, or were changed; Freed are given up.
	Claims       []Claim
	Freed        []waxwing.ID
	Events       []Event
	Contents     []Content
	Annotations  []Annotation
	Attempts     []Attempt
	Lookups      []Lookup
	Suppressions []Suppression
	// Destroyed are confirmations whose events, contents, replies, lookups and plugin
	// runs go with their key.
	Destroyed []waxwing.ID
	Entries   []Entry
	// Batch is what a group's entries were written as, once a group; nil: there is none yet.
	Batch *Batch
}

// Empty says that there is nothing to write.
func (c *Changes) Empty() bool {
	return len(c.Confirmations)+len(c.Messages)+len(c.Claims)+len(c.Freed)+len(c.Events)+len(c.Contents)+len(c.Annotations)+len(c.Attempts)+
		len(c.Lookups)+len(c.Suppressions)+len(c.Destroyed)+len(c.Entries) == 0 && c.Batch == nil
}
