package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// A database that comes back out of a back-up, or from a standby that was behind, does not know what
// was sent since. Each daemon's own folder does: its newest anchor names an entry that the
// database must have.

const (
	// anchorGrace is how much longer than the newest anchor an instance may have lived: one is
	// made each minute.
	anchorGrace = 2 * time.Minute
	// heldAtOnce is how many messages or confirmations a group holds back.
	heldAtOnce = 500
	// chainsApart is how far behind the lost chain that is known the next one begins: other
	// daemons may have lost some that began later, and no two have one number.
	chainsApart = 64
)

// past looks back before anything is written, and settles what was lost.
type past struct{ *Ledger }

// find says what is lost of what this daemon's folder tells of; nil: nothing is.
func (l past) find(ctx context.Context) (lost *ledger.LossError, last int64, err error) {
	a, err := l.newestAnchor()
	if a == nil || err != nil {
		return nil, 0, err
	}
	at := time.UnixMilli(a.At).UTC()
	found, err := l.lacks(ctx, a)
	if found == "" || err != nil {
		return nil, 0, err
	}
	for _, x := range l.inherited.losses {
		if x.Accepted.After(at) {
			l.o.Log.Warn("what this daemon wrote last is not in the database; a person has accepted that", "accepted", x.Accepted)
			return nil, 0, l.setAnchorsAside(x.Since)
		}
	}
	lost = &ledger.LossError{Found: []string{found}, Until: at.Add(anchorGrace)}
	var newest int64
	if err := l.write.QueryRow(ctx, "SELECT coalesce((SELECT max(started) FROM instances), 0)").Scan(&newest); err != nil {
		return nil, 0, err
	}
	err = l.View(ctx, store.AnyTenant, func(r store.Rows) error {
		ids, err := r.(rows).ids(ctx, "SELECT coalesce(max(id), 0) FROM confirmations")
		if err == nil && ids[0] != 0 {
			newest = max(newest, ids[0].Time().UnixMilli())
		}
		return err
	})
	if newest != 0 {
		lost.Newest = time.UnixMilli(newest).UTC()
	}
	return lost, a.Instance, err
}

// newestAnchor is the newest one in this daemon's folder that is signed by this ledger's key; nil:
// there is none.
func (l past) newestAnchor() (best *trail.Anchor, err error) {
	b, err := os.ReadFile(l.anchors.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(b) {
		got, err := trail.ReadAnchors(bytes.NewReader(line))
		if err != nil || len(got) != 1 || got[0].Verify(l.keys.AnchorPublic()) != nil {
			continue // verify tells of it
		}
		if best == nil || got[0].At >= best.At {
			best = &got[0]
		}
	}
	return best, nil
}

// lacks says what the database lacks of an anchor's chain; empty: nothing.
func (l past) lacks(ctx context.Context, a *trail.Anchor) (found string, err error) {
	name := fmt.Sprintf("%s says that instance %d had written entry %d by %s", l.anchors.path, a.Instance, a.Seq, time.UnixMilli(a.At).UTC().Format(time.RFC3339))
	err = l.View(ctx, store.AnyTenant, func(r store.Rows) error {
		all := r.(rows)
		ids, err := all.ids(ctx, "SELECT id FROM instances WHERE id = $1", a.Instance)
		if err != nil || len(ids) == 0 {
			found = name + ", and the database does not know that instance"
			return err
		}
		// From the end on: it is near, unless the daemon has been away for long.
		ends, err := all.ids(ctx, "SELECT last FROM trail WHERE instance = $1 ORDER BY batch DESC LIMIT 1", a.Instance)
		if err == nil && (len(ends) == 0 || uint64(ends[0]) < a.Seq) {
			found = name + ", and the database ends before it"
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return found, nil
}

// refuse says why there is no start from what is here; nil: there is one, of which last is
// the highest chain that is lost.
func (l past) refuse(ctx context.Context) (lost *ledger.LossError, last int64, err error) {
	lost, last, err = l.find(ctx)
	if err != nil {
		return nil, 0, err
	}
	a := l.o.AcceptLoss
	switch {
	case a == nil && lost == nil:
		return nil, 0, nil
	case lost == nil:
		l.o.Log.Warn("--accept-loss changes nothing: no loss was noticed; leave it out")
		return nil, 0, nil
	case a == nil:
		return nil, 0, lost
	case a.Nothing:
		return nil, 0, fmt.Errorf("--accept-loss none would mail again what was sent, since entries are lacking: %w", lost)
	case a.Since.After(l.now().Add(time.Minute)):
		return nil, 0, fmt.Errorf("--accept-loss %s lies in the future: name the time since when orders may be lacking", a.Since.Format(time.RFC3339))
	}
	var living int
	if err := l.write.QueryRow(ctx, "SELECT count(*) FROM instances WHERE stopped = 0 AND lease > $1", l.now().UnixMilli()).Scan(&living); err != nil {
		return nil, 0, err
	}
	if living > 0 {
		return nil, 0, fmt.Errorf("%d daemons run on the database, or were killed in the 15 s before the back-up was made or now: stop them all before a loss is accepted, and wait so long, since they would mail again what they find there", living)
	}
	return lost, last, nil
}

// settle holds for a person what may have been sent in the lost time, and records the loss
// last: until then each start refuses, or does it again. Whoever held messages is dead.
func (l past) settle(ctx context.Context) error {
	err := l.Now(ctx, func(ctx context.Context, g *ledger.Group) error {
		_, err := l.TakeOver(ctx, g, func(int64) bool { return true })
		return err
	})
	if err != nil {
		return err
	}
	held, err := l.holdBack(ctx, "SELECT id FROM messages WHERE state IN ('queued','uncertain') AND next_at <> 0 AND id > $1 ORDER BY id LIMIT $2",
		func(ids []waxwing.ID) *store.Keys { return &store.Keys{Messages: ids} }, (*machine.Set).Doubt)
	if err != nil {
		return err
	}
	more, err := l.holdBack(ctx, "SELECT id FROM confirmations WHERE state IN ('received','held','quarantined') AND dek <> '' AND id > $1 ORDER BY id LIMIT $2",
		func(ids []waxwing.ID) *store.Keys { return &store.Keys{Confirmations: ids} }, (*machine.Set).HoldBack)
	if err != nil {
		return err
	}
	all := l.inherited.losses
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	x := all[len(all)-1]
	err = l.Now(ctx, func(_ context.Context, g *ledger.Group) error {
		g.Tx.(*tx).batch.Queue("INSERT INTO meta (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v", metaLosses, b)
		g.Entry(&machine.Entry{Cause: machine.CauseLoss, Detail: [][2]string{
			{"since", x.Since.UTC().Format(time.RFC3339)}, {"until", x.Until.UTC().Format(time.RFC3339)}}})
		return nil
	})
	if err != nil {
		return err
	}
	l.o.Log.Warn("a loss was accepted: what may have been sent is held", "since", x.Since, "until", x.Until, "held", held+more)
	return l.setAnchorsAside(x.Since)
}

// holdBack changes all that a query finds behind an id, so many in a group.
func (l past) holdBack(ctx context.Context, q string, keys func([]waxwing.ID) *store.Keys, change func(*machine.Set, waxwing.ID) machine.Changes) (n int, err error) {
	for after := waxwing.ID(0); ; {
		var ids []waxwing.ID
		err := l.View(ctx, store.AnyTenant, func(r store.Rows) (err error) {
			ids, err = r.(rows).ids(ctx, q, int64(after), heldAtOnce)
			return err
		})
		if err != nil || len(ids) == 0 {
			return n, err
		}
		err = l.Now(ctx, func(ctx context.Context, g *ledger.Group) error {
			s, err := g.Load(ctx, keys(ids))
			for i := 0; i < len(ids) && err == nil; i++ {
				c := change(s, ids[i])
				err = g.Apply(ctx, &c)
			}
			return err
		})
		if err != nil {
			return n, err
		}
		n, after = n+len(ids), ids[len(ids)-1]
	}
}

// setAnchorsAside begins the anchors' file anew with those from before the loss. The others tell of
// entries that are lost: all are kept beside it, as evidence.
func (l past) setAnchorsAside(since time.Time) error {
	b, err := os.ReadFile(l.anchors.path)
	if err != nil {
		return err
	}
	aside := filepath.Join(l.o.Dir, "anchors-lost-"+l.o.Clock().UTC().Format("20060102T150405")+".jsonl")
	if err := os.WriteFile(aside, b, 0o600); err != nil {
		return err
	}
	var keep []byte
	for line := range bytes.Lines(b) {
		got, err := trail.ReadAnchors(bytes.NewReader(line))
		if err == nil && len(got) == 1 && time.UnixMilli(got[0].At).Before(since) {
			keep = append(keep, line...)
		}
	}
	next := l.anchors.path + ".next"
	if err := os.WriteFile(next, keep, 0o600); err != nil {
		return err
	}
	l.o.Log.Warn("anchors of entries that are lost were set aside", "file", aside)
	return os.Rename(next, l.anchors.path)
}

// begins raises the number of the instance that begins above those of lost chains, as far as they are known.
func begins(ctx context.Context, tx pgx.Tx, last int64) (n int64, err error) {
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(id), 0) + 1 FROM instances").Scan(&n); err != nil {
		return 0, err
	}
	if last != 0 {
		n = max(n, last+chainsApart)
	}
	return n, nil
}
