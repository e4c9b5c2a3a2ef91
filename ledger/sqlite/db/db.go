package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
)

// Conn is one connection without database/sql's pool and conversions, which
// cost more than the statements themselves on the writer's path.
type Conn struct {
	Raw    driver.Conn
	cache  map[string]*stmt
	Layout int64 // the file's, as it was first asked for; 0: not yet
	args   arena
}

// background is every statement's: what has begun is not given up.
var background = context.Background()

// Open opens a connection of its own.
func Open(dsn string) (*Conn, error) {
	c, err := (&sqlite.Driver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &Conn{Raw: c, cache: map[string]*stmt{}}, nil
}

// ErrClosed is the error of whatever is asked of a connection after Close: the driver's own
// answer is a panic.
var ErrClosed = errors.New("the connection to the ledger's file is closed")

// Close ends the connection and its statements. A second one does nothing.
func (c *Conn) Close() error {
	if c.cache == nil {
		return nil
	}
	for _, s := range c.cache {
		_ = s.s.Close()
	}
	c.cache = nil
	c.args.free()
	return c.Raw.Close()
}

type stmt struct {
	s    driver.Stmt
	args []driver.NamedValue
}

// prepare keeps each statement for the life of the connection.
func (c *Conn) prepare(q string) (*stmt, error) {
	if c.cache == nil {
		return nil, ErrClosed
	}
	if s := c.cache[q]; s != nil {
		return s, nil
	}
	ds, err := c.Raw.Prepare(q)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60s: %w", q, err)
	}
	s := &stmt{s: ds}
	c.cache[q] = s
	return s, nil
}

func (s *stmt) bind(args []any) []driver.NamedValue {
	s.args = s.args[:0]
	for i, a := range args {
		switch v := a.(type) {
		case int:
			a = int64(v)
		case string:
			a = withoutNUL(v)
		case Nullable:
			a = nil
			if v != 0 {
				a = int64(v)
			}
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s.args
}

// Nullable is written as NULL where it is nought.
type Nullable int64

// Exec runs a statement and returns how many rows it changed.
func (c *Conn) Exec(q string, args ...any) (int64, error) {
	s, err := c.prepare(q)
	if err != nil {
		return 0, err
	}
	if n, done, err := c.direct(s, args); done {
		return n, err
	}
	r, err := s.s.(driver.StmtExecContext).ExecContext(background, s.bind(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query calls f for each row; the values are valid within f only.
func (c *Conn) Query(q string, f func(row []driver.Value) error, args ...any) error {
	s, err := c.prepare(q)
	if err != nil {
		return err
	}
	rows, err := s.s.(driver.StmtQueryContext).QueryContext(background, s.bind(args))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	vals := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(vals)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = f(vals)
		}
		if err != nil {
			return err
		}
	}
}

// Row reads the first row into vals and reports whether there was one.
func (c *Conn) Row(q string, dst []driver.Value, args ...any) (bool, error) {
	found := false
	err := c.Query(q, func(row []driver.Value) error {
		copy(dst, row)
		found = true
		return ErrStop
	}, args...)
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return found, err
}

// Checkpointed runs a checkpoint of a mode (PASSIVE, TRUNCATE, NOOP), and tells how many
// pages the log has and how many of them are in the database.
func (c *Conn) Checkpointed(mode string) (busy bool, pages, moved int64, err error) {
	var v [3]driver.Value
	_, err = c.Row("PRAGMA wal_checkpoint("+mode+")", v[:])
	return Int(v[0]) != 0, Int(v[1]), Int(v[2]), err
}

// ErrStop ends a Query before its last row: f returns it, and so does Query.
var ErrStop = errors.New("stop")

// Text is a column of text; empty where it is NULL. It stays valid.
func Text(v driver.Value) string {
	switch s := v.(type) {
	case string:
		return s
	case []byte:
		return string(s)
	}
	return ""
}

// Blob is a column of bytes, valid until the next row; nil where it is NULL.
func Blob(v driver.Value) []byte {
	switch s := v.(type) {
	case []byte:
		return s
	case string:
		return []byte(s)
	}
	return nil
}

// Int is a column of a whole number; 0 where it is NULL.
func Int(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}
