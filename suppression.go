package waxwing

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// SuppressionClass says why an address is not to be mailed.
type SuppressionClass string

// The classes of suppressions.
const (
	SuppressedPerson    SuppressionClass = "person"    // somebody asked for it
	SuppressedHard      SuppressionClass = "hard"      // there is no such mailbox
	SuppressedSoft      SuppressionClass = "soft"      // mails came back too often, each for a while
	SuppressedComplaint SuppressionClass = "complaint" // she called a mail spam
)

// SuppressionClasses are all.
var SuppressionClasses = []SuppressionClass{SuppressedPerson, SuppressedHard, SuppressedSoft, SuppressedComplaint}

// CheckSuppressionClass refuses what is none.
func CheckSuppressionClass(c SuppressionClass) error {
	if !slices.Contains(SuppressionClasses, c) {
		return fmt.Errorf("%.40q is no class: person, hard, soft or complaint", string(c))
	}
	return nil
}

// SuppressionID is the keyed hash by which an address is known as suppressed. Nobody without the
// tenant's key, in the ledger, can tell whose it is.
type SuppressionID [16]byte

// String is the id in hex.
func (id SuppressionID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText is String's.
func (id SuppressionID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *SuppressionID) UnmarshalText(b []byte) error {
	if n, err := hex.Decode(id[:], b[:min(len(b), 2*len(id))]); err != nil || n != len(id) || len(b) != 2*len(id) {
		return fmt.Errorf("%.40q is no id of a suppression: 32 hexadecimal digits", b)
	}
	return nil
}

// Suppression is an address that is not to be mailed. The address itself is not kept.
type Suppression struct {
	ID     SuppressionID    `json:"id"`
	Class  SuppressionClass `json:"class"`
	Reason string           `json:"reason,omitempty"`
	By     Actor            `json:"by,omitempty"`
	At     time.Time        `json:"at"`
}

// SuppressionQuery asks for a tenant's suppressions, the newest first.
type SuppressionQuery struct {
	Tenant TenantID
	// Address asks for this one's alone; empty: for all.
	Address string
	// Prefix is how the ids begin, in hex; empty: in any way.
	Prefix string
	// Before is a suppression that they stand behind, by its time and id; nil: the newest are asked for.
	Before *Suppression
	// Limit is how many are given at most, up to 500; 0: 50.
	Limit int
}

// Suppress names an address that is to be suppressed, or one that was: by an id, where Address is empty.
type Suppress struct {
	Address string
	ID      SuppressionID
	Class   SuppressionClass
	Act     Act
}
