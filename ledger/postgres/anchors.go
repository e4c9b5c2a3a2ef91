package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// anchors are signed heads in a file of this instance's, apart from the database.
type anchors struct {
	mu   sync.Mutex
	path string
}

// append adds a line, and has it on disk. What a crash cut off is no line: it is ended first,
// and passed over by who reads.
func (a *anchors) append(line []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	whole, err := wholeLines(f)
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.WriteAt(append(line, '\n'), whole)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// wholeLines is where the last line of a file ends that has an end.
func wholeLines(f *os.File) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	var b [1]byte
	for at := st.Size(); at > 0; at-- {
		if _, err := f.ReadAt(b[:], at-1); err != nil {
			return 0, err
		}
		if b[0] == '\n' {
			return at, nil
		}
	}
	return 0, nil
}

// anchorOf keeps the signed head of this instance's chain. The writer calls it.
func (l *Ledger) anchorOf(c *trail.Chain) error {
	b, err := json.Marshal(c.Sign(l.keys.AnchorKey(), l.now()))
	if err == nil {
		err = l.anchors.append(b)
	}
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}

// Verify replays the whole trail of all instances: hashes, sequence, anchors, transitions; and
// compares what follows from it with every row and every sealed content. Anchors are read
// from the files named, or from this instance's own where none is: the others' prove their
// chains.
func (l *Ledger) Verify(ctx context.Context, files ...string) (*verify.Report, error) {
	r := &verify.Report{Blind: []string{"What the trail does not repeat of the rows is not proved on Postgres: somebody who can write the database can change it unseen."}}
	if strings.Join(files, "") == "" {
		files = []string{l.anchors.path}
	}
	heads := map[int64]map[uint64]string{}
	for _, path := range files {
		if path == "" {
			continue
		}
		if err := l.readAnchors(r, heads, path); err != nil {
			return r, err
		}
	}
	if r.Anchored.IsZero() {
		r.Blind = append(r.Blind, fmt.Sprintf("There is no good anchor in %s, so that a cut-off end, or a chain that somebody with the keys wrote anew, cannot be seen. "+
			"Name a copy of anchors.jsonl with --anchors FILE.", strings.Join(files, ", ")))
	}
	return r, l.browse(ctx, 0, func(c *pgxpool.Conn) error {
		return l.atOneState(ctx, c, store.AnyTenant, func(rows store.Rows) error {
			return verify.Ledger(ctx, verify.Parts{Rows: rows.(store.Audit), Contents: l.contents, Report: r, Anchors: heads})
		})
	})
}

func (l *Ledger) readAnchors(r *verify.Report, heads map[int64]map[uint64]string, path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := trail.ReadAnchors(bytes.NewReader(b))
	if err != nil {
		r.Problem("%v", err)
	}
	for i := range list {
		a := &list[i]
		r.Anchors++
		if err := a.Verify(l.keys.AnchorPublic()); err != nil {
			r.Problem("%v", err)
			continue
		}
		if heads[a.Instance] == nil {
			heads[a.Instance] = map[uint64]string{}
		}
		if h, ok := heads[a.Instance][a.Seq]; ok && h != a.Head {
			r.Problem("ALARM: two anchors of chain %d at entry %d differ (%s): two ledgers went on from one copy, each with mails of its own", a.Instance, a.Seq, path)
			continue
		}
		heads[a.Instance][a.Seq] = a.Head
		if at := time.UnixMilli(a.At).UTC(); at.After(r.Anchored) {
			r.Anchored = at
		}
	}
	return nil
}
