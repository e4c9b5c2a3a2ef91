package move

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MetaKey is the row of a store's table meta that holds its mark.
const MetaKey = "move"

// Role is what a ledger is in a move.
type Role string

// The roles of ledgers.
const (
	// From is where the ledger was: no daemon may serve it any more.
	From Role = "source"
	// To is where it will be: no daemon may serve it yet.
	To Role = "target"
	// GivenUp is a target that never will be whole.
	GivenUp Role = "given up"
)

// Mark stands in a ledger that is moved.
type Mark struct {
	ID    string    `json:"id"` // of the move
	Role  Role      `json:"role"`
	Other string    `json:"other"` // the name of the other ledger
	At    time.Time `json:"at"`
	// Done, of a source: the target is whole.
	Done bool `json:"done,omitempty"`
	// End, of a target: the source's newest batch when it was shut; empty: it was not yet.
	End string `json:"end,omitempty"`
	// Part and Key, of a target: the part that is being copied, and its last row that is here.
	Part string   `json:"part,omitempty"`
	Key  []string `json:"key,omitempty"`
	// Copied, of a target: all parts are.
	Copied bool `json:"copied,omitempty"`
	// Tables, of a target: what was copied of each.
	Tables map[string]*Tally `json:"tables,omitempty"`
	// Cleaned, of a target: rows with a text that Postgres could not keep as it was.
	Cleaned int64 `json:"cleaned,omitempty"`
}

// Tally is what was copied of a table.
type Tally struct {
	Rows int64 `json:"rows"`
	Sum  Sum   `json:"sum"`
}

// Encode is the mark as a store keeps it.
func (m *Mark) Encode() []byte {
	b, _ := json.Marshal(m) // texts and numbers always marshal
	return b
}

// Decode reads a mark as a store keeps it; nil: there is none.
func Decode(b []byte) (*Mark, error) {
	if len(b) == 0 {
		return nil, nil
	}
	m := &Mark{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("the mark of a move cannot be read: %w", err)
	}
	return m, nil
}

// ErrMoved says that a ledger must not be served, since it was moved, or is being moved.
var ErrMoved = errors.New("this ledger is not served")

// Refuse says why a ledger with this mark must not be opened, and what to do; nil: it may be.
// A mark of nil is none. moving is the move that may open it; toRead asks to read it only.
func (m *Mark) Refuse(moving string, toRead bool) error {
	if m == nil || m.ID == moving {
		return nil
	}
	stamp := m.At.Local().Format(time.DateTime)
	switch {
	case m.Role == From && toRead:
		return nil
	case m.Role == From && m.Done:
		return fmt.Errorf("%w: it was moved to %s on %s. Start the daemon with the configuration that names that one. "+
			"To go back, move it back into a new folder or database: waxwing ledger move -c THERE.yaml --to NEW.yaml", ErrMoved, m.Other, stamp)
	case m.Role == From:
		return fmt.Errorf("%w: it is being moved to %s since %s. Run the same waxwing ledger move again, which goes on where it was; "+
			"or give the move up, and go on from here: waxwing ledger move -c HERE.yaml --to THERE.yaml --give-up", ErrMoved, m.Other, stamp)
	case m.Role == GivenUp:
		return fmt.Errorf("%w: it is what is left of a move from %s that was given up: delete it, and go on there", ErrMoved, m.Other)
	}
	return fmt.Errorf("%w: it is not whole, since it is being moved here from %s since %s. Run the same waxwing ledger move again, "+
		"which goes on where it was, or give the move up with --give-up, and go on there", ErrMoved, m.Other, stamp)
}
