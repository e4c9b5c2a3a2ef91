package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/guard"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

const lossesRow = "losses"

// settleLoss lets the ledger go on from what is there: whatever may have been sent
// in the lost time is held for a person.
func (l opening) settleLoss(ctx context.Context, lost *LossError) error {
	var v [1]driver.Value
	if ok, err := l.w.Row("SELECT v FROM meta WHERE k='"+lossesRow+"'", v[:]); err != nil {
		return err
	} else if ok {
		if err := json.Unmarshal(db.Blob(v[0]), &l.losses); err != nil {
			return fmt.Errorf("the record of accepted losses: %w", err)
		}
	}
	a := l.o.AcceptLoss
	switch {
	case a == nil:
		return l.Now(ctx, within(l.notePlace))
	case a.Nothing && lost == nil:
		l.o.Log.Warn("--accept-loss changes nothing: no loss was noticed; leave it out")
		return l.Now(ctx, within(l.notePlace))
	case a.Nothing:
		return l.Now(ctx, within(l.notePlace), func(_ context.Context, g *ledger.Group) error {
			g.Entry(&machine.Entry{Cause: machine.CauseLoss, Detail: [][2]string{{"nothing_sent", "true"}}})
			return nil
		})
	}
	var others []ledger.Loss
	for _, x := range l.losses {
		if !x.Since.Equal(a.Since) {
			others = append(others, x)
		} else if lost == nil {
			l.o.Log.Warn("--accept-loss changes nothing: this loss was accepted before; leave it out", "since", a.Since, "accepted", x.Accepted)
			return l.Now(ctx, within(l.notePlace))
		} // another loss, by a flag that was left where it stood: what may have been sent is held again
	}
	x := ledger.Loss{Since: a.Since, Until: l.o.Clock(), Accepted: l.o.Clock()}
	if lost != nil && lost.Until.Before(x.Until) {
		x.Until = lost.Until
	}
	held := 0
	all := append(others, x)
	err := l.Now(ctx, within(l.notePlace), func(ctx context.Context, g *ledger.Group) (err error) {
		held, err = acceptLoss(ctx, g, all, x)
		return err
	})
	if err == nil {
		l.losses = all
		l.o.Log.Warn("a loss was accepted: what may have been sent is held", "since", x.Since, "until", x.Until, "held", held)
	}
	return err
}

func acceptLoss(ctx context.Context, g *ledger.Group, all []ledger.Loss, x ledger.Loss) (held int, err error) {
	b, err := json.Marshal(all)
	if err != nil {
		return 0, err
	}
	t := g.Tx.(*dbTx) //nolint:errcheck // the groups of a file's writer are the file's
	if _, err := t.exec("INSERT INTO meta (k,v) VALUES ('"+lossesRow+"',?) ON CONFLICT (k) DO UPDATE SET v=excluded.v", b); err != nil {
		return 0, err
	}
	g.Entry(&machine.Entry{Cause: machine.CauseLoss, Detail: [][2]string{
		{"since", x.Since.UTC().Format(time.RFC3339)}, {"until", x.Until.UTC().Format(time.RFC3339)}}})
	n, err := holdMessages(ctx, g, t)
	if err != nil {
		return 0, err
	}
	m, err := holdConfirmations(ctx, g, t)
	return n + m, err
}

// holdMessages leaves what waits to be sent in doubt, for a person to resolve: it
// may have gone out. At its time to live it ends, as all doubt does.
func holdMessages(ctx context.Context, g *ledger.Group, t *dbTx) (int, error) {
	ids, err := idsOf(t, "SELECT id FROM messages WHERE state IN ('queued','uncertain') AND next_at IS NOT NULL")
	for _, id := range ids {
		s, err := g.Load(ctx, &store.Keys{Messages: []waxwing.ID{id}})
		if err != nil {
			return 0, err
		}
		c := s.Doubt(id)
		if err := g.Apply(ctx, &c); err != nil {
			return 0, err
		}
	}
	return len(ids), err
}

// holdConfirmations keeps what was not rendered yet from being so, until a person
// releases it: later events of the shop do not.
func holdConfirmations(ctx context.Context, g *ledger.Group, t *dbTx) (int, error) {
	ids, err := idsOf(t, "SELECT id FROM confirmations WHERE state IN ('received','held','quarantined') AND dek IS NOT NULL")
	for _, id := range ids {
		s, err := g.Load(ctx, &store.Keys{Confirmations: []waxwing.ID{id}})
		if err != nil {
			return 0, err
		}
		c := s.HoldBack(id)
		if err := g.Apply(ctx, &c); err != nil {
			return 0, err
		}
	}
	return len(ids), err
}

func idsOf(t *dbTx, query string) (ids []waxwing.ID, err error) {
	err = t.c.Query(query, func(v []driver.Value) error {
		ids = append(ids, waxwing.ID(db.Int(v[0])))
		return nil
	})
	if err != nil {
		err = store.Fault{Err: err}
	}
	return ids, err
}

// setAnchorsAside begins the anchors' file anew with those that the trail still has.
// The others tell of entries that are lost: they are kept beside it, as evidence.
func (l opening) setAnchorsAside() error {
	path := filepath.Join(l.o.Dir, AnchorsFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || len(b) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	var keep []byte
	good, err := goodHeads(l.w, b)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(b) {
		got, err := trail.ReadAnchors(bytes.NewReader(line))
		if err == nil && len(got) == 1 && good[trailPlace{got[0].Instance, int64(got[0].Seq)}] == got[0].Head {
			keep = append(keep, line...)
		}
	}
	if len(keep) == len(b) {
		return nil
	}
	aside := filepath.Join(l.o.Dir, "anchors-lost-"+l.o.Clock().UTC().Format("20060102T150405")+".jsonl")
	if err := writeDurable(aside, b); err != nil {
		return err
	}
	l.o.Log.Warn("anchors of entries that are lost were set aside", "file", aside)
	return writeDurable(path, keep)
}

// trailPlace is an entry's: its chain and number.
type trailPlace struct{ instance, seq int64 }

// goodHeads walks the trail once and gives the head at each entry that a line of the
// anchors names.
func goodHeads(c *db.Conn, anchors []byte) (map[trailPlace]string, error) {
	heads := map[trailPlace]string{}
	for line := range bytes.Lines(anchors) {
		if got, err := trail.ReadAnchors(bytes.NewReader(line)); err == nil && len(got) == 1 {
			heads[trailPlace{got[0].Instance, int64(got[0].Seq)}] = ""
		}
	}
	var chain trail.Chain
	err := c.Query("SELECT instance, first, entries, head FROM trail ORDER BY batch", func(v []driver.Value) error {
		if db.Int(v[0]) != chain.Instance {
			chain = trail.Chain{Instance: db.Int(v[0])}
		}
		_ = chain.Walk(entriesOf(v[2]), func(e waxwing.TrailEntry, h trail.Head) error { // verify tells what is wrong with it
			at := trailPlace{chain.Instance, int64(e.Seq)}
			if _, wanted := heads[at]; wanted {
				heads[at] = hex.EncodeToString(h[:])
			}
			return nil
		})
		return nil
	})
	return heads, err
}

// past looks back before anything is written: at what is lost, if a person has
// accepted that, or at why there is no start.
func (dir *folder) past() (lost *LossError, err error) {
	marks, found := dir.marks()
	short, err := dir.torn()
	if err != nil {
		return nil, err
	}
	if err := dir.mixture(marks, short); err != nil {
		return nil, err // nobody's word makes it whole
	}
	if err = dir.missing(marks); err == nil {
		err = dir.beforeOpening(marks, found)
	}
	a := dir.o.AcceptLoss
	if a != nil && !a.Nothing && a.Since.After(dir.o.Clock().Add(time.Minute)) {
		return nil, fmt.Errorf("--accept-loss %s lies in the future: name the time since when orders may be lacking", a.Since.Format(time.RFC3339))
	}
	switch {
	case !errors.As(err, &lost) || a == nil:
		return nil, err
	case a.Nothing && lost.proven:
		return nil, fmt.Errorf("--accept-loss none would mail again what was sent, since entries are lacking: %w", err)
	}
	return lost, nil
}

var errTorn = errors.New("it is shorter than it says itself")

// torn finds a database that was cut, within a page too, which SQLite would fill with zeros.
// A log may make up for that, and then it is short only: a disk that is full cuts what is moved from it.
func (dir *folder) torn() (short bool, err error) {
	f, err := os.Open(dir.path)
	if err != nil {
		return false, nil // missing tells
	}
	defer func() { _ = f.Close() }() // only read; SQLite has not opened it yet
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return false, err
	}
	var h [100]byte
	if _, err := f.ReadAt(h[:], 0); errors.Is(err, io.EOF) {
		return false, errTorn
	} else if err != nil {
		return false, err
	}
	page, pages := int64(binary.BigEndian.Uint16(h[16:])), int64(binary.BigEndian.Uint32(h[28:]))
	if page == 1 {
		page = 65536
	}
	if st.Size() >= page*pages || !bytes.Equal(h[24:28], h[92:96]) { // else SQLite does not believe the number, either
		return false, nil
	}
	if wal, err := os.Stat(guard.RealPath(dir.path) + "-wal"); err == nil && wal.Size() > 0 {
		return true, nil
	}
	return false, errTorn
}

// damaged adds the remedy to an error of a file that is no whole database.
func (dir *folder) damaged(err error) error {
	if db.FaultOf(err) != db.Broken && !errors.Is(err, errTorn) {
		return err
	}
	name := filepath.Base(dir.path)
	return fmt.Errorf("%s is damaged or was cut (%w). Where the next start says so, too, put the newest whole ledger back, or a backup. If there is none, move %s and %s-wal out of the folder, "+
		"and start once with --accept-loss SINCE, since when orders may be lacking: what may have been sent is then held for a person", dir.path, err, name, name)
}
