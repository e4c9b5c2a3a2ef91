package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"modernc.org/sqlite"
)

// conn is one connection without database/sql's pool and conversions, which
// cost more than the statements themselves on the writer's path.
type conn struct {
	c      driver.Conn
	cache  map[string]*stmt
	layout int64 // the file's, as it was first asked for; 0: not yet
}

var bg = context.Background()

func openConn(dsn string) (*conn, error) {
	c, err := (&sqlite.Driver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, cache: map[string]*stmt{}}, nil
}

func (c *conn) close() error {
	for _, s := range c.cache {
		_ = s.s.Close()
	}
	return c.c.Close()
}

type stmt struct {
	s    driver.Stmt
	args []driver.NamedValue
}

// prepare keeps each statement for the life of the connection.
func (c *conn) prepare(q string) (*stmt, error) {
	if s := c.cache[q]; s != nil {
		return s, nil
	}
	ds, err := c.c.Prepare(q)
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
			// What follows a NUL SQLite's report of a changed row does not tell: see sums.
			if strings.IndexByte(v, 0) >= 0 {
				a = strings.ReplaceAll(v, "\x00", "")
			}
		case nullable:
			a = nil
			if v != 0 {
				a = int64(v)
			}
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s.args
}

// nullable is written as NULL where it is nought.
type nullable int64

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(q string, args ...any) (int64, error) {
	s, err := c.prepare(q)
	if err != nil {
		return 0, err
	}
	r, err := s.s.(driver.StmtExecContext).ExecContext(bg, s.bind(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query calls f for each row; the values are valid within f only.
func (c *conn) query(q string, f func(row []driver.Value) error, args ...any) error {
	s, err := c.prepare(q)
	if err != nil {
		return err
	}
	rows, err := s.s.(driver.StmtQueryContext).QueryContext(bg, s.bind(args))
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

// row reads the first row into vals and reports whether there was one.
func (c *conn) row(q string, dst []driver.Value, args ...any) (bool, error) {
	found := false
	err := c.query(q, func(row []driver.Value) error {
		copy(dst, row)
		found = true
		return errStop
	}, args...)
	if errors.Is(err, errStop) {
		err = nil
	}
	return found, err
}

// checkpointed runs a checkpoint of a mode (PASSIVE, TRUNCATE, NOOP), and tells how many
// pages the log has and how many of them are in the database.
func (c *conn) checkpointed(mode string) (busy bool, pages, moved int64, err error) {
	var v [3]driver.Value
	_, err = c.row("PRAGMA wal_checkpoint("+mode+")", v[:])
	return num(v[0]) != 0, num(v[1]), num(v[2]), err
}

var errStop = errors.New("stop")

func str(v driver.Value) string {
	switch s := v.(type) {
	case string:
		return s
	case []byte:
		return string(s)
	}
	return ""
}

func blob(v driver.Value) []byte {
	switch s := v.(type) {
	case []byte:
		return s
	case string:
		return []byte(s)
	}
	return nil
}

func num(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}
