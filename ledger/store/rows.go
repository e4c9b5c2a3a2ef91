// Package store holds the ledger's rows as plain structs: what any database that keeps a
// ledger loads and writes. It knows no state machine and no SQL.
//
// Times are milliseconds since 1970, 0 for none.
package store

import "github.com/waxwinghq/waxwing"

// IDStep is how many ids a confirmation has: its own, which ends in six bits of nought,
// and those of its messages and later events, which lie right behind it.
const IDStep = 64

// ConfirmationOf is the confirmation that an id of it, a message or an event belongs to.
func ConfirmationOf(id waxwing.ID) waxwing.ID { return id &^ (IDStep - 1) }

// Hash is a keyed hash by which rows are found: nobody without the tenant's key can tell
// whose it is.
type Hash [16]byte

// Confirmation is one order on its way to one customer.
type Confirmation struct {
	ID       waxwing.ID
	Tenant   int64        // its number
	Key      Hash         // of tenant, shop, order, kind, part and revision
	Kind     waxwing.Kind // empty: KindOrder
	Part     string       // whose of the order; empty: it is the whole order's
	Shop     waxwing.ShopID
	Format   string
	State    waxwing.State
	Reason   string
	Event    int64 // number of the event that counts
	Updated  int64 // that event's updated_at
	Rank     int64 // which of two events of one second counts
	Asked    bool  // a person has released it
	Due      int64 // when the sweeper looks at it
	Released int64 // by the gate
	Messages int64
	Events   int64
	DEK      []byte // wrapped data key; empty: it was erased
	Trail    string // the batches that hold its entries
}

// Erased says that its person was erased.
func (c *Confirmation) Erased() bool { return len(c.DEK) == 0 }

// Event is one event of an order, sealed.
type Event struct {
	ID            waxwing.ID
	Source, Topic string
	At, Updated   int64
	Body          []byte
}

// Message is a confirmation as one channel shows it. Claimed and Dot are never its State:
// they stand in its Claim.
type Message struct {
	ID        waxwing.ID
	Tenant    int64
	Channel   waxwing.Channel
	State     waxwing.State
	Reason    string
	Locale    string
	Resend    bool
	NextAt    int64 // 0: nothing to do
	Expires   int64
	Tries     int64 // that count against the retry schedule
	Faults    int64 // of providers, in a row
	DownSince int64
	Attempts  int64
	Released  int64
	Digest    []byte      // of the sealed content
	Act       waxwing.Act // who asked for it by hand, and why; empty: nobody did
	Revision  string      // of the tenant's template set; empty: it has but one
	Trail     string
}

// Content is a message's sealed bytes.
type Content struct {
	ID          waxwing.ID
	Body        []byte
	Ingredients []byte // sealed: what it was rendered from; empty: not kept
}

// Annotation is what became known of a message after it was sent. There is one of a kind.
type Annotation struct {
	Message  waxwing.ID
	Kind     waxwing.AnnotationKind
	At       int64
	Provider string
	Sealed   []byte // the evidence; empty: it was erased
	Class    string // of a bounce; empty: it is none, or an older program noted it
}

// Claim is a message that an instance holds.
type Claim struct {
	Message  waxwing.ID
	Instance int64
	Dot      bool // its commit point is behind it
	At       int64
	Expires  int64 // the message's
	Provider string
	Trail    string // batches, until they go to the message's
}

// Attempt is one try at one provider.
type Attempt struct {
	Message  waxwing.ID
	N        int64
	Provider string
	Verdict  waxwing.Verdict
	Fault    waxwing.Fault
	Phase    waxwing.Phase
	Code     int
	Enhanced string
	Began    int64
	Ended    int64
	Sealed   []byte // the reply and the provider's id
}

// Lookup is a keyed hash that a confirmation is found by.
type Lookup struct {
	Hash         Hash
	Confirmation waxwing.ID
}

// Suppression is an address that is not to be mailed.
type Suppression struct {
	Hash   Hash
	Tenant int64
	At     int64
	Cause  string
	Class  waxwing.SuppressionClass // empty: an older program's, SuppressedPerson
	Act    waxwing.Act
}

// Batch is the entries of the trail that one group commit wrote.
type Batch struct {
	N           int64
	Instance    int64 // whose chain they belong to
	First, Last int64 // numbers of entries
	Entries     []byte
	Head        []byte // the chain's, after the last of them
}

// Run is what a plugin did with an order.
type Run struct {
	ID           int64
	Tenant       int64
	Plugin       string
	Confirmation waxwing.ID
	Hook         waxwing.Hook
	Role         string
	Hash         string // of the module
	At           int64
	Fuel, Micros int64
	Fault        string // its kind only
	Body         []byte // sealed: input, output, log, fault, seed, at
}

// PluginVersion is one version of a tenant's plugin.
type PluginVersion struct {
	Tenant     int64
	TenantName string // empty: there is no such tenant
	Plugin     string
	No         int64
	Hash       string // of its module
	State      string
	Percent    int64
	Why        string
	Body       []byte // the version as JSON
}

// KeptVersion is what is kept of a plugin's version besides its body.
type KeptVersion struct {
	Tenant int64
	Plugin string
	No     int64
	Hash   string // of its module
	State  waxwing.PluginState
	Bytes  int64 // of its module, as it lies in the database; 0: it has none
}

// PluginNumber is the greatest number of a plugin's signatures.
type PluginNumber struct {
	Tenant     int64
	TenantName string // empty: there is no such tenant
	Plugin     string
	Number     int64
}

// PluginModule is a plugin's code, packed.
type PluginModule struct {
	Hash string
	Body []byte
}

// Tenant is one that the ledger has a key for.
type Tenant struct {
	No   int64 // given by the database
	Name waxwing.TenantID
	Key  []byte // sealed under the master key
}

// Dictionary is what contents are packed with.
type Dictionary struct {
	ID   uint32
	Body []byte
}

// Instance is a daemon that writes the ledger, or did.
type Instance struct {
	ID int64
	// Epoch is raised by whoever takes the instance for dead: it is known by that that what
	// it held is not its own any more.
	Epoch   int64
	Started int64
	// Stopped is when it ended, or was taken for dead; 0 while it runs, and where it was killed.
	Stopped int64
	// Lease is until when nobody may take it for dead; 0: it is alone, which the store makes
	// certain by itself.
	Lease int64
	// Sends says that it only sends: it takes nothing in, looks for nothing, and takes nothing over.
	Sends bool
}
