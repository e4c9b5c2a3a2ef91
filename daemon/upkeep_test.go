package daemon

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

// elsewhere is a ledger that several daemons share, of which another one may be at work.
type elsewhere struct {
	Ledger
	busy  bool
	names []string
}

// Alone is the ledger's.
func (l *elsewhere) Alone(_ context.Context, what string, f func() error) (bool, error) {
	if l.names = append(l.names, what); l.busy {
		return false, nil
	}
	return true, f()
}

// TestOneDeletes what is old, to its end, and no other meanwhile.
func TestOneDeletes(t *testing.T) {
	oops := errors.New("oops")
	for name, x := range map[string]struct {
		busy  bool
		parts []error // of each part what comes of it; after the last there is no more
		want  int     // parts that are done
		err   error
	}{
		"in one go":              {parts: []error{nil}, want: 1},
		"a part after the other": {parts: []error{nil, nil, nil}, want: 3},
		"one that fails":         {parts: []error{nil, oops, nil}, want: 2, err: oops},
		"another one is at it":   {busy: true, parts: []error{nil}},
	} {
		l := &elsewhere{busy: x.busy}
		u := &upkeep{l, slog.New(slog.DiscardHandler)}
		done := 0
		more, err := u.alone(t.Context(), "old content", func() (bool, error) {
			done++
			return done < len(x.parts), x.parts[done-1]
		})()
		if more || done != x.want || !errors.Is(err, x.err) || len(l.names) != 1 || l.names[0] != "old content" {
			t.Errorf("%s: %d parts, want %d; more %t, %v; asked for %v", name, done, x.want, more, err, l.names)
		}
	}
}
