// Package carry reads and writes the rows of a ledger's file as they travel between stores:
// see package move. What is NULL in the file is nought, or empty, on the way.
package carry

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// The parts that stand in rows of other tables: first attempts in those of messages, and what
// confirmations are found by in their own.
const (
	firsts = "firsts"
	named  = "named"
)

// Parts are what a file's rows are read as.
func Parts() (out []move.Part) {
	for _, p := range move.Parts() {
		out = append(out, p)
		switch p.Table {
		case "attempts":
			out = append(out, move.Part{Name: firsts, Table: p.Table})
		case "lookups":
			out = append(out, move.Part{Name: named, Table: p.Table})
		}
	}
	return out
}

const (
	isFirst = "substr(first,1,1)='['"
	isNamed = "named IS NOT NULL"
)

// Count tells how many rows a part has.
func Count(c *db.Conn, p move.Part) (int64, error) {
	q := "SELECT count(*) FROM " + p.Table
	switch p.Name {
	case firsts:
		q = "SELECT count(*) FROM messages WHERE " + isFirst
	case named:
		q = fmt.Sprintf("SELECT coalesce(sum(length(named)/%d),0) FROM confirmations WHERE %s", len(store.Hash{}), isNamed)
	}
	var v [1]driver.Value
	_, err := c.Row(q, v[:])
	return db.Int(v[0]), err
}

// Read calls f with each row of a part behind a key, in the order of keys.
func Read(c *db.Conn, p move.Part, after []string, f func(key []string, r move.Row) error) error {
	switch {
	case p.Name == firsts:
		return readFirsts(c, after, f)
	case p.Name == named:
		return readNamed(c, after, f)
	case p.Table == "lookups":
		return readLookups(c, after, f)
	}
	t := move.TableOf(p.Table)
	columns, keys := make([]string, len(t.Columns)), make([]string, len(t.Key))
	for i, col := range t.Columns {
		columns[i] = selected(t, col)
	}
	for i, k := range t.Key {
		keys[i] = stored(t, t.Columns[k])
	}
	q := "SELECT " + strings.Join(columns, ", ") + " FROM " + t.Name
	var args []any
	if after != nil {
		var err error
		if args, err = t.KeyValues(after); err != nil {
			return err
		}
		q += " WHERE (" + strings.Join(keys, ",") + ") > (" + marks(len(keys)) + ")"
	}
	return c.Query(q+" ORDER BY "+strings.Join(keys, ","), func(v []driver.Value) error {
		r := make(move.Row, len(v))
		for i, col := range t.Columns {
			r[i] = value(col.Kind, v[i])
		}
		return f(t.KeyText(r), r)
	}, args...)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// value is a column's as it travels.
func value(k move.Kind, v driver.Value) any {
	switch k {
	case move.Text:
		return db.Text(v)
	case move.Bytes:
		return append([]byte{}, db.Blob(v)...)
	}
	return db.Int(v)
}

// stored is a column's name in the file: the order in which versions were saved is that of their rows.
func stored(t *move.Table, c move.Column) string {
	if t.Name == "plugin_versions" && c.Name == "saved" {
		return "rowid"
	}
	return c.Name
}

// selected is a column as it is read. A source is shut: who has not ended there never will, and
// the other store must not wait for it.
func selected(t *move.Table, c move.Column) string {
	switch t.Name + "." + c.Name {
	case "instances.epoch":
		return "coalesce(epoch,0)+1"
	case "instances.stopped":
		return "coalesce(stopped,started)"
	}
	return stored(t, c)
}

// readFirsts reads first attempts that stand in messages.
func readFirsts(c *db.Conn, after []string, f func([]string, move.Row) error) error {
	id, err := idOf(after)
	if err != nil {
		return err
	}
	return c.Query("SELECT id, first, answer FROM messages WHERE "+isFirst+" AND id>? ORDER BY id", func(v []driver.Value) error {
		var verdict, fault, phase, enhanced, provider string
		var code, began, ended int64
		parts := []any{&verdict, &fault, &phase, &code, &enhanced, &began, &ended, &provider}
		if err := json.Unmarshal([]byte(db.Text(v[1])), &parts); err != nil {
			return fmt.Errorf("the first attempt of message %d cannot be read: see waxwing ledger verify", db.Int(v[0]))
		}
		return f([]string{strconv.FormatInt(db.Int(v[0]), 10)}, move.Row{db.Int(v[0]), int64(1), provider, verdict, fault, phase, code, enhanced, began, ended,
			append([]byte{}, db.Blob(v[2])...)})
	}, id)
}

func idOf(after []string) (int64, error) {
	if after == nil {
		return 0, nil
	}
	return strconv.ParseInt(after[0], 10, 64)
}

// readNamed reads the hashes that stand in confirmations.
func readNamed(c *db.Conn, after []string, f func([]string, move.Row) error) error {
	id, err := idOf(after)
	if err != nil {
		return err
	}
	return c.Query("SELECT id, named FROM confirmations WHERE "+isNamed+" AND id>? ORDER BY id", func(v []driver.Value) error {
		key := []string{strconv.FormatInt(db.Int(v[0]), 10)}
		for h := range slices.Chunk(bytes.Clone(db.Blob(v[1])), len(store.Hash{})) {
			if err := f(key, move.Row{slices.Clip(h), db.Int(v[0])}); err != nil {
				return err
			}
		}
		return nil
	}, id)
}

// readLookups reads those of the table that do not stand in their confirmations, too.
func readLookups(c *db.Conn, after []string, f func([]string, move.Row) error) error {
	t := move.TableOf("lookups")
	q, args := "SELECT l.hash, l.confirmation, c.named FROM lookups l LEFT JOIN confirmations c ON c.id=l.confirmation", []any(nil)
	if after != nil {
		var err error
		if args, err = t.KeyValues(after); err != nil {
			return err
		}
		q += " WHERE (l.hash, l.confirmation) > (?,?)"
	}
	return c.Query(q+" ORDER BY l.hash, l.confirmation", func(v []driver.Value) error {
		h := append([]byte{}, db.Blob(v[0])...)
		for other := range slices.Chunk(db.Blob(v[2]), len(store.Hash{})) {
			if bytes.Equal(other, h) {
				return nil
			}
		}
		r := move.Row{h, db.Int(v[1])}
		return f(t.KeyText(r), r)
	}, args...)
}

// nullable are columns that are NULL in the file where they are nought or empty.
var nullable = map[string]bool{"instances.epoch": true, "instances.stopped": true, "instances.lease": true,
	"confirmations.due": true, "confirmations.released": true, "confirmations.kind": true, "confirmations.part": true, "confirmations.dek": true,
	"messages.next_at": true, "messages.digest": true, "messages.actor": true, "messages.why": true, "messages.revision": true,
	"contents.ingredients": true, "attempts.sealed": true, "annotations.sealed": true, "annotations.class": true,
	"suppressions.class": true, "suppressions.reason": true, "suppressions.actor": true}

// Insert writes rows of a table, within the transaction under way.
func Insert(c *db.Conn, t *move.Table, rows []move.Row) error {
	columns, values := make([]string, len(t.Columns)), make([]string, len(t.Columns))
	for i, col := range t.Columns {
		columns[i], values[i] = stored(t, col), "?"
		switch name := t.Name + "." + col.Name; {
		case name == "instances.epoch":
			values[i] = "nullif(?-1,0)"
		case nullable[name] && col.Kind == move.Int:
			values[i] = "nullif(?,0)"
		case nullable[name]:
			values[i] = "nullif(?,'')"
		}
		if col.Kind == move.Bytes { // an empty one may be bound as NULL
			values[i] = "coalesce(?,x'')"
			if nullable[t.Name+"."+col.Name] {
				values[i] = "nullif(?,x'')"
			}
		}
	}
	q := "INSERT INTO " + t.Name + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
	for _, r := range rows {
		if _, err := c.Exec(q, r...); err != nil {
			return err
		}
	}
	return nil
}
