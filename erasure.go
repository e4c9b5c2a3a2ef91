package waxwing

import "time"

// People are whom an event names, as its format reads it.
type People struct {
	// Named are e-mail addresses and phone numbers as given, each a whole value.
	Named []string
	// Name is the customer's, "" unknown: whom an order is of that has no address.
	Name string
}

// Erase asks for a person's erasure.
type Erase struct {
	// Address is her e-mail address or phone number.
	Address string
	// Dry only says what would be erased.
	Dry bool
	// Confirm is how many confirmations the asker was shown: needed where they are
	// of more than one person.
	Confirm int
	Act     Act
}

// Erasure is what an erasure found and did.
type Erasure struct {
	// Found are the confirmations that name her, oldest first.
	Found []ID
	// People is how many people these are of, by the addresses in them.
	People int
	// Erased is how many were erased.
	Erased int
	Scrub  Scrub
}

// Scrub is how far erasures are on disk: keys and contents are destroyed at the commit,
// and copies of them in free places of the ledger's files a little later.
type Scrub struct {
	Done bool
	// Since is when the oldest erasure was committed that is not done.
	Since time.Time
	// Blocked says that a reader of the ledger keeps it from its end.
	Blocked bool
	// Remaining says what is still to do, in words; "" nothing.
	Remaining string
}

// With is how far this and another one are together.
func (s Scrub) With(other Scrub) Scrub {
	if s.Since.IsZero() || !other.Since.IsZero() && other.Since.Before(s.Since) {
		s.Since = other.Since
	}
	if s.Remaining != "" && other.Remaining != "" {
		s.Remaining += "; "
	}
	s.Done, s.Blocked, s.Remaining = s.Done && other.Done, s.Blocked || other.Blocked, s.Remaining+other.Remaining
	return s
}
