package machine

import (
	"fmt"

	"github.com/waxwinghq/waxwing"
)

// The causes of trail entries: a closed list, so that nothing of a person or a
// payload can slip into the trail as a cause.
const (
	CauseAccepted    = "accepted"           // an event made a confirmation
	CauseIgnored     = "ignored"            // an event that makes none: a ping
	CausePoison      = "poison"             // no key or no order could be read
	CauseDuplicate   = "duplicate_event"    // the same order again, nothing new
	CauseReplaced    = "event_replaced"     // a newer event of the order took its place
	CauseLate        = "late_event"         // a newer event, after the render
	CauseGate        = "gate"               // held, with the reason
	CauseReleased    = "released"           // the gate let it through
	CauseStale       = "too_old"            // older than max_age
	CauseHoldExpired = "hold_expired"       // waited at the gate for hold_ttl
	CauseOrderGone   = "order_cancelled"    // the shop cancelled the order
	CauseRendered    = "rendered"           // a message was made
	CauseNote        = "note"               // something that staff should know
	CauseClaimed     = "claimed"            // an instance took the message
	CauseCommit      = "commit_point"       // the dot may be written now
	CauseVerdict     = "verdict"            // the provider's answer
	CauseLateVerdict = "late_verdict"       // the provider's answer to an instance that was taken for dead
	CausePossible    = "possible_duplicate" // an uncertain message goes out again
	CauseAssumed     = "assumed_sent"       // uncertain, by policy counted as sent
	CauseAsked       = "asked"              // what the provider says of an uncertain message
	CauseTakeover    = "takeover"           // the instance that held it is dead
	CauseExpired     = "expired"            // its time to live is over
	CauseUnreachable = "unreachable"        // every provider failed for too long
	CauseFallback    = "fallback"           // another channel takes over
	CausePerson      = "by_person"          // staff asked for it
	CauseErased      = "erased"             // the person was erased
	CauseSuppressed  = "suppressed"         // the address is not to be mailed
	CauseAnnotated   = "annotated"          // something became known of a sent message
	CausePlugin      = "plugin"             // a version of a plugin changed its state
	CauseChain       = "chain"              // a new instance begins its chain
	CauseResealed    = "rows_resealed"      // the rows' sums had to be counted anew
	CauseLoss        = "loss_accepted"      // a person lets an older ledger go on
)

// next lists the states that may follow each state. The empty state is before
// the first entry.
var next = map[waxwing.State][]waxwing.State{
	"": {waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ignored,
		waxwing.Queued, waxwing.Failed, waxwing.Suppressed},
	waxwing.Received: {waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ready, waxwing.Cancelled},
	waxwing.Held:     {waxwing.Received, waxwing.Held, waxwing.Ready, waxwing.Quarantined, waxwing.Cancelled},
	waxwing.Quarantined: {waxwing.Received, waxwing.Held, waxwing.Ready, waxwing.Quarantined,
		waxwing.Cancelled},
	waxwing.Queued:    {waxwing.Claimed, waxwing.Cancelled, waxwing.Suppressed, waxwing.Failed, waxwing.Uncertain},
	waxwing.Claimed:   {waxwing.Dot, waxwing.Queued, waxwing.Failed, waxwing.Cancelled, waxwing.Suppressed},
	waxwing.Dot:       {waxwing.Sent, waxwing.Queued, waxwing.Failed, waxwing.Uncertain, waxwing.Cancelled},
	waxwing.Uncertain: {waxwing.Queued, waxwing.Sent, waxwing.Failed, waxwing.Cancelled},
}

// Allowed reports whether a thing may go from one state to another.
func Allowed(from, to waxwing.State) bool {
	for _, s := range next[from] {
		if s == to {
			return true
		}
	}
	return false
}

// Check is Allowed as an error that names both states.
func Check(from, to waxwing.State) error {
	if Allowed(from, to) {
		return nil
	}
	return fmt.Errorf("from %q to %q: %w", from, to, waxwing.ErrState)
}

// Outcome derives what became of a confirmation from its messages (docs/design/flow.md,
// States): the newest fact that matters to the customer wins.
func Outcome(c waxwing.State, messages []waxwing.State) waxwing.State {
	if c != waxwing.Ready || len(messages) == 0 {
		return c
	}
	rank := map[waxwing.State]int{waxwing.Sent: 9, waxwing.Uncertain: 8, waxwing.Dot: 7,
		waxwing.Claimed: 6, waxwing.Queued: 5, waxwing.Suppressed: 4, waxwing.Failed: 3, waxwing.Cancelled: 2}
	best := messages[0]
	for _, m := range messages[1:] {
		if rank[m] > rank[best] {
			best = m
		}
	}
	return best
}
