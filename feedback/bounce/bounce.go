// Package bounce reads mails that came back: delivery reports (RFC 3464), what servers write
// instead of them, complaints (RFC 5965) and automatic replies (RFC 3834). It is pure: bytes
// in, a Report out, within bounds of time and memory whatever the bytes are.
package bounce

import "strings"

// Kind is what a mail that came back is.
type Kind string

// The kinds of mails.
const (
	None      Kind = ""           // nothing that this package knows: a person's mail, a newsletter, an order
	Bounced   Kind = "bounce"     // it was not delivered, and nobody tries again
	Delayed   Kind = "delayed"    // it was not delivered yet: somebody still tries
	Complaint Kind = "complaint"  // the recipient called it spam or unsubscribed by her program
	AutoReply Kind = "auto-reply" // a program answered: an absence, a ticket, a receipt of reading
	Delivered Kind = "delivered"  // it reached a mailbox
	Relayed   Kind = "relayed"    // it went on to a server that tells nothing more
	Expanded  Kind = "expanded"   // it went on to the members of a list
)

// Class is what a bounce means for the address, and so what is done about it.
type Class string

// The classes of bounces.
const (
	Hard    Class = "hard"    // nobody is there: never again
	Full    Class = "full"    // somebody is there and has no room: later
	Soft    Class = "soft"    // something did not work: later
	Policy  Class = "policy"  // somebody did not want it from us: the sender's matter, not the address's
	Content Class = "content" // somebody did not want this one mail: too large, a virus, malformed
)

// Reason is the finer word for why a mail came back.
type Reason string

// The reasons, by class.
const (
	UserUnknown Reason = "user-unknown" // hard
	HostUnknown Reason = "host-unknown"
	NoMail      Reason = "no-mail" // the domain takes none (RFC 7505)
	Moved       Reason = "moved"

	MailboxFull Reason = "mailbox-full" // full

	Suspended  Reason = "suspended" // soft; the mailbox is there and closed
	Expired    Reason = "expired"
	Network    Reason = "network"
	System     Reason = "system"
	SystemFull Reason = "system-full"
	Mailer     Reason = "mailer"
	Syntax     Reason = "syntax"
	Greylisted Reason = "greylisted"
	Unknown    Reason = "unknown"

	Blocked     Reason = "blocked" // policy; our server's address
	Rejected    Reason = "rejected"
	Filtered    Reason = "filtered" // the recipient's own filter
	Spam        Reason = "spam"
	AuthFailure Reason = "auth-failure" // SPF, DKIM, DMARC
	NoPTR       Reason = "no-ptr"
	RateLimited Reason = "rate-limited"
	NoRelay     Reason = "no-relay"
	Security    Reason = "security"
	Violation   Reason = "policy"

	Virus        Reason = "virus" // content
	TooLarge     Reason = "too-large"
	BadContent   Reason = "content"
	NotCompliant Reason = "not-compliant"
)

// classes says which class each reason is of.
var classes = map[Reason]Class{
	UserUnknown: Hard, HostUnknown: Hard, NoMail: Hard, Moved: Hard,
	MailboxFull: Full,
	Suspended:   Soft, Expired: Soft, Network: Soft, System: Soft, SystemFull: Soft, Mailer: Soft, Syntax: Soft, Greylisted: Soft, Unknown: Soft,
	Blocked: Policy, Rejected: Policy, Filtered: Policy, Spam: Policy, AuthFailure: Policy, NoPTR: Policy, RateLimited: Policy,
	NoRelay: Policy, Security: Policy, Violation: Policy,
	Virus: Content, TooLarge: Content, BadContent: Content, NotCompliant: Content,
}

// ClassOf is a reason's class; Soft where there is no such reason.
func ClassOf(r Reason) Class {
	if c, ok := classes[r]; ok {
		return c
	}
	return Soft
}

// Recipient is what a report says of one address.
type Recipient struct {
	Address    string // as the report has it, without brackets; "" where it has none
	Kind       Kind   // its own: one mail may tell of one that failed and one that waits
	Class      Class  // of Bounced and Delayed
	Reason     Reason // likewise; of a Complaint it is its type: abuse, opt-out, ...
	Status     string // enhanced (RFC 3463), "" where none is told
	Code       int    // the server's reply (RFC 5321), 0 where none is told
	Diagnostic string // in the server's words, on one line, at most 1,000 bytes
	RemoteMTA  string // who said so
}

// Original is what the report has of the mail that it is about.
type Original struct {
	MessageID  string // without brackets
	FeedbackID string
	ReturnPath string // the address that the mail came from, by its envelope
}

// Report is a mail that was read. It holds personal data: addresses and servers' replies.
type Report struct {
	Kind       Kind // of the worst recipient
	Recipients []Recipient
	Original   Original
	// To are the addresses that this mail came to, from its header: ours are among them.
	To []string
	// Software is what wrote the mail, where it says so: for people who look at it.
	Software string
}

// Bounds on what one mail may cost.
const (
	maxMail       = 1 << 20 // of a mail's bytes are read: a report stands before the mail that it returns
	maxDepth      = 8       // multiparts in multiparts
	maxParts      = 64
	maxFields     = 1000
	maxField      = 16 << 10
	maxText       = 64 << 10 // of a text are looked at for sentences
	maxRecipients = 256
	maxDiagnostic = 1000
	maxNear       = 3 << 10 // of a text are held against the rules
	manyJudged    = 4       // recipients of one report for whom all of its text is looked at
)

// Read reads a mail. It never fails: what it does not know is of kind None.
func Read(raw []byte) *Report {
	m := parse(raw)
	if in := m.inner(); in != nil {
		m = in
	}
	r := &Report{To: m.to(), Software: m.software()}
	r.Original = m.original()
	for _, try := range []func(*mail) []Recipient{readComplaint, readNotification, readDSN, readRefusal, readReply, readText} {
		if r.Recipients = try(m); len(r.Recipients) > 0 {
			break
		}
	}
	for i := range r.Recipients {
		p := &r.Recipients[i]
		p.Diagnostic = clip(oneLine(p.Diagnostic), maxDiagnostic)
		p.Status, p.RemoteMTA, p.Address = clip(p.Status, 11), clip(p.RemoteMTA, 255), clip(p.Address, 320)
		if worse(p.Kind, r.Kind) {
			r.Kind = p.Kind
		}
	}
	return r
}

// worst first: what a report is as a whole.
var severity = []Kind{Complaint, Bounced, Delayed, Delivered, Relayed, Expanded, AutoReply, None}

func worse(a, b Kind) bool {
	for _, k := range severity {
		if k == a {
			return a != b
		}
		if k == b {
			return false
		}
	}
	return false
}

// clip cuts at n bytes, at a character's border.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
