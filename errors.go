package waxwing

import "errors"

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

// Errors that several packages share.
var (
	// ErrNotFound: no such thing in this tenant. Another tenant's thing looks the same.
	ErrNotFound = errors.New("not found")
	// ErrState: the thing is not in a state that allows this.
	ErrState = errors.New("not possible in this state")
	// ErrStopping: the program is shutting down.
	ErrStopping = errors.New("shutting down")
	// ErrTooMany: it was done as often as it may be; wait for a minute.
	ErrTooMany = errors.New("too often")
	// ErrUnavailable: the ledger cannot write (a full disk, a lost lease); try later.
	ErrUnavailable = errors.New("ledger unavailable")
)
