package waxwing

// Kind is what a confirmation tells of: the order itself, or something that comes of it.
// It is part of the key, so that each is told once.
type Kind string

// KindOrder is the confirmation of the order itself. An empty Kind means it, as in each
// ledger from before there were others.
const KindOrder Kind = "order"

// AnnotationKind is what became known of a message after it was sent. It stands beside the
// message's state, which it does not change.
type AnnotationKind string

// The annotations of a message, each once and with its evidence.
const (
	Delivered  AnnotationKind = "delivered"  // the recipient's server has it
	Bounced    AnnotationKind = "bounced"    // it came back
	Complained AnnotationKind = "complained" // the recipient called it spam
	Opened     AnnotationKind = "opened"     // its picture was loaded, by whomever
	Clicked    AnnotationKind = "clicked"    // a link in it was followed
)

// AnnotationKinds are all of them.
var AnnotationKinds = []AnnotationKind{Delivered, Bounced, Complained, Opened, Clicked}
