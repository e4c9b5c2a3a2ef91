package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// scrubPages overwrites what stands in places of the file that belong to no row.
func (l scrubbing) scrubPages(ctx context.Context, c *db.Conn) error {
	n, err := c.PageCount()
	if err != nil {
		return err
	}
	if n >= db.MaxPages {
		return fmt.Errorf("the ledger has %d pages: what is left of erased rows in so large a file goes with VACUUM only", n)
	}
	if err := db.Plain(c); err != nil {
		return err
	}
	var v [1]driver.Value
	clean, err := c.Row("SELECT 1 FROM meta WHERE k=?", v[:], metaClean)
	if err != nil {
		return err
	}
	if clean {
		_, err = l.scrubPass(ctx, c, false)
		return err
	}
	// A file that was written without secure_delete: copies move with their pages, so
	// that a pass which finds none is the last.
	for range 10 {
		found, err := l.scrubPass(ctx, c, true)
		if err != nil {
			return err
		}
		if found == 0 {
			break
		}
	}
	return l.do(ctx, func(ctx context.Context, t *dbTx) error {
		_, err := t.exec("INSERT INTO meta (k, v) VALUES (?, 1) ON CONFLICT DO NOTHING", metaClean)
		return err
	})
}

// scrubPass looks at each page once, a piece a read transaction, and has the writer
// overwrite what it found. deep looks at free pages and behind long values, too.
func (l scrubbing) scrubPass(ctx context.Context, c *db.Conn, deep bool) (found int, err error) {
	if deep {
		if found, err = l.scrubFree(ctx, c); err != nil {
			return found, err
		}
	}
	var dirty []int64
	for from := int64(1); ; from += scrubPiece {
		n, err := c.PageCount()
		if err != nil {
			return found, err
		}
		var owners []int64
		if from <= n {
			err = c.Pages(from, min(scrubPiece, n-from+1), func(no int64, b []byte) {
				if deep && len(db.Overflows(b, no)) > 0 {
					owners = append(owners, no)
				}
				if db.ClearUnused(b, no) {
					dirty = append(dirty, no)
				}
			})
		}
		if err == nil {
			owners, err = dirtyTails(c, owners)
		}
		if err == nil {
			err = l.batched(ctx, owners, overwriting.clearTails)
		}
		found += len(owners)
		if err == nil && (len(dirty) >= scrubBatch || from > n) {
			found += len(dirty)
			err = l.batched(ctx, dirty, overwriting.clearPages)
			dirty = dirty[:0]
		}
		if err != nil || from > n {
			return found, err
		}
		if l.closed.Load() {
			return found, waxwing.ErrStopping
		}
	}
}

// batched has the writer do something to pages, some a group commit.
func (l scrubbing) batched(ctx context.Context, pages []int64, f func(overwriting, []int64) error) error {
	for some := range slices.Chunk(pages, scrubBatch) {
		if err := l.do(ctx, func(ctx context.Context, t *dbTx) error { return f(overwriting{t}, some) }); err != nil {
			return err
		}
	}
	return nil
}

// overwriting is a group as what wipes pages has it.
type overwriting struct{ *dbTx }

func (t overwriting) setPage(no int64, b []byte) error {
	_, err := t.exec("UPDATE sqlite_dbpage SET data=? WHERE pgno=?", b, no)
	return err
}

func (t overwriting) clearPages(some []int64) error {
	for _, no := range some {
		if err := t.clearPage(no); err != nil {
			return err
		}
	}
	return nil
}

// clearPage overwrites what belongs to no cell of a page, as it is now.
func (t overwriting) clearPage(no int64) error {
	b, err := t.c.Page(no)
	if err != nil {
		return store.Fault{Err: err}
	}
	if !db.ClearUnused(b, no) {
		return nil
	}
	return t.setPage(no, b)
}

// tails calls f with the last page of each chain that begins in a page, and with what
// of it is used.
func tails(c *db.Conn, owner int64, f func(no int64, b []byte, used int) error) error {
	b, err := c.Page(owner)
	if err != nil {
		return err
	}
	for _, o := range db.Overflows(b, owner) {
		no := o.First
		for i := 1; ; i++ {
			if b, err = c.Page(no); err != nil {
				return err
			}
			if i >= o.Pages {
				break
			}
			no = int64(db.Uint16(b))<<16 | int64(db.Uint16(b[2:]))
		}
		if err := f(no, b, 4+o.Rest); err != nil {
			return err
		}
	}
	return nil
}

// dirtyTails keeps those pages whose chains end in something that is not zeroed.
func dirtyTails(c *db.Conn, owners []int64) (dirty []int64, err error) {
	if len(owners) == 0 {
		return nil, nil
	}
	if _, err := c.Exec("BEGIN"); err != nil {
		return nil, err
	}
	defer func() { _, _ = c.Exec("COMMIT") }() // reads only
	if owners, err = inUse(c, owners); err != nil {
		return nil, err
	}
	for _, no := range owners {
		found := false
		err := tails(c, no, func(_ int64, b []byte, used int) error {
			found = found || db.Wipe(b[used:])
			return nil
		})
		if err != nil {
			return nil, err
		}
		if found {
			dirty = append(dirty, no)
		}
	}
	return dirty, nil
}

func (t overwriting) clearTails(owners []int64) error {
	owners, err := inUse(t.c, owners)
	for _, owner := range owners {
		if err != nil {
			break
		}
		err = tails(t.c, owner, func(no int64, b []byte, used int) error {
			if !db.Wipe(b[used:]) {
				return nil
			}
			return t.setPage(no, b)
		})
	}
	if err != nil && !errors.As(err, new(store.Fault)) {
		err = store.Fault{Err: err}
	}
	return err
}

// inUse leaves out the pages that are free now. A free page may look like one of a
// b-tree, with chains that lead to pages of others by now: a statement that was undone
// leaves what it wrote in a page that was free before it.
func inUse(c *db.Conn, pages []int64) (used []int64, err error) {
	trunks, leaves, err := c.FreePages()
	if err != nil {
		return nil, err
	}
	for _, no := range pages {
		if _, trunk := trunks[no]; !trunk && !leaves[no] {
			used = append(used, no)
		}
	}
	return used, nil
}

// scrubFree overwrites the free pages.
func (l scrubbing) scrubFree(ctx context.Context, c *db.Conn) (found int, err error) {
	dirty, err := dirtyFree(c)
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(dirty, 8*scrubBatch) {
		if err := l.do(ctx, func(ctx context.Context, t *dbTx) error { return overwriting{t}.clearFree(some) }); err != nil {
			return 0, err
		}
	}
	return len(dirty), nil
}

func dirtyFree(c *db.Conn) (dirty []int64, err error) {
	if _, err := c.Exec("BEGIN"); err != nil {
		return nil, err
	}
	defer func() { _, _ = c.Exec("COMMIT") }() // reads only
	trunks, leaves, err := c.FreePages()
	if err != nil {
		return nil, err
	}
	look := func(no int64, used int) error {
		b, err := c.Page(no)
		if err == nil && db.Wipe(b[used:]) {
			dirty = append(dirty, no)
		}
		return err
	}
	for no, n := range trunks {
		if err := look(no, 8+4*n); err != nil {
			return nil, err
		}
	}
	for no := range leaves {
		if err := look(no, 0); err != nil {
			return nil, err
		}
	}
	slices.Sort(dirty)
	return dirty, nil
}

// clearFree overwrites those of some pages that are free now.
func (t overwriting) clearFree(some []int64) error {
	trunks, leaves, err := t.c.FreePages()
	if err != nil {
		return store.Fault{Err: err}
	}
	for _, no := range some {
		used := 0
		if n, ok := trunks[no]; ok {
			used = 8 + 4*n
		} else if !leaves[no] {
			continue
		}
		b, err := t.c.Page(no)
		if err != nil {
			return store.Fault{Err: err}
		}
		if db.Wipe(b[used:]) {
			if err := t.setPage(no, b); err != nil {
				return err
			}
		}
	}
	return nil
}
