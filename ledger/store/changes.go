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
	// Lifted are addresses that may be mailed again. They are lifted before Suppressions are written.
	Lifted []Hash
	// Plugins are rows of plugins and of their runs; nil: there are none.
	Plugins *PluginChanges
	// Tenants are new; those whose name is known stay as they are.
	Tenants []Tenant
	// Dictionaries are new.
	Dictionaries []Dictionary
	// Expired is content whose time is over; nil: none is.
	Expired *Expired
	// Instances have begun, go on, or have ended.
	Instances []Instance
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
		len(c.Lookups)+len(c.Suppressions)+len(c.Lifted)+len(c.Destroyed)+len(c.Entries)+len(c.Tenants)+len(c.Dictionaries)+len(c.Instances) == 0 &&
		c.Batch == nil && c.Plugins == nil && c.Expired == nil
}

// PluginChanges are rows of plugins and of their runs.
type PluginChanges struct {
	// Module is a plugin's code, packed. It is written where it is there, too: how long that
	// takes must not tell a tenant that another has the same. Nil: none is new.
	Module *PluginModule
	// Versions are new, or stand in place of those of their tenant, plugin and number.
	Versions []PluginVersion
	// Dropped are versions that go, by tenant, plugin, number and hash. A module goes with
	// the last version that has it, whosever that is; refused ones have none.
	Dropped []KeptVersion
	// Numbers are kept where they are greater than what is there.
	Numbers []PluginNumber
	// Runs are new, and Gone are the ids of those that go.
	Runs []Run
	Gone []int64
}

// Expired is content whose time is over.
type Expired struct {
	Contents, Events []waxwing.ID
	// More says that further ones are to go right after them: what makes their traces
	// vanish from the files is worth its while with the last.
	More bool
}
