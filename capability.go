package waxwing

import (
	"errors"
	"time"
)

// Capabilities are what a type of provider's documents promise, and what Waxwing does with it
// (docs/delivery.md has them as a table).
type Capabilities struct {
	// KeyLife is for how long the provider takes a message once only by its idempotency key; 0: it
	// does not promise to.
	KeyLife time.Duration
	// Asked is by what it is asked what became of a message, in words; "": it is not.
	Asked string
	// Settles is how long after an attempt it usually knows of it. Until then "there is none" means
	// nothing (ErrEarly); later it is no proof either, but the policy decides.
	Settles time.Duration
	// Most is the largest message that is offered, in bytes; 0: no bound of its own.
	Most int
	// Batch is how many messages go in one request. It is 1: one refused recipient would leave the
	// others in doubt.
	Batch int
}

// Doubt is a message whose answer was lost, and which its provider is asked about. Whoever has it
// has it alone for a while (AskFor).
type Doubt struct {
	Question
	Confirmation ID
	Channel      Channel
	// Pipeline made the message: see Outgoing.
	Pipeline string
	// Provider is the one whose answer was lost last.
	Provider string
	// Lost is how often an answer to it was lost.
	Lost int
	// Expires is when its time to live is over.
	Expires time.Time
	// Attempts and Until are how its row was left: what was done to it since shows by them.
	Attempts int64
	Until    time.Time
	// Blind says that its content cannot be read any more, so that nobody can be asked.
	Blind bool
}

// AskFor bounds how long one question takes.
const AskFor = 10 * time.Second

// Question is what a provider is asked about a message with.
type Question struct {
	Message ID
	Tenant  TenantID
	// To is the recipient, Reference and IdempotencyKey what the offer had: see Outgoing.
	To, Reference, IdempotencyKey string
	// Began is when the first attempt at this provider began whose answer was lost, and Ended when
	// the last one ended.
	Began, Ended time.Time
}

// Why a provider does not say whether it took a message.
var (
	// ErrNotAsked: there is no way to ask it.
	ErrNotAsked = errors.New("this provider is not asked")
	// ErrMayNotAsk: it could be asked, and our key is not allowed to.
	ErrMayNotAsk = errors.New("the key may not ask")
	// ErrEarly: it knows of none, and would not yet if it had taken it.
	ErrEarly = errors.New("too early to tell")
)

// Evidence is what a provider knows of a message that it took.
type Evidence struct {
	// Ref is its own id for the message or for what it tells of it, without personal data.
	Ref string
	// Words say what it is, such as "event delivered": they stand in the trail.
	Words string
}

// What a provider said of a message.
const (
	SaidTaken   = "taken"
	SaidAbsent  = "absent"  // it knows of none
	SaidUnknown = "unknown" // it could not be asked, or does not answer
)

// Reply is what asking came to.
type Reply struct {
	// Said is one of the three; "": nobody can be asked.
	Said     string
	Evidence Evidence // of SaidTaken
	// Again is when to ask once more; zero: the policy decides now.
	Again time.Time
}
