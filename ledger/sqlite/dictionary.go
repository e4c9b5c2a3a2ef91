package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/waxwinghq/waxwing/ledger"
)

func (l *Ledger) loadDictionaries(ctx context.Context) error {
	return l.db.read(ctx, func(c *conn) error {
		return c.query("SELECT id, body FROM dictionaries", func(r []driver.Value) error {
			l.contents.Add(uint32(num(r[0])), append([]byte(nil), blob(r[1])...))
			return nil
		})
	})
}

// Teach makes a dictionary of a sample mail for messages whose Draft names it.
// The sample must come from an invented order. It is stored once: the same
// sample at the next start is the same dictionary.
func (l *Ledger) Teach(ctx context.Context, name string, sample []byte) error {
	body, err := ledger.MakeDictionary(sample)
	if err != nil {
		return err
	}
	var id uint32
	err = l.do(ctx, func(ctx context.Context, t *tx) error {
		var v [1]driver.Value
		found, err := t.c.row("SELECT id FROM dictionaries WHERE body=?", v[:], body)
		if err != nil {
			return fault{err}
		}
		if found {
			id = uint32(num(v[0]))
			return nil
		}
		if _, err := t.c.row("SELECT coalesce(max(id),0)+1 FROM dictionaries", v[:]); err != nil {
			return fault{err}
		}
		id = uint32(num(v[0]))
		_, err = t.exec("INSERT INTO dictionaries (id, body) VALUES (?,?)", int64(id), body)
		return err
	})
	if err != nil {
		return err
	}
	if !l.contents.Add(id, body) {
		return ledger.ErrPacked
	}
	l.contents.Name(name, id)
	return nil
}
