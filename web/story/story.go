// Package story tells a confirmation's trail in plain words, for the mailbox and the command line.
package story

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Step is one line of a confirmation's story, as people read it.
type Step struct {
	At    time.Time `json:"at"`
	Tone  string    `json:"tone"` // good, wait, bad, doubt, plain
	Title string    `json:"title"`
	Text  string    `json:"text,omitempty"`
	Cause string    `json:"cause,omitempty"` // of the trail's entry, in its own words
	Seq   uint64    `json:"seq,omitempty"`
	Reply string    `json:"reply,omitempty"`
	Took  int64     `json:"took_ms,omitempty"`
}

// Tell tells a confirmation's trail and attempts in plain words, in the order of
// their time: the one place where the trail's causes become prose.
func Tell(v *waxwing.ConfirmationView) []Step {
	attempts := map[string]*waxwing.AttemptView{}
	for i := range v.Messages {
		for k := range v.Messages[i].Attempts {
			a := &v.Messages[i].Attempts[k]
			attempts[fmt.Sprintf("%s/%d", v.Messages[i].ID, a.N)] = a
		}
	}
	steps := make([]Step, 0, len(v.Trail))
	for _, e := range v.Trail {
		s := Step{At: e.At, Tone: "plain", Cause: e.Cause, Seq: e.Seq}
		if e.Cause == "verdict" {
			tellVerdict(&s, &e, attempts[e.Message.String()+"/"+e.Detail["attempt"]])
		} else {
			tell(&s, &e)
		}
		if e.From != "" || e.To != "" {
			s.Cause += "  " + strings.TrimSpace(string(e.From)+" → "+string(e.To))
		}
		steps = append(steps, s)
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return a.At.Compare(b.At) })
	return steps
}

// tellings are the trail's causes in plain words.
var tellings = map[string][3]string{
	"accepted":           {"plain", "Order accepted", "The event is on disk; only then was the shop answered."},
	"poison":             {"bad", "Quarantined", "The event is kept. It can be mended and retried, never lost."},
	"duplicate_event":    {"plain", "The same event again", "Absorbed: one order, one confirmation."},
	"event_replaced":     {"plain", "A newer event of the order", "It takes the older one's place."},
	"late_event":         {"plain", "A newer event, after the mail was made", "Recorded."},
	"gate":               {"wait", "Held at the gate", "No confirmation before the payment is certain."},
	"released":           {"good", "Released by the gate", "Payment is verified and stock is allocated."},
	"too_old":            {"wait", "Held: the event is older than max_age", "It is mailed only when somebody asks for it."},
	"hold_expired":       {"bad", "Cancelled: it waited too long at the gate", ""},
	"order_cancelled":    {"bad", "Cancelled: the shop cancelled the order", ""},
	"rendered":           {"plain", "Message made", "Its bytes, Message-ID and date are fixed from here."},
	"note":               {"plain", "Note", ""},
	"claimed":            {"plain", "Claimed by this instance", ""},
	"commit_point":       {"plain", "Commit point", "Recorded before the final dot is written, so that a crash cannot hide a mail that was sent."},
	"possible_duplicate": {"doubt", "Sent again, marked as a possible duplicate", "The same bytes and Message-ID: the recipient's side can tell."},
	"asked":              {"wait", "Its provider was asked what became of it", ""}, // see tellAsked
	"assumed_sent":       {"doubt", "Counted as sent, by the tenant's policy", ""},
	"takeover":           {"wait", "Taken over from an instance that is dead", ""},
	"late_verdict":       {"plain", "A late answer, to an instance that was taken for dead", "Recorded; where the mail was still in doubt, it is not any more."},
	"expired":            {"bad", "Its time to live is over", ""},
	"unreachable":        {"bad", "Every mail provider failed for too long", ""},
	"fallback":           {"good", "A text message takes over", "Queued in the same transaction that ended the e-mail."},
	"by_person":          {"plain", "Somebody of the staff asked for it", ""}, // see tellAct
	"loss_accepted":      {"doubt", "Held: a time is missing in the ledger", "An older ledger was gone on from, and this may have been sent in the time that it does not know. It is sent only when somebody asks for it."},
	"rows_resealed":      {"doubt", "The seal over the ledger's rows was made anew", ""},
	"ignored":            {"plain", "Ignored: no order of a customer's", ""},
	"annotated":          {"plain", "Something became known of it", ""}, // see tellNote
	"erased":             {"plain", "The person was erased", "The keys of her data are destroyed; the trail stays whole."},
	"suppressed":         {"bad", "The address is not to be mailed", ""},
	"plugin":             {"plain", "A plugin's version changed its state", ""},
}

// tellNote tells what became known of a message after it was sent.
func tellNote(e *waxwing.TrailEntry) [3]string {
	tones := map[waxwing.AnnotationKind][2]string{
		waxwing.Delivered:  {"good", "Delivered to the recipient's server"},
		waxwing.Bounced:    {"bad", "It came back: the recipient's server does not take it"},
		waxwing.Complained: {"bad", "The recipient called it spam"},
		waxwing.Opened:     {"plain", "Opened: its picture was loaded"},
		waxwing.Clicked:    {"plain", "A link in it was followed"},
	}
	t, ok := tones[waxwing.AnnotationKind(e.Detail["kind"])]
	if !ok {
		t = [2]string{"plain", "Something became known of it"}
	}
	return [3]string{t[0], t[1], "As " + e.Detail["provider"] + " says."}
}

// tellAsked tells what a provider said of a message whose answer was lost.
func tellAsked(e *waxwing.TrailEntry) [3]string {
	by := "Its provider, " + e.Detail["provider"] + ", "
	switch e.Detail["answer"] {
	case waxwing.SaidTaken:
		return [3]string{"good", "Found at its provider: it was sent", by + "was asked, and had taken it. No second mail is needed."}
	case waxwing.SaidAbsent:
		return [3]string{"doubt", "Its provider does not know of it", by + "was asked. What it took it may learn of late, so that this is no proof."}
	}
	return [3]string{"doubt", "Its provider could not tell what became of it", by + "was asked, and did not answer."}
}

func tell(s *Step, e *waxwing.TrailEntry) {
	t, ok := tellings[e.Cause]
	if e.Cause == "asked" {
		t = tellAsked(e)
	}
	if e.Cause == "by_person" {
		t, ok = tellAct(e), true
	}
	if e.Cause == "annotated" {
		t = tellNote(e)
	}
	if !ok {
		t = [3]string{"plain", e.Cause, ""}
	}
	s.Tone, s.Title, s.Text = t[0], t[1], t[2]
	switch e.Cause {
	case "accepted":
		s.Title += " by " + e.Detail["source"] + " from the shop “" + e.Detail["shop"] + "”"
	case "rendered", "fallback":
		s.Title += " (" + e.Detail["channel"] + ", " + e.Detail["locale"] + ")"
	case "commit_point":
		s.Title += " with " + e.Detail["provider"]
	case "note":
		s.Text = e.Detail["note"]
	}
	if r := e.Detail["reason"]; r != "" && r != e.Cause {
		s.Text = strings.TrimSpace("Reason: " + r + ". " + s.Text)
	}
	if by := e.Detail["by"]; by != "" && e.Cause != "by_person" {
		s.Title += ", by " + by
	}
	if why := e.Detail["why"]; why != "" {
		s.Text = strings.TrimSpace("“" + why + "” " + s.Text)
	}
}

// tellAct says what a person did, and who she is.
func tellAct(e *waxwing.TrailEntry) [3]string {
	by := " by hand"
	if who := e.Detail["by"]; who != "" {
		by = " by " + who
	}
	switch {
	case e.Detail["act"] == "suppress":
		return [3]string{"plain", "Her address was put on the list of those not to be mailed," + by, "What was sent before stays sent."}
	case e.Detail["act"] == "lift":
		return [3]string{"plain", "Her address was taken off the list of those not to be mailed," + by, "What was not sent meanwhile stays so."}
	case e.Message != 0 && e.Detail["digest"] != "":
		return [3]string{"good", "Sent again" + by, "A new message of the same confirmation."}
	case e.To == waxwing.Cancelled:
		return [3]string{"bad", "Cancelled" + by, ""}
	case e.To == waxwing.Received:
		return [3]string{"good", "Released" + by, "Its age and the gate no longer hold it."}
	}
	return [3]string{"plain", "Done" + by, ""}
}

var verdictWords = map[string][2]string{
	"accepted":  {"good", "took the message"},
	"deferred":  {"wait", "put the message off"},
	"rejected":  {"bad", "refused the message"},
	"uncertain": {"doubt", "got the whole message, but its answer was lost"},
}

func tellVerdict(s *Step, e *waxwing.TrailEntry, a *waxwing.AttemptView) {
	w, ok := verdictWords[e.Detail["verdict"]]
	if !ok {
		w = [2]string{"plain", e.Detail["verdict"]}
	}
	s.Tone = w[0]
	s.Title = "Attempt " + e.Detail["attempt"] + ": " + e.Detail["provider"] + " " + w[1]
	s.Text = "Decided at " + e.Detail["phase"]
	if c := e.Detail["code"]; c != "" {
		s.Text += ", code " + c
	}
	if r := e.Detail["reason"]; r != "" && e.To != waxwing.Uncertain {
		s.Text += ", reason: " + r
	}
	switch e.To {
	case waxwing.Queued:
		s.Text += ". It is tried again."
	case waxwing.Uncertain:
		if e.Detail["reason"] == waxwing.HeldInDoubt {
			s.Tone = "bad"
			s.Text += ". It may have arrived, perhaps more than once, and goes out no more by itself: ask whether it is there; " +
				"then send it again, or cancel it. Else it ends as failed when its time is over."
			break
		}
		s.Text += ". A late answer is waited for; then the tenant's policy decides."
	default:
		s.Text += "."
	}
	if a != nil {
		s.Reply = a.Reply
		if a.Ended.After(a.Began) {
			s.Took = a.Ended.Sub(a.Began).Milliseconds()
		}
	}
}
