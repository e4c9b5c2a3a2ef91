package move

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// Move is one that is to be done.
type Move struct {
	From, To Store
	// Anchors are further files of signed heads, of other instances of the source.
	Anchors []string
	// Clock tells the time; nil: the system's.
	Clock waxwing.Clock
	// Step is called as something begins, in words; Progress as rows are copied or read back.
	Step     func(what string)
	Progress func(Progress)
	// Batch is how many rows are written in one transaction; 0: 4000.
	Batch int
}

// Report is what was done.
type Report struct {
	// Rows are those of each table.
	Rows map[string]int64
	// Cleaned are rows with a text that Postgres could not keep as it was.
	Cleaned int64
	// From and To are what verify found on either side.
	From, To *verify.Report
	// Already says that it had been moved before.
	Already bool
}

// Run moves the ledger, or goes on with that.
func (m *Move) Run(ctx context.Context) (*Report, error) {
	if m.Clock == nil {
		m.Clock = waxwing.SystemClock
	}
	if m.Batch == 0 {
		m.Batch = batchRows
	}
	for _, s := range []Store{m.From, m.To} {
		if err := s.Hold(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name(), err)
		}
	}
	from, to, err := m.marks(ctx)
	if err != nil {
		return nil, err
	}
	if from != nil && to == nil && from.Done {
		return &Report{Already: true}, nil
	}
	if to, err = m.begin(ctx, to); err != nil {
		return nil, err
	}
	if err := m.shut(ctx, to); err != nil {
		return nil, err
	}
	if err := m.copy(ctx, to); err != nil {
		return nil, err
	}
	r, err := m.prove(ctx, to)
	if err != nil {
		return r, err
	}
	// The source says that it is done before anybody may serve the target: a source that is
	// not done can be given up, and a target that was served never may be.
	done := &Mark{ID: to.ID, Role: From, Other: m.To.Name(), At: to.At, Done: true}
	if err := m.From.Tell(ctx, done); err != nil {
		return r, fmt.Errorf("%s: %w", m.From.Name(), err)
	}
	if err := m.To.Unmark(ctx); err != nil {
		return r, fmt.Errorf("%s: %w", m.To.Name(), err)
	}
	return r, nil
}

// marks reads both, and says why they do not allow this move.
func (m *Move) marks(ctx context.Context) (from, to *Mark, err error) {
	if from, err = m.From.Mark(ctx); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", m.From.Name(), err)
	}
	if to, err = m.To.Mark(ctx); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", m.To.Name(), err)
	}
	switch {
	case m.From.Name() == m.To.Name():
		err = fmt.Errorf("both configurations name %s: name another folder or database in the one of --to", m.From.Name())
	case from != nil && from.Role != From:
		err = fmt.Errorf("%s: %w", m.From.Name(), from.Refuse("", false))
	case from != nil && from.Other != m.To.Name():
		err = fmt.Errorf("%s: %w", m.From.Name(), from.Refuse("", false))
	case to != nil && to.Role != To:
		err = fmt.Errorf("%s: %w", m.To.Name(), to.Refuse("", false))
	case to != nil && to.Other != m.From.Name():
		err = fmt.Errorf("%s is being filled from %s: name a new folder or database", m.To.Name(), to.Other)
	case from != nil && to != nil && from.ID != to.ID, from == nil && to != nil && to.End != "":
		err = fmt.Errorf("%s was filled by another move: delete it, and run this again", m.To.Name())
	case from != nil && to == nil && !from.Done:
		err = fmt.Errorf("%s is shut for a move to %s, where nothing of it is: was that deleted? Give the move up with --give-up, and run it again",
			m.From.Name(), m.To.Name())
	}
	return from, to, err
}

// begin makes the target, unless it is there.
func (m *Move) begin(ctx context.Context, to *Mark) (*Mark, error) {
	if to != nil && to.End != "" {
		return to, nil
	}
	if to == nil {
		to = &Mark{ID: strings.ToLower(rand.Text()), Role: To, Other: m.From.Name(), At: m.Clock().UTC()}
	}
	s, err := m.From.Secrets()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.From.Name(), err)
	}
	m.step("Making the tables of " + m.To.Name())
	if err := m.To.Begin(ctx, to, s); err != nil {
		return nil, fmt.Errorf("%s: %w", m.To.Name(), err)
	}
	return to, nil
}

// shut shuts the source, unless it is, and holds it against what was moved of it so far.
func (m *Move) shut(ctx context.Context, to *Mark) error {
	if to.End == "" {
		m.step("Shutting " + m.From.Name())
		if err := m.From.Shut(ctx, &Mark{ID: to.ID, Role: From, Other: m.To.Name(), At: to.At}); err != nil {
			return fmt.Errorf("%s: %w", m.From.Name(), err)
		}
	}
	end, err := m.From.End(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", m.From.Name(), err)
	case to.End == end:
		return nil
	case to.End != "":
		return fmt.Errorf("%s was written since the move began, which ended it at batch %s, and it is at %s: give the move up with --give-up, delete %s, and begin anew",
			m.From.Name(), to.End, end, m.To.Name())
	}
	to.End = end
	if err := m.To.Tell(ctx, to); err != nil {
		return fmt.Errorf("%s: %w", m.To.Name(), err)
	}
	return nil
}

// prove finishes the target, reads it whole, and verifies both ledgers.
func (m *Move) prove(ctx context.Context, to *Mark) (*Report, error) {
	b, err := m.From.Beside(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.From.Name(), err)
	}
	if b.Anchors, err = m.anchors(b.Anchors); err != nil {
		return nil, err
	}
	m.step("Finishing " + m.To.Name())
	if err := m.To.Finish(ctx, b); err != nil {
		return nil, fmt.Errorf("%s: %w", m.To.Name(), err)
	}
	m.step("Reading back what was written")
	if err := m.compare(ctx, to); err != nil {
		return nil, err
	}
	r := &Report{Rows: map[string]int64{}, Cleaned: to.Cleaned}
	for name, t := range to.Tables {
		r.Rows[name] = t.Rows
	}
	m.step("Verifying " + m.From.Name())
	if r.From, err = m.From.Verify(ctx, m.Anchors...); err != nil {
		return r, fmt.Errorf("%s: verify: %w", m.From.Name(), err)
	}
	m.step("Verifying " + m.To.Name())
	if r.To, err = m.To.Verify(ctx); err != nil {
		return r, fmt.Errorf("%s: verify: %w", m.To.Name(), err)
	}
	for _, x := range []struct {
		s Store
		r *verify.Report
	}{{m.From, r.From}, {m.To, r.To}} {
		if !x.r.Whole() {
			return r, fmt.Errorf("%s is not as it was written (%s): see waxwing ledger verify. Nothing serves the target; give the move up with --give-up",
				x.s.Name(), strings.Join(x.r.Problems[:min(3, len(x.r.Problems))], "; "))
		}
	}
	return r, nil
}

// anchors are the source's own and those of further files, as they were made, each once.
func (m *Move) anchors(own []byte) ([]byte, error) {
	all := string(own)
	for _, path := range m.Anchors {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("--anchors: %w", err)
		}
		all = string(b) + "\n" + all
	}
	seen := map[string]bool{"": true}
	var out strings.Builder
	for line := range strings.SplitSeq(all, "\n") {
		if !seen[line] {
			seen[line] = true
			out.WriteString(line + "\n")
		}
	}
	return []byte(out.String()), nil
}

// GiveUp ends a move that is under way, so that the source can be served again.
func (m *Move) GiveUp(ctx context.Context) error {
	for _, s := range []Store{m.From, m.To} {
		if err := s.Hold(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.Name(), err)
		}
	}
	from, err := m.From.Mark(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", m.From.Name(), err)
	}
	to, err := m.To.Mark(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", m.To.Name(), err)
	}
	switch {
	case from == nil && to == nil:
		return errors.New("no move is under way between these two")
	case from != nil && (from.Role != From || from.Other != m.To.Name()):
		return fmt.Errorf("%s: %w", m.From.Name(), from.Refuse("", false))
	case from != nil && from.Done && to == nil:
		return fmt.Errorf("the move is done, and %s may have been served: move it back instead, into a new folder or database", m.To.Name())
	case to != nil && to.Role == To && to.Other != m.From.Name():
		return fmt.Errorf("%s is being filled from %s", m.To.Name(), to.Other)
	}
	// First here: what was given up never becomes whole.
	if to != nil && to.Role == To {
		gone := *to
		gone.Role = GivenUp
		if err := m.To.Tell(ctx, &gone); err != nil {
			return fmt.Errorf("%s: %w", m.To.Name(), err)
		}
	}
	if from == nil {
		return nil
	}
	if err := m.From.Unmark(ctx); err != nil {
		return fmt.Errorf("%s: %w", m.From.Name(), err)
	}
	return nil
}

func (m *Move) step(what string) {
	if m.Step != nil {
		m.Step(what)
	}
}

// SameMaster says why two master keys are not one.
func SameMaster(a, b waxwing.Secret) error {
	x, err := seal.ParseKey(a)
	if err != nil {
		return err
	}
	y, err := seal.ParseKey(b)
	if err != nil {
		return err
	}
	if x != y {
		return errors.New("keys.master is another one than the ledger's that is moved: set it to the same (without keys.master that one stands in the data folder's master.key)")
	}
	return nil
}

// every is how often progress is told.
const every = time.Second
