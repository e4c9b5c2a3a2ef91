package waxwing

import (
	"errors"
	"time"
)

// permanent marks an error that trying again cannot mend.
type permanent struct{ err error }

func (p permanent) Error() string { return p.err.Error() }
func (p permanent) Unwrap() error { return p.err }

// Permanent marks err as one that trying again cannot mend. Unmarked errors
// are worth another try. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent reports whether err, or what it wraps, was marked.
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}

// LaterError is a wait that its cause can put a time to.
type LaterError struct {
	After time.Duration // from now on, until it is worth another try
	Quota bool          // it is the asker's own use that must end first, not others'
	Text  string
}

// Error is what must be waited for.
func (e *LaterError) Error() string { return e.Text }

// BareError is Normalise's of an event that names its order and does not show it.
type BareError struct {
	OrderID string
	Text    string // says what to do where the shop cannot be asked
}

// Error is what to do.
func (e *BareError) Error() string { return e.Text }

// Errors that several packages share.
var (
	// ErrNotFound: no such thing in this tenant. Another tenant's thing looks the same.
	ErrNotFound = errors.New("not found")
	// ErrState: the thing is not in a state that allows this.
	ErrState = errors.New("not possible in this state")
	// ErrRefused: a shop's API does not let its token read that.
	ErrRefused = errors.New("refused")
	// ErrStopping: the program is shutting down.
	ErrStopping = errors.New("shutting down")
	// ErrUnavailable: the ledger cannot write (a full disk, a lost lease); try later.
	ErrUnavailable = errors.New("ledger unavailable")
)
