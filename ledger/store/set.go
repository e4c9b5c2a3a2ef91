package store

import "github.com/waxwinghq/waxwing"

// Set is rows by what they are found by. What was asked for and is not in it is not there.
type Set struct {
	Confirmations map[waxwing.ID]Confirmation
	Keys          map[Hash]waxwing.ID
	Messages      map[waxwing.ID]Message
	Claims        map[waxwing.ID]Claim
	// Doubts are a message's attempts whose answer was lost, where there are any.
	Doubts map[waxwing.ID]int
	// Suppressed are the addresses that are not to be mailed.
	Suppressed map[Hash]bool
	// Found are the confirmations of a lookup, oldest first.
	Found    map[Hash][]waxwing.ID
	Events   map[waxwing.ID]Event
	Contents map[waxwing.ID]Content
	// Attempts are a message's, in their order.
	Attempts map[waxwing.ID][]Attempt
	// Annotations are a message's.
	Annotations map[waxwing.ID][]Annotation
	Batches     map[int64]Batch
	// Due are the messages of Keys.Due, those that waited longest first.
	Due []waxwing.ID
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{Confirmations: map[waxwing.ID]Confirmation{}, Keys: map[Hash]waxwing.ID{}, Messages: map[waxwing.ID]Message{},
		Claims: map[waxwing.ID]Claim{}, Doubts: map[waxwing.ID]int{}, Suppressed: map[Hash]bool{}, Found: map[Hash][]waxwing.ID{},
		Events: map[waxwing.ID]Event{}, Contents: map[waxwing.ID]Content{}, Attempts: map[waxwing.ID][]Attempt{}, Annotations: map[waxwing.ID][]Annotation{}, Batches: map[int64]Batch{}}
}

// Clear empties the set, whose memory is used again.
func (s *Set) Clear() {
	clear(s.Confirmations)
	clear(s.Keys)
	clear(s.Messages)
	clear(s.Claims)
	clear(s.Doubts)
	clear(s.Suppressed)
	clear(s.Found)
	clear(s.Events)
	clear(s.Contents)
	clear(s.Attempts)
	clear(s.Annotations)
	clear(s.Batches)
	s.Due = s.Due[:0]
}

// State is a message's, with what its claim says.
func (s *Set) State(m *Message) waxwing.State {
	if k, held := s.Claims[m.ID]; held {
		if k.Dot {
			return waxwing.Dot
		}
		return waxwing.Claimed
	}
	return m.State
}

// Of gives the messages of a confirmation in their order.
func (s *Set) Of(id waxwing.ID) (out []Message) {
	n := s.Confirmations[id].Messages
	for i := waxwing.ID(1); i <= waxwing.ID(n); i++ {
		if m, ok := s.Messages[id|i]; ok {
			out = append(out, m)
		}
	}
	return out
}

// Keys name the rows that are to be loaded. What is named twice is loaded once.
type Keys struct {
	// Confirmations are loaded alone, those of Whole with all of their messages, and
	// those of Keys by their key.
	Confirmations []waxwing.ID
	Whole         []waxwing.ID
	Keys          []Hash
	// Messages come with their claims and, unless Shown is set, with their doubts.
	Messages []waxwing.ID
	// Shown says that the rows are only shown, and nothing is decided by them.
	Shown bool
	// People are asked whether they are suppressed, Lookups which confirmations have them.
	People  []Hash
	Lookups []Hash
	Events  []waxwing.ID
	// Contents, Attempts and Annotations are those of messages.
	Contents    []waxwing.ID
	Attempts    []waxwing.ID
	Annotations []waxwing.ID
	Batches     []int64
	// Due asks for messages whose time has come; nil: for none.
	Due *DueMessages
}

// DueMessages asks for up to Limit messages of a channel that nobody holds, and which were
// due at At, in ms.
type DueMessages struct {
	Channel waxwing.Channel
	At      int64
	Limit   int
}
