package waxwing

import "time"

// RefusedKey begins an event that stands for one which could not be kept as it is, empty or too large: an object of this one key,
// which says why. It is quarantined, whatever its shop's format.
const RefusedKey = "waxwing_refused"

// SourceFetch is the source of what a shop has answered about an order that an event only named.
const SourceFetch = "fetch"

// SourcePing is the source of test deliveries that nobody signed.
const SourcePing = "ping"

// Event is what a source captured: raw bytes, source, tenant and time.
type Event struct {
	Tenant TenantID
	Shop   ShopID
	Source string // "webhook", "api", SourcePing, ...
	Format string
	Topic  string
	Raw    []byte
	At     time.Time
	Key    EventKey
	// Poison, where not empty, says why no key could be read from the event:
	// it is quarantined with this reason.
	Poison string
	// Stale says that the event is older than the tenant's max_age: it is held
	// until someone asks for its mail. Old says that the order was completed
	// longer ago than that, which counts for an order that is not known yet: an
	// edit of last year's order is no news, a late payment of a held one is.
	Stale, Old bool
	// Answers is, of SourceFetch, the version of the bare event (see Work) that was asked about: it
	// counts while that is the one that counts.
	Answers int64
	// Lookup is what it is found by where it leads to no work yet: nobody will read
	// its order for that.
	Lookup Lookup
}

// Receipt is what accepting an event came to. It is given only after the
// record is on disk.
type Receipt struct {
	ID    ID
	State State
	New   bool // this event made the confirmation
	// Work says that normalise..render should run now.
	Work bool
}

// Work is a confirmation that is due to be normalised, rendered or judged at
// the gate.
type Work struct {
	ID      ID
	Tenant  TenantID
	Shop    ShopID
	Format  string
	Topic   string
	Raw     []byte
	State   State
	Version int64 // of the event that Raw is; compare-and-set on commit
	Created time.Time
	// Asked says that a person asked for the mail: age no longer counts.
	Asked bool
	// Next is the number that the next message of this confirmation gets, and
	// Token its unguessable name, the same at each try: the Message-ID's left side.
	Next  int
	Token string
	// Runs are what plugins did with it; the ledger keeps them with whatever
	// becomes of the work.
	Runs []Run
}

// Draft is a message about to be recorded: rendered, with its address.
type Draft struct {
	Channel Channel
	// State is Queued, or Failed where there is nothing to offer (no address).
	State  State
	Reason string
	// From and To are the envelope; Data the exact bytes.
	From, To           string
	Data               []byte
	SMTPUTF8, EightBit bool
	MessageID          string
	Locale             string
	// Dictionary names what the bytes compress well with ("" none), and Extents are the
	// stretches of Data that are passages of it, in order and apart from one another. They
	// only save room and time: what is none is kept like any other bytes.
	Dictionary string
	Extents    []Extent
	// Pipeline is the one that made the message and sends it, where there are several; else "".
	Pipeline string
	// Resend marks a message that a person asked for; Act says who, and why.
	Resend bool
	Act    Act
	// NotBefore is the earliest moment at which a Queued one is offered; zero: now.
	NotBefore time.Time
	// Notes are kept in the trail: what enrich left out, a template's fallback.
	Notes []string
	// Sealed is the content as the ledger keeps it, once it does.
	Sealed []byte
}

// Extent is a stretch of bytes that is a passage: a text that many mails have in common,
// known by its number. Its length is the passage's.
type Extent struct {
	At      int // where it begins, in bytes
	Passage int
}

// Resend is what a person asks of a resend.
type Resend struct {
	To     string // a corrected address; "" the same one
	Render bool   // render anew, rather than send what was sent once more
	Act    Act
}

// Lookup is what a confirmation can be found by.
type Lookup struct {
	Order  []string // the order's id and number
	People []string // e-mail addresses and phone numbers
	// Whole says that People are all whom the event names: its format could read it.
	Whole bool
}

// Claim is a message that this instance has taken to offer.
type Claim struct {
	Out          Outgoing
	Confirmation ID
	Shop         ShopID
	Tries        int       // earlier attempts that count against the retry schedule
	Faults       int       // provider or transport faults in a row
	DownSince    time.Time // since when every provider has failed; zero: not
	Accepted     time.Time // when the event was accepted
	Released     time.Time // by the gate: the time to live runs from here
	Expires      time.Time
	Attempt      int // number of the coming attempt, from 1
	// Epoch is the instance's when it took the message. Once others have taken the instance for
	// dead, and the message from it, it has another, and this claim is worth nothing.
	Epoch int64
	// Doubts is how many earlier attempts were uncertain: it may have arrived as often.
	Doubts int
	// Resend says that a person asked for it, long after the event perhaps.
	Resend bool
	// Hurry says that a connection which others wait for waits for the commit: it should not
	// wait for company.
	Hurry bool
	// Digest is that of the sealed content, where it came by a queue: the commit point holds it
	// to the ledger's once more. Empty: the ledger gave the content.
	Digest []byte
}

// Resolution is what an attempt came to and what follows.
type Resolution struct {
	Attempt Attempt
	// To is Sent, Queued, Failed, Uncertain or Cancelled.
	To     State
	Reason string
	NextAt time.Time // for Queued and Uncertain; zero with Uncertain: wait for a person
	// Counts says that the attempt counts against the retry schedule.
	Counts bool
	// DownSince is recorded as Claim.DownSince.
	DownSince time.Time
	// Fallback messages are queued in the same transaction.
	Fallback []Draft
	Lookup   Lookup
}

// ConfirmationView is a confirmation as support staff see it.
type ConfirmationView struct {
	ID     ID     `json:"id"`
	Shop   ShopID `json:"shop"`
	Format string `json:"format"`
	State  State  `json:"state"` // received, held, quarantined, ready's outcome: see Outcome
	// Reason is the confirmation's own, or else its newest message's.
	Reason   string    `json:"reason,omitempty"`
	Created  time.Time `json:"created_at"`
	Released time.Time `json:"released_at,omitzero"`
	Erased   bool      `json:"erased,omitempty"`
	ErasedAt time.Time `json:"erased_at,omitzero"`
	// Number is the order's as the customer knows it, To the newest message's
	// recipient and Locale its language. A list has them only where Query.Brief
	// asks for them.
	Number string `json:"order_number,omitempty"`
	To     string `json:"to,omitempty"`
	Locale string `json:"locale,omitempty"`
	// Tried is how many attempts its messages had together.
	Tried    int           `json:"tried"`
	Order    *Order        `json:"order,omitempty"`
	Messages []MessageView `json:"messages"`
	Trail    []TrailEntry  `json:"trail,omitempty"`
}

// MessageView is a message as support staff see it.
type MessageView struct {
	ID        ID        `json:"id"`
	N         int       `json:"n"`
	Channel   Channel   `json:"channel"`
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	To        string    `json:"to,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	Locale    string    `json:"locale,omitempty"`
	Resend    bool      `json:"resend,omitempty"`
	NextAt    time.Time `json:"next_at,omitzero"`
	Expires   time.Time `json:"expires_at,omitzero"`
	// Tried is how many attempts it had; a list says no more of them.
	Tried    int           `json:"tried"`
	Attempts []AttemptView `json:"attempts,omitempty"`
}

// AttemptView is one attempt as support staff see it.
type AttemptView struct {
	N        int       `json:"n"`
	Provider string    `json:"provider"`
	Verdict  Verdict   `json:"verdict"`
	Fault    Fault     `json:"fault,omitempty"`
	Phase    Phase     `json:"phase"`
	Code     int       `json:"code,omitempty"`
	Enhanced string    `json:"enhanced,omitempty"`
	Reply    string    `json:"reply,omitempty"`
	Ref      string    `json:"ref,omitempty"`
	Began    time.Time `json:"began_at,omitzero"`
	Ended    time.Time `json:"ended_at,omitzero"`
}

// TrailEntry is one line of the audit trail. It holds no personal data.
type TrailEntry struct {
	Seq          uint64            `json:"seq"`
	At           time.Time         `json:"at"`
	Confirmation ID                `json:"confirmation,omitzero"`
	Message      ID                `json:"message,omitzero"`
	From         State             `json:"from,omitempty"`
	To           State             `json:"to,omitempty"`
	Cause        string            `json:"cause"`
	Detail       map[string]string `json:"detail,omitempty"`
}

// Query selects confirmations of one tenant, newest first.
type Query struct {
	Tenant TenantID
	Order  string // the order's number or id
	Email  string
	State  State
	Shop   ShopID
	// Since and Until bound when it was accepted: not before Since, and before Until. Zero: no bound.
	Since, Until time.Time
	Before       ID // page on: ids below this one
	Limit        int
	// Brief adds number, recipient, language and date of erasure, which lie sealed
	// in the contents and cost an opening each.
	Brief bool
}

// Member is one of the instances that share a ledger, as it is shown.
type Member struct {
	ID int64 // its number
	// Ledger is the name of the ledger it belongs to; "" is the one of the section ledger.
	Ledger string
	// Self says that it is the one that tells.
	Self bool
	// Age is how long ago it began, Silent how long ago it last prolonged its lease, and Lease
	// for how long nobody may take it for dead; below 0: anybody may.
	Age, Silent, Lease time.Duration
	// Claims is how many messages it holds, and Dots how many of them are past their commit point.
	Claims, Dots int64
}
