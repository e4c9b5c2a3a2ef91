package waxwing

import (
	"log/slog"
	"time"
)

// Channel is a way to a customer.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
	Push  Channel = "push"
)

// Channels are all of them.
var Channels = []Channel{Email, SMS, Push}

// State is the state of a confirmation or a message (docs/design/flow.md, States).
type State string

// The states of a confirmation before its outcome is derived from its messages.
const (
	Received    State = "received"
	Held        State = "held"
	Quarantined State = "quarantined"
	Ready       State = "ready"
	Ignored     State = "ignored" // an event that makes no confirmation
)

// The states of a message; Sent, Failed, Suppressed and Cancelled are terminal
// and also a confirmation's outcomes.
const (
	Queued     State = "queued"
	Claimed    State = "claimed"
	Dot        State = "dot"
	Uncertain  State = "uncertain"
	Sent       State = "sent"
	Failed     State = "failed"
	Suppressed State = "suppressed"
	Cancelled  State = "cancelled"
)

// Terminal reports whether no automatic step follows.
func (s State) Terminal() bool {
	return s == Sent || s == Failed || s == Suppressed || s == Cancelled
}

// Verdict is what one attempt came to.
type Verdict string

// The verdicts.
const (
	Accepted         Verdict = "accepted"  // the provider took responsibility
	Deferred         Verdict = "deferred"  // not now: try again
	Rejected         Verdict = "rejected"  // never
	UncertainVerdict Verdict = "uncertain" // the commit point passed, the answer is lost
)

// Fault says on whose side it failed, which decides when and where to try again.
type Fault string

// The faults of a verdict that is not Accepted.
const (
	NoFault        Fault = ""
	RecipientFault Fault = "recipient" // the recipient's server said so: the tenant's retry schedule
	AddressFault   Fault = "address"   // the address does not exist (5.1.x)
	PolicyFault    Fault = "policy"    // 5.7.x: the next provider first, with an alert
	ProviderFault  Fault = "provider"  // connect, banner, TLS, AUTH, 421: leave it for the next one
	TransportFault Fault = "transport" // broken before the dot: another connection at once
	LedgerFault    Fault = "ledger"    // the commit was refused: nothing was offered
	OwnFault       Fault = "own"       // this machine ran out of descriptors, memory or ports: see ShortOfResources
)

// Phase is a step of handing a message over (SMTP's names; HTTP providers use
// PhaseConnect, PhaseRequest for everything after it, and PhaseConfig).
type Phase string

// The phases in their order.
const (
	PhaseConnect   Phase = "connect"
	PhaseBanner    Phase = "banner"
	PhaseEHLO      Phase = "ehlo"
	PhaseSTARTTLS  Phase = "starttls"
	PhaseHandshake Phase = "handshake"
	PhaseEHLO2     Phase = "ehlo2"
	PhaseAuth      Phase = "auth"
	PhaseMail      Phase = "mail"
	PhaseRcpt      Phase = "rcpt"
	PhaseData      Phase = "data"
	PhaseBody      Phase = "body"
	PhaseDot       Phase = "dot"
	PhaseReset     Phase = "reset"
	PhaseRequest   Phase = "request"
)

// Committed says that a message was past its commit point in this phase: what came before it
// offers nothing.
func (p Phase) Committed() bool { return p == PhaseDot || p == PhaseReset || p == PhaseRequest }

// Outgoing is one message as a provider is offered it. Offering it again gives
// the same bytes, Message-ID and idempotency key.
type Outgoing struct {
	Message ID
	Tenant  TenantID
	Channel Channel
	// From is the envelope sender, or the sender's number where the provider has
	// none of its own; To the one recipient.
	From, To string
	// Data is the whole e-mail with CRLF line ends (not dot-stuffed), or the
	// text of an SMS.
	Data []byte
	// IdempotencyKey is the same for each offer of this message.
	IdempotencyKey string
	// SMTPUTF8 and EightBit say what an SMTP server must offer (RFC 6531, 6152).
	SMTPUTF8, EightBit bool
	// Confirmation is the one that the message is of, where it is offered.
	Confirmation ID
	// Pipeline is the one that made the message; "": there was one, or an earlier program.
	Pipeline string
	// Patience is how long a slow provider is waited for before the commit
	// point, where another one is healthy; zero: as long as the standard allows.
	Patience time.Duration
	// Stay is asked each time Patience is over, or each second where there is none, while the
	// message waits for a connection: true goes on waiting for a provider that works and only
	// has none free. Several may ask at once. nil: where there is a Patience, it does not go on.
	Stay func() bool
}

// Reference is what a provider is asked to give back with what it tells of the message later: its
// tenant's tag, its id and the first 20 characters of its idempotency key, a keyed hash that nobody
// can make. It is the key alone where that is shorter, as in tests. It has 41 small letters and digits.
func (o *Outgoing) Reference() string {
	if len(o.IdempotencyKey) < ReferenceToken {
		return o.IdempotencyKey
	}
	return o.Tenant.Tag() + o.Message.String() + o.IdempotencyKey[:ReferenceToken]
}

// ReferenceToken is how many characters of the idempotency key a reference has: 100 bits.
const ReferenceToken = 20

// String hides the message.
func (o *Outgoing) String() string { return "message " + o.Message.String() }

// LogValue shows the id only.
func (o *Outgoing) LogValue() slog.Value { return slog.StringValue(o.String()) }

// Caught is a message that was caught instead of sent.
type Caught struct {
	Message, Confirmation ID
	Channel               Channel
	At                    time.Time
}

// Attempt is what became of offering a message to one provider once.
type Attempt struct {
	Provider string
	Verdict  Verdict
	Fault    Fault
	Phase    Phase
	Code     int    // SMTP basic code or HTTP status; 0: none
	Enhanced string // "5.1.1" (RFC 3463), "" none
	Reply    PII    // first 512 bytes of the answer, for support staff
	// Ref is the provider's own id for the message, "" none.
	Ref string
	// Bad says that the provider itself is unwell and should rest (421, refused
	// connections), whatever becomes of the message.
	Bad bool
	// Apart says that a server of this recipient's own answered, or did not: it says nothing of how
	// the provider does with others.
	Apart bool
	// Busy says that nothing was offered since all of the provider's connections
	// were in use for as long as Patience: it works, and others may be faster.
	Busy bool
	// RetryAfter is what the provider asked for; zero: nothing.
	RetryAfter time.Duration
	Began      time.Time
	Ended      time.Time
	// Err is the fault in words for logs; it holds no personal data.
	Err error
}
