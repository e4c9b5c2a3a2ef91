package move

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A batch is one transaction of the target: large enough that its commit is little of it, and
// small in memory.
const (
	batchRows  = 4000
	batchBytes = 4 << 20
)

// Progress is how far it is.
type Progress struct {
	Part string // that is copied or read back
	// Done and Rows are of the part, AllDone and AllRows of all.
	Done, Rows, AllDone, AllRows int64
	// Second is how many rows came in a second, since this command began with them.
	Second float64
}

// meter tells progress now and then.
type meter struct {
	m           *Move
	p           Progress
	began, last time.Time
	came        int64
}

func (m *Move) meter(ctx context.Context, s Store) (*meter, map[string]int64, error) {
	rows := map[string]int64{}
	x := &meter{m: m, began: time.Now(), last: time.Now()}
	for _, p := range s.Parts() {
		n, err := s.Count(ctx, p)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.Name(), err)
		}
		rows[p.Name] = n
		x.p.AllRows += n
	}
	return x, rows, nil
}

// add counts rows that came.
func (x *meter) add(n int64, now bool) {
	x.p.Done += n
	x.p.AllDone += n
	x.came += n
	if t := time.Now(); x.m.Progress != nil && (now || t.Sub(x.last) >= every) {
		x.p.Second = float64(x.came) / max(t.Sub(x.began).Seconds(), 1e-3)
		x.last = t
		x.m.Progress(x.p)
	}
}

// copy copies what is not there yet.
func (m *Move) copy(ctx context.Context, to *Mark) error {
	if to.Copied {
		return nil
	}
	x, rows, err := m.meter(ctx, m.From)
	if err != nil {
		return err
	}
	m.step("Copying")
	if to.Tables == nil {
		to.Tables = map[string]*Tally{}
	}
	parts := m.From.Parts()
	at := max(0, slices.IndexFunc(parts, func(p Part) bool { return p.Name == to.Part }))
	for _, t := range to.Tables {
		x.p.AllDone += t.Rows
	}
	for _, p := range parts[at:] {
		x.p.Part, x.p.Rows, x.p.Done = p.Name, rows[p.Name], 0
		if p.Name != to.Part {
			to.Part, to.Key = p.Name, nil
		}
		if err := m.part(ctx, p, to, x); err != nil {
			return err
		}
		x.add(0, true)
	}
	to.Copied, to.Part, to.Key = true, "", nil
	if err := m.To.Tell(ctx, to); err != nil {
		return fmt.Errorf("%s: %w", m.To.Name(), err)
	}
	return nil
}

// part copies the rows of a part behind the mark's key.
func (m *Move) part(ctx context.Context, p Part, to *Mark, x *meter) error {
	t := TableOf(p.Table)
	tally := to.Tables[t.Name]
	if tally == nil {
		tally = &Tally{}
		to.Tables[t.Name] = tally
	}
	var batch []Row
	var last []string
	size := 0
	write := func() error {
		if len(batch) == 0 {
			return nil
		}
		to.Key = last
		if err := m.To.Write(ctx, t, batch, to); err != nil {
			return fmt.Errorf("%s: %w", m.To.Name(), err)
		}
		x.add(int64(len(batch)), false)
		batch, size = batch[:0], 0
		return ctx.Err()
	}
	err := m.From.Read(ctx, p, to.Key, func(key []string, r Row) error {
		if (len(batch) >= m.Batch || size >= batchBytes) && !slices.Equal(key, last) { // a key's rows stay together
			if err := write(); err != nil {
				return notRead{err}
			}
		}
		if r.Clean() {
			to.Cleaned++
		}
		batch, last = append(batch, r), key
		size += r.Size()
		tally.Rows++
		tally.Sum.Add(t, r)
		return nil
	})
	if other := (notRead{}); errors.As(err, &other) {
		return other.error
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.From.Name(), err)
	}
	return write()
}

// notRead is an error that is none of reading.
type notRead struct{ error }

// compare reads the target whole: it must have what was copied, to the byte.
func (m *Move) compare(ctx context.Context, to *Mark) error {
	x, rows, err := m.meter(ctx, m.To)
	if err != nil {
		return err
	}
	found := map[string]*Tally{}
	for _, p := range m.To.Parts() {
		t := TableOf(p.Table)
		if found[t.Name] == nil {
			found[t.Name] = &Tally{}
		}
		tally := found[t.Name]
		x.p.Part, x.p.Rows, x.p.Done = p.Name, rows[p.Name], 0
		err := m.To.Read(ctx, p, nil, func(_ []string, r Row) error {
			tally.Rows++
			tally.Sum.Add(t, r)
			x.add(1, false)
			return ctx.Err()
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m.To.Name(), err)
		}
	}
	for _, t := range Tables {
		want, have := to.Tables[t.Name], found[t.Name]
		if want == nil {
			want = &Tally{}
		}
		switch {
		case want.Rows != have.Rows:
			return fmt.Errorf("table %s has %d rows in %s, and %d were copied: it was written by others, or its store failed; give the move up with --give-up",
				t.Name, have.Rows, m.To.Name(), want.Rows)
		case want.Sum != have.Sum:
			return fmt.Errorf("table %s has other rows in %s than were copied: it was written by others, or its store failed; give the move up with --give-up",
				t.Name, m.To.Name())
		}
	}
	return nil
}

// Plan is what would be moved: how many rows of each part.
func (m *Move) Plan(ctx context.Context) (map[string]int64, []Part, error) {
	if _, _, err := m.marks(ctx); err != nil {
		return nil, nil, err
	}
	_, rows, err := m.meter(ctx, m.From)
	return rows, m.From.Parts(), err
}
