package enrich

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// row is one result by column name.
type row map[string]any

// first is the first row of the result, nil where there is none.
func (l *sqlLookup) first(ctx context.Context, q *query, args []any) (r row, err error) {
	err = l.each(ctx, q, args, 1, func(x row) { r = x })
	return r, err
}

// each reads the result's rows up to a limit. What was read before an error
// has been handed over.
func (l *sqlLookup) each(ctx context.Context, q *query, args []any, limit int, f func(row)) error {
	rows, err := l.db.QueryContext(ctx, q.text, args...)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	defer func() { _ = rows.Close() }() // reads only
	var cols []string
	for n := 0; n < limit && rows.Next(); n++ {
		if cols == nil {
			if cols, err = rows.Columns(); err != nil {
				return err
			}
		}
		vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			return err
		}
		r := row{}
		for i, c := range cols {
			r[strings.ToLower(c)] = vals[i]
		}
		f(r)
	}
	return rows.Err()
}

const maxText = 1000

func (r row) text(col string) string {
	s := ""
	switch v := r[col].(type) {
	case string:
		s = v
	case []byte:
		s = string(v)
	case int64:
		s = fmt.Sprint(v)
	}
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	if len(s) > maxText {
		return ""
	}
	return strings.TrimSpace(s)
}

func (r row) number(col string) (int64, bool) {
	switch v := r[col].(type) {
	case int64:
		return v, true
	case int32:
		return int64(v), true
	case float64:
		return int64(v), true
	case string, []byte: // as Postgres gives the sum of a bigint
		n, err := strconv.ParseInt(r.text(col), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// count is a number that cannot be less than none, nil where it is not known.
func (r row) count(col string) *int64 {
	if n, ok := r.number(col); ok && n >= 0 {
		return &n
	}
	return nil
}

// decimal is a number as it would be written: "12.50".
func (r row) decimal(col string) string {
	switch v := r[col].(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	}
	return r.text(col)
}

// link is an https address, "" for any other.
func (r row) link(col string) string {
	if s := r.text(col); len(s) > 8 && strings.EqualFold(s[:8], "https://") {
		return s
	}
	return ""
}

func (r row) day(col string) time.Time {
	if t, ok := r[col].(time.Time); ok {
		return t
	}
	s := r.text(col)
	for _, layout := range []string{"2006-01-02", time.RFC3339, "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
