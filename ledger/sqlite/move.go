package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/sqlite/carry"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/sqlite/sums"
	"github.com/waxwinghq/waxwing/ledger/trail"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// refuseMoved says why a ledger must not be opened that was moved, or is being moved.
func (l *Ledger) refuseMoved(c *db.Conn) error {
	m, err := markOf(c)
	if err != nil {
		return err
	}
	return m.Refuse(l.o.moving, l.o.ReadOnly)
}

func markOf(c *db.Conn) (*move.Mark, error) {
	if at, err := schema.Of(c); err != nil || at == 0 {
		return nil, err
	}
	var v [1]driver.Value
	if _, err := c.Row("SELECT v FROM meta WHERE k='"+move.MetaKey+"'", v[:]); err != nil {
		return nil, err
	}
	return move.Decode(db.Blob(v[0]))
}

// mover is a folder's ledger as one that is moved: see package move.
type mover struct {
	*folder
	o    Options
	name string
	c    *db.Conn   // nil: not open
	sums *sums.Sums // of a whole ledger; nil: not read
	// written counts batches.
	written int
}

var _ move.Store = (*mover)(nil)

// Mover gives the ledger in a folder to be moved, or to be moved into.
func Mover(o Options) (move.Store, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	l := newLedger(o) // for what it fills in
	o = l.o
	o.Dir = dir
	m := &mover{o: o, name: "the folder " + dir}
	m.folder = &folder{o: &m.o, path: filepath.Join(dir, LedgerFile)}
	return m, nil
}

// Name is the folder's.
func (m *mover) Name() string { return m.name }

// Hold takes the folder's lock.
func (m *mover) Hold(context.Context) error {
	if m.lock != nil {
		return nil
	}
	return m.takeLock()
}

// Close lets go of the folder.
func (m *mover) Close() {
	if m.c != nil {
		_ = m.c.Close() // all is committed
		m.c, m.sums = nil, nil
	}
	if m.lock != nil {
		_ = m.lock.Close()
		m.lock = nil
	}
}

// open opens the file; to be read where it is not held.
func (m *mover) open() (err error) {
	if m.c != nil {
		return nil
	}
	m.c, err = db.Open(dsn(m.path, m.lock == nil))
	return err
}

// made says that there is a file.
func (m *mover) made() bool {
	st, err := os.Stat(m.path)
	return err == nil && st.Size() > 0
}

// Mark is what stands in the file.
func (m *mover) Mark(context.Context) (*move.Mark, error) {
	if !m.made() {
		return nil, nil
	}
	if err := m.open(); err != nil {
		return nil, err
	}
	return markOf(m.c)
}

// Tell writes the mark. Of a whole ledger it is among the rows that are proved.
func (m *mover) Tell(_ context.Context, k *move.Mark) error {
	if k.Role == move.From || k.Role == move.GivenUp && m.whole() {
		return m.sealed(setMove, k.Encode())
	}
	_, err := m.c.Exec(setMove, k.Encode())
	return err
}

// Unmark takes it away.
func (m *mover) Unmark(context.Context) error {
	return m.sealed("DELETE FROM meta WHERE k='" + move.MetaKey + "'")
}

const setMove = "INSERT INTO meta (k, v) VALUES ('" + move.MetaKey + "', ?) ON CONFLICT (k) DO UPDATE SET v=excluded.v"

// whole says that the rows are proved.
func (m *mover) whole() bool {
	found, err := m.c.Row("SELECT 1 FROM meta WHERE k='"+sums.Row+"'", make([]driver.Value, 1))
	return found && err == nil
}

// sealed changes a row of meta of a whole ledger, and the sums with it. No entry is written.
func (m *mover) sealed(q string, args ...any) (err error) {
	if m.keys == nil {
		if err := m.loadKeys(); err != nil {
			return err
		}
	}
	if m.sums == nil {
		s := sums.New(m.keys)
		if s.Tables, err = s.Stored(m.c); err != nil {
			return fmt.Errorf("%w: see waxwing ledger verify", err)
		}
		if err := s.Watch(m.c); err != nil {
			return err
		}
		m.sums = s
	}
	return m.within(func() error {
		if _, err := m.c.Exec(q, args...); err != nil {
			return err
		}
		return m.putSums(m.sums)
	})
}

// putSums writes sums at the newest batch.
func (m *mover) putSums(s *sums.Sums) error {
	if s.Err != nil {
		return s.Err
	}
	last, err := rows{m.c, nil}.Last(bg)
	if err != nil {
		return err
	}
	var head trail.Head
	copy(head[:], last.Head)
	_, err = m.c.Exec("INSERT INTO meta (k,v) VALUES ('"+sums.Row+"',?) ON CONFLICT (k) DO UPDATE SET v=excluded.v", s.Sealed(last.N, head))
	return err
}

// within runs f in a transaction.
func (m *mover) within(f func() error) error {
	if _, err := m.c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = m.c.Exec("COMMIT")
	}
	if err != nil {
		_, _ = m.c.Exec("ROLLBACK") // the first error is the one to tell
		m.sums = nil                // they are of what was undone
	}
	return err
}

// Parts are what the file is read as.
func (m *mover) Parts() []move.Part { return carry.Parts() }

// Count tells how many rows a part has.
func (m *mover) Count(_ context.Context, p move.Part) (int64, error) {
	if err := m.open(); err != nil {
		return 0, err
	}
	if at, err := schema.Of(m.c); err != nil || at != schema.Layout {
		return 0, errors.Join(err, fmt.Errorf("it has layout %d, and this program's is %d: run waxwing ledger migrate first", at, schema.Layout))
	}
	return carry.Count(m.c, p)
}

// Read reads a part.
func (m *mover) Read(_ context.Context, p move.Part, after []string, f func(key []string, r move.Row) error) error {
	return carry.Read(m.c, p, after, f)
}

// checkpointEvery is after how many batches what stands in the log goes into the file.
const checkpointEvery = 8

// Write writes rows and the mark.
func (m *mover) Write(ctx context.Context, t *move.Table, rows []move.Row, k *move.Mark) error {
	err := m.within(func() error {
		if err := carry.Insert(m.c, t, rows); err != nil {
			return err
		}
		return m.Tell(ctx, k)
	})
	if m.written++; err == nil && m.written%checkpointEvery == 0 {
		_, _, _, err = m.c.Checkpointed("TRUNCATE")
	}
	return err
}

// Secrets reads the folder's keys.
func (m *mover) Secrets() (s move.Secrets, err error) {
	if !m.made() {
		return s, fmt.Errorf("there is no ledger at %s", m.path)
	}
	if err := m.loadKeys(); err != nil {
		return s, err
	}
	s.Master = m.o.Master
	if s.Master == "" {
		b, err := os.ReadFile(filepath.Join(m.o.Dir, masterFile))
		if err != nil {
			return s, err
		}
		s.Master = waxwing.Secret(strings.TrimSpace(string(b)))
	}
	copy(s.Anchor[:], m.keys.AnchorKey().Seed())
	return s, nil
}

// Shut opens the ledger once, as a daemon's start would, so that what it looks at then is looked
// at, and what a dead one held is free; and marks it.
func (m *mover) Shut(ctx context.Context, k *move.Mark) error {
	m.Close() // an opened ledger has the lock itself
	o := m.o
	o.moving = k.ID
	l, err := Open(ctx, o)
	if err != nil {
		return err
	}
	if err := l.Close(); err != nil {
		return err
	}
	if err := m.Hold(ctx); err != nil {
		return err
	}
	if err := m.open(); err != nil {
		return err
	}
	var v [1]driver.Value
	if _, err := m.c.Row("SELECT count(*) FROM claims", v[:]); err != nil {
		return err
	}
	if n := db.Int(v[0]); n > 0 {
		return fmt.Errorf("a daemon had it meanwhile, and holds %d messages: stop it, and run this again", n)
	}
	return m.Tell(ctx, k)
}

// End is the newest batch and its head.
func (m *mover) End(context.Context) (string, error) {
	b, err := rows{m.c, nil}.Last(bg)
	return fmt.Sprintf("%d %x", b.N, b.Head), err
}

// Beside reads what goes with the rows.
func (m *mover) Beside(context.Context) (b *move.Beside, err error) {
	b = &move.Beside{}
	if b.Anchors, err = os.ReadFile(filepath.Join(m.o.Dir, AnchorsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return b, m.c.Query("SELECT k, v FROM meta", func(v []driver.Value) error {
		switch db.Text(v[0]) {
		case metaIndexed:
			b.Indexed = db.Int(v[1])
		case metaKeyed:
			b.Keyed = db.Int(v[1])
		case lossesRow:
			b.Losses = bytes.Clone(db.Blob(v[1]))
		default:
			if name, ok := strings.CutPrefix(db.Text(v[0]), metaPage); ok {
				if b.Pages == nil {
					b.Pages = map[string][]byte{}
				}
				b.Pages[name] = []byte(db.Text(v[1]))
			}
		}
		return nil
	})
}

// Begin makes the file and its keys.
func (m *mover) Begin(ctx context.Context, k *move.Mark, s move.Secrets) error {
	if m.o.Master != "" {
		if err := move.SameMaster(m.o.Master, s.Master); err != nil {
			return err
		}
	}
	if k.End == "" && m.made() {
		if have, err := m.Mark(ctx); err != nil {
			return err
		} else if have == nil && !m.bare() {
			return errors.New("there is a ledger in it: name a new folder")
		}
	}
	for name, b := range map[string][]byte{masterFile: []byte(s.Master.Reveal()), anchorFile: []byte(hex.EncodeToString(s.Anchor[:]))} {
		if err := m.keep(name, b); err != nil {
			return err
		}
	}
	for _, name := range []string{AnchorsFile, WitnessFile} {
		if _, err := os.Stat(filepath.Join(m.o.Dir, name)); err == nil {
			return fmt.Errorf("%s of another ledger is in it: name a new folder", name)
		}
	}
	if err := m.open(); err != nil {
		return err
	}
	if err := os.Chmod(m.path, 0o600); err != nil {
		return err
	}
	if err := schema.Migrate(m.c); err != nil {
		return err
	}
	return m.Tell(ctx, k)
}

// bare says that the file has no row.
func (m *mover) bare() bool {
	if m.open() != nil {
		return false
	}
	if at, err := schema.Of(m.c); err != nil || at == 0 {
		return err == nil
	}
	found, err := m.c.Row("SELECT 1 FROM meta UNION ALL SELECT 1 FROM instances UNION ALL SELECT 1 FROM trail LIMIT 1", make([]driver.Value, 1))
	return err == nil && !found
}

// keep writes a key that is not there. The master key is not, where the configuration has it.
func (m *mover) keep(name string, key []byte) error {
	if name == masterFile && m.o.Master != "" {
		return nil
	}
	p := filepath.Join(m.o.Dir, name)
	switch b, err := os.ReadFile(p); {
	case err == nil && !bytes.Equal(bytes.TrimSpace(b), bytes.TrimSpace(key)):
		return fmt.Errorf("%s is the key of another ledger: name a new folder", p)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return writeDurable(p, append(key, '\n'))
}

// Finish gives it what it has beside its rows, and the sums that prove them.
func (m *mover) Finish(_ context.Context, b *move.Beside) error {
	if err := m.loadKeys(); err != nil {
		return err
	}
	if err := writeDurable(filepath.Join(m.o.Dir, AnchorsFile), b.Anchors); err != nil {
		return err
	}
	m.sums = nil
	err := m.within(func() error {
		// What confirmations are found by stands in the table lookups, as of a ledger that an
		// older program wrote: segment 0 ends with the last one.
		meta := []struct {
			k string
			v any
		}{{"ledger", strings.ToLower(rand.Text())}, {"place", placeOf(m.path)}, {metaIndexed, b.Indexed}, {metaKeyed, b.Keyed}, {metaClean, int64(1)}}
		if len(b.Losses) > 0 {
			meta = append(meta, struct {
				k string
				v any
			}{lossesRow, b.Losses})
		}
		for name, page := range b.Pages {
			meta = append(meta, struct {
				k string
				v any
			}{metaPage + name, string(page)})
		}
		if _, err := m.c.Exec("INSERT OR REPLACE INTO lookup_segments (no, last) SELECT 0, coalesce(max(id),0) FROM confirmations"); err != nil {
			return err
		}
		for _, x := range meta {
			if _, err := m.c.Exec("INSERT INTO meta (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v=excluded.v", x.k, x.v); err != nil {
				return err
			}
		}
		s := sums.New(m.keys)
		var err error
		if s.Tables, err = s.Count(m.c, func(_ string, err error) error { return err }); err != nil {
			return err
		}
		return m.putSums(s)
	})
	if err != nil {
		return err
	}
	_, _, _, err = m.c.Checkpointed("TRUNCATE")
	return err
}

// Verify proves it as the command line does.
func (m *mover) Verify(ctx context.Context, anchors ...string) (*verify.Report, error) {
	o := m.o
	o.ReadOnly, o.Witness = true, ""
	k, err := m.Mark(ctx)
	if err != nil {
		return nil, err
	}
	if k != nil {
		o.moving = k.ID
	}
	l, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }() // reads only
	return l.Verify(ctx, ownAnd(filepath.Join(m.o.Dir, AnchorsFile), anchors)...)
}

// ownAnd is the folder's anchors and further ones; none: the folder's.
func ownAnd(own string, more []string) []string {
	if len(more) == 0 {
		return nil
	}
	return append([]string{own}, more...)
}
