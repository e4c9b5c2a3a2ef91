package mysql

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

// orders reads completed orders from the database.
type orders struct {
	settings *Settings
	watches  []watch
	db       *sql.DB
	lists    []string // their names
}

func newOrders(s *Settings, watches []watch, db *sql.DB) *orders {
	return &orders{settings: s, watches: watches, db: db, lists: slices.Sorted(maps.Keys(s.Order.Lists))}
}

// queries are those by which orders are read and found, by their keys in the configuration.
func (s *Settings) queries() map[string]string {
	out := map[string]string{"order.row": s.Order.Row, "scan": s.Scan}
	for name, q := range s.Order.Lists {
		out["order.lists."+name] = q
	}
	for i, w := range s.Watch {
		out[fmt.Sprintf("watch[%d].find", i)] = w.Find
	}
	maps.DeleteFunc(out, func(_, q string) bool { return q == "" })
	return out
}

// prepare has the server look at each query before the first order depends on it, and at what the queries need.
func (o *orders) prepare(ctx context.Context) error {
	for key, q := range o.settings.queries() {
		if err := describe(ctx, o.db, q); err != nil {
			return advised(err, key)
		}
	}
	list, err := zones(ctx, o.db, o.settings.queries())
	if err != nil {
		return err
	}
	return failed(list)
}

// describe has a query read by the server, which does not run it.
func describe(ctx context.Context, db *sql.DB, query string) error {
	st, err := db.PrepareContext(ctx, table.Query(query))
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }() // it was only prepared
	return nil
}

// typed is a key as its column compares it.
func typed(k kind, s string) any {
	if k == kindNumber {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			return n
		}
	}
	if k == kindBytes { // as text the server would read them in the connection's character set
		return []byte(s)
	}
	return s
}

// args are the values of a query's parameters: one value stands for all of them.
func args(query string, key []any) []any {
	if len(key) == 1 {
		return slices.Repeat(key, table.Marks(query))
	}
	return key
}

// job reads some; after is where their transaction is in the log, nil: all see it already.
func (o *orders) job(after *spot, list []found) *table.Job[place] {
	j := &table.Job[place]{}
	if len(list) > 0 {
		j.Read = func(ctx context.Context) ([]source.Event, error) { return o.events(ctx, after, list) }
	}
	return j
}

// events makes those of what a transaction has completed; an order that is not there any more makes none.
func (o *orders) events(ctx context.Context, after *spot, list []found) (out []source.Event, err error) {
	if o.settings.Order.Row == "" {
		return o.rows(list)
	}
	err = o.snapshot(ctx, after, func(c *sql.Conn, _ place) error {
		done := map[string]bool{}
		for _, f := range list {
			keys := f.key[:1]
			if f.watch >= 0 && o.watches[f.watch].find != "" {
				w := o.watches[f.watch]
				if keys, err = o.keys(ctx, c, w.find, f.key); err != nil {
					return fmt.Errorf("finding the orders of a change in %s: %w", w.table, advised(err, "watch.find"))
				}
			}
			for _, k := range keys {
				id := fmt.Sprint(k)
				if done[id] {
					continue
				}
				done[id] = true
				ev, err := o.read(ctx, c, k)
				if err != nil {
					return err
				}
				if ev != nil {
					out = append(out, *ev)
				}
			}
		}
		return nil
	})
	return out, err
}

// rows makes events of changed rows themselves.
func (o *orders) rows(list []found) (out []source.Event, err error) {
	for _, f := range list {
		var x table.Object
		if err := x.Row(f.row, o.inner); err != nil {
			return nil, err
		}
		ev, err := o.event(x.Bytes(), f.row)
		if err != nil {
			return nil, err
		}
		if ev != nil {
			out = append(out, *ev)
		}
	}
	return out, nil
}

// inner gives a member's value as an event has it.
func (o *orders) inner(name string, v []byte) []byte {
	if slices.Contains(o.settings.Order.JSON, name) {
		return table.Unwrap(v)
	}
	return v
}

// snapshot has do look at the database as it is at one moment, which is told, and in which a transaction that is in the
// log is seen: the log tells of it as soon as it is on the disk, a moment before others see what it has done. Who asks at
// once finds no order, or one as it was. The server tells where in its log a snapshot is.
func (o *orders) snapshot(ctx context.Context, after *spot, do func(*sql.Conn, place) error) (err error) {
	c, err := o.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting to read orders: %w%s", err, hint(err))
	}
	defer func() {
		if err != nil { // it may be in a transaction: it is not used again
			_ = c.Raw(func(any) error { return sqldriver.ErrBadConn })
		}
		_ = c.Close() // back to the pool
	}()
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		at, err := begin(ctx, c)
		if err != nil {
			return err
		}
		if after == nil || at.reaches(*after) {
			err = do(c, at)
		} else {
			err = errEarly
		}
		if err != nil && !errors.Is(err, errEarly) {
			return err
		}
		if _, of := c.ExecContext(ctx, "COMMIT"); of != nil {
			return fmt.Errorf("reading orders: %w", of)
		}
		if err == nil {
			return nil
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("a transaction that is in the log is not visible yet (it may wait for a replica): %w", context.Cause(ctx))
		}
	}
}

var errEarly = errors.New("it is not seen yet")

// begin begins a snapshot, and says where in the log it is.
func begin(ctx context.Context, c *sql.Conn) (at place, err error) {
	if _, err := c.ExecContext(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
		return at, fmt.Errorf("beginning to read orders: %w", err)
	}
	rows, err := c.QueryContext(ctx, "SHOW STATUS LIKE 'binlog_snapshot_%'")
	if err != nil {
		return at, fmt.Errorf("asking where in the log a snapshot is: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err says what was wrong
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return at, err
		}
		switch name {
		case "Binlog_snapshot_file":
			at.File = value
		case "Binlog_snapshot_position":
			at.At, err = strconv.ParseUint(value, 10, 64)
		}
		if err != nil {
			return at, fmt.Errorf("asking where in the log a snapshot is: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return at, fmt.Errorf("asking where in the log a snapshot is: %w", err)
	}
	if at.File == "" {
		return at, errors.New("the server does not say where in its log a snapshot is: is log_bin on, and is it MariaDB?")
	}
	return at, nil
}

// keys asks a query for the keys of orders.
func (o *orders) keys(ctx context.Context, c *sql.Conn, query string, key []any) (out []any, err error) {
	err = each(ctx, c, query, key, func(r *record) error {
		if r.values[0] != nil {
			out = append(out, typed(r.kinds[0], string(r.values[0])))
		}
		return nil
	})
	return out, err
}

// record is a row of a query's; it is the next one's afterwards.
type record struct {
	names  []string
	kinds  []kind
	bits   []bool
	values []sql.RawBytes
}

// each runs a query.
func each(ctx context.Context, c *sql.Conn, query string, key []any, do func(*record) error) error {
	query = table.Query(query)
	rows, err := c.QueryContext(ctx, query, args(query, key)...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err says what was wrong
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	r := &record{values: make([]sql.RawBytes, len(types))}
	into := make([]any, len(types))
	for i, t := range types {
		r.names = append(r.names, t.Name())
		r.kinds = append(r.kinds, kindOf(t.DatabaseTypeName()))
		r.bits = append(r.bits, t.DatabaseTypeName() == "BIT")
		into[i] = &r.values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := do(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// object is it as an event has it.
func (r *record) object(with func(string, []byte) []byte) []byte {
	var x table.Object
	for i, v := range r.values {
		raw := []byte("null")
		switch {
		case v == nil:
		case r.bits[i]:
			var n uint64
			for _, b := range v {
				n = n<<8 | uint64(b)
			}
			raw = strconv.AppendUint(nil, n, 10)
		default:
			raw = asJSON(r.kinds[i], string(v))
		}
		if with != nil {
			raw = with(r.names[i], raw)
		}
		x.Member(r.names[i], raw)
	}
	return x.Bytes()
}

// read reads one order; nil if it is not there.
func (o *orders) read(ctx context.Context, c *sql.Conn, key any) (*source.Event, error) {
	n := 0
	var x table.Object
	var plain []byte
	err := each(ctx, c, o.settings.Order.Row, []any{key}, func(r *record) error {
		n++
		plain = r.object(nil)
		x = table.Object{}
		return x.Row(plain, o.inner)
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading an order: %w", advised(err, "order.row"))
	case n == 0:
		return nil, nil
	case n > 1:
		return nil, fmt.Errorf("reading an order: the query gives %d rows for one key: correct order.row", n)
	}
	for _, name := range o.lists {
		list := []byte{'['}
		err := each(ctx, c, o.settings.Order.Lists[name], []any{key}, func(r *record) error {
			if len(list) > 1 {
				list = append(list, ',')
			}
			list = append(list, r.object(o.inner)...)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading an order: %w", advised(err, "order.lists."+name))
		}
		x.Member(name, append(list, ']'))
	}
	return o.event(x.Bytes(), plain)
}

// event gives an order to its shop; nil if it is of none of ours.
func (o *orders) event(raw, row []byte) (*source.Event, error) {
	s := o.settings
	ev := &source.Event{Tenant: waxwing.TenantID(s.Tenant), Shop: waxwing.ShopID(s.Shop), Topic: s.Topic, Raw: raw}
	if s.Shops == nil {
		return ev, nil
	}
	value, ok, err := table.Member(row, s.Shops.Column)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the order's row has no column %s: correct shops.column", s.Shops.Column)
	}
	if ev.Shop, err = s.shopOf(value); err != nil || ev.Shop == "" {
		return nil, err
	}
	return ev, nil
}

// scan calls do with the orders that the query finds, some at a time, and says where in the log the moment is at which it looks.
func (o *orders) scan(ctx context.Context, since time.Time, do func([]found) error) (at place, err error) {
	err = o.snapshot(ctx, nil, func(c *sql.Conn, when place) error {
		if at, err = complete(ctx, c, when); err != nil {
			return err
		}
		var list []found
		err := each(ctx, c, o.settings.Scan, []any{since.UTC().Format("2006-01-02 15:04:05.000000")}, func(r *record) error {
			f := found{watch: -1}
			switch {
			case o.settings.Order.Row == "":
				f.row = r.object(nil)
			case r.values[0] == nil:
				return nil
			default:
				f.key = []any{typed(r.kinds[0], string(r.values[0]))}
			}
			if list = append(list, f); len(list) < table.Chunk {
				return nil
			}
			err := do(list)
			list = nil
			return err
		})
		if err != nil {
			return advised(err, "scan")
		}
		return do(list)
	})
	return at, err
}

// complete adds a snapshot's position.
func complete(ctx context.Context, c *sql.Conn, at place) (place, error) {
	var pos sql.NullString
	var us int64
	err := c.QueryRowContext(ctx, "SELECT BINLOG_GTID_POS(?, ?), CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)", at.File, at.At).Scan(&pos, &us)
	if err != nil {
		return at, fmt.Errorf("asking for the log's position: %w", err)
	}
	if !pos.Valid {
		return at, fmt.Errorf("the server gives no GTID for its log's place %s %d", at.File, at.At)
	}
	at.when = time.UnixMicro(us).UTC()
	at.pos, err = parsePosition(pos.String)
	return at, err
}

// now is the log's position at which the database is.
func (o *orders) now(ctx context.Context) (at place, err error) {
	err = o.snapshot(ctx, nil, func(c *sql.Conn, when place) error {
		at, err = complete(ctx, c, when)
		return err
	})
	return at, err
}

// List is source.Lister's: what the scan finds.
func (s *Settings) List(ctx context.Context, name string, since time.Time, each func(source.Event) error) error {
	if s.Scan == "" {
		return errors.New("the source " + name + " has no query scan, which gives the keys of the orders completed since ?: add it")
	}
	a, err := parseAddress(s.DSN.Reveal())
	if err != nil {
		return fmt.Errorf("dsn: %w", err)
	}
	watches, err := s.watches(a.database)
	if err != nil {
		return err
	}
	db, err := a.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it was only read
	o := newOrders(s, watches, db)
	if err := o.prepare(ctx); err != nil {
		return err
	}
	_, err = o.scan(ctx, since, func(list []found) error {
		events, err := o.events(ctx, nil, list)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if err := each(ev); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// advised says which key of the configuration a query is that the server refuses.
func advised(err error, key string) error {
	switch c := code(err); c {
	case 0:
	case 1142, 1143, 1044:
		return fmt.Errorf("%s: %w: GRANT SELECT on it to the source's user", key, err)
	case 1064, 1054, 1146, 1305, 1052, 1109:
		return fmt.Errorf("%s: the server refuses the query: %w: correct it; nothing is left out meanwhile", key, err)
	}
	return fmt.Errorf("%s: %w", key, err)
}
