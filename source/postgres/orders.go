package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

// orders reads completed orders from the database.
type orders struct {
	settings *Settings
	watches  []watch
	pool     *pgxpool.Pool
	lists    []string            // their names
	binary   map[string][]string // the columns of bytes, by query
}

func newOrders(s *Settings, watches []watch, pool *pgxpool.Pool) *orders {
	return &orders{settings: s, watches: watches, pool: pool, lists: slices.Sorted(maps.Keys(s.Order.Lists)), binary: map[string][]string{}}
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

// prepare has the server look at each query before the first order depends on it.
func (o *orders) prepare(ctx context.Context) error {
	c, err := o.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to read orders: %w", err)
	}
	defer c.Release()
	for key, q := range o.settings.queries() {
		d, err := describe(ctx, c.Conn().PgConn(), q)
		if err != nil {
			return advised(err, key)
		}
		for _, f := range d.Fields {
			if f.DataTypeOID == oidBytea {
				o.binary[q] = append(o.binary[q], f.Name)
			}
		}
	}
	return nil
}

// describe has a query read by the server, which does not run it.
func describe(ctx context.Context, c *pgconn.PgConn, query string) (*pgconn.StatementDescription, error) {
	return c.Prepare(ctx, "", table.Query(query), nil)
}

// with gives the values of a query's row as an event has them.
func (o *orders) with(query string) func(name string, v []byte) []byte {
	binary, asJSON := o.binary[query], o.settings.Order.JSON
	return func(name string, v []byte) []byte {
		var s string
		switch {
		case slices.Contains(asJSON, name):
			return table.Unwrap(v)
		case slices.Contains(binary, name) && json.Unmarshal(v, &s) == nil && s != "":
			return bytea(s)
		}
		return v
	}
}

// job reads them; xid is as for events.
func (o *orders) job(xid uint32, list []found) *table.Job[place] {
	j := &table.Job[place]{}
	if len(list) > 0 {
		j.Read = func(ctx context.Context) ([]source.Event, error) { return o.events(ctx, xid, list) }
	}
	return j
}

// events makes those of what a transaction has completed; an order that is not there any more makes none.
// xid is the transaction's; 0: all see it already.
func (o *orders) events(ctx context.Context, xid uint32, list []found) ([]source.Event, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if o.settings.Order.Row == "" {
		return o.rows(list)
	}
	c, err := o.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to read orders: %w", err)
	}
	// One whose transaction failed is not used again.
	defer c.Release()
	if err := visible(ctx, c.Conn().PgConn(), xid); err != nil {
		return nil, err
	}
	var out []source.Event
	done := map[string]bool{}
	for _, f := range list {
		keys := f.key[:1]
		if f.watch >= 0 && o.watches[f.watch].find != "" {
			w := o.watches[f.watch]
			if keys, err = o.keys(ctx, c.Conn().PgConn(), w.find, f.key); err != nil {
				return nil, fmt.Errorf("finding the orders of a change in %s: %w", w.table, advised(err, "watch.find"))
			}
		}
		for _, k := range keys {
			if done[k] {
				continue
			}
			done[k] = true
			ev, err := o.read(ctx, c.Conn().PgConn(), k)
			if err != nil {
				return nil, err
			}
			if ev != nil {
				out = append(out, *ev)
			}
		}
	}
	return out, nil
}

// rows makes events of changed rows themselves.
func (o *orders) rows(list []found) (out []source.Event, err error) {
	for _, f := range list {
		var x table.Object
		if err := x.Row(f.row, o.with(o.settings.Scan)); err != nil {
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

// visible waits until others see what a transaction has done. The log tells of a commit as soon as it
// is on the disk, a moment before that: who asks at once finds no order, or one as it was.
func visible(ctx context.Context, c *pgconn.PgConn, xid uint32) error {
	for wait := time.Millisecond; xid != 0; wait = min(2*wait, 100*time.Millisecond) {
		got := c.ExecParams(ctx, "select pg_current_snapshot()::text", nil, nil, nil, nil).Read()
		if got.Err != nil {
			return fmt.Errorf("asking which transactions are visible: %w", got.Err)
		}
		ok, err := sees(string(got.Rows[0][0]), xid)
		if err != nil || ok {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("a transaction that is in the log is not visible yet (it may wait for a synchronous standby): %w", context.Cause(ctx))
		}
	}
	return nil
}

// sees says whether a snapshot, xmin:xmax:xip,xip, is later than a transaction's end. Its numbers have 64 bits, of
// which the log has the lower half.
func sees(snapshot string, xid uint32) (bool, error) {
	part := strings.Split(snapshot, ":")
	if len(part) != 3 {
		return false, fmt.Errorf("the server's snapshot %q cannot be read", snapshot)
	}
	end, err := strconv.ParseUint(part[1], 10, 64)
	if err != nil {
		return false, fmt.Errorf("the server's snapshot %q cannot be read", snapshot)
	}
	if int32(xid-uint32(end)) >= 0 { //nolint:gosec // numbers go round
		return false, nil
	}
	for x := range strings.SplitSeq(part[2], ",") {
		if n, err := strconv.ParseUint(x, 10, 64); err == nil && uint32(n) == xid { //nolint:gosec // the lower half
			return false, nil
		}
	}
	return true, nil
}

// keys asks a query for the keys of orders.
func (o *orders) keys(ctx context.Context, c *pgconn.PgConn, query string, params []string) (out []string, err error) {
	args := make([][]byte, len(params))
	for i, p := range params {
		args[i] = []byte(p)
	}
	got := c.ExecParams(ctx, query, args, nil, nil, nil).Read()
	if got.Err != nil {
		return nil, got.Err
	}
	for _, r := range got.Rows {
		if len(r) > 0 && r[0] != nil {
			out = append(out, string(r[0]))
		}
	}
	return out, nil
}

// read reads one order, as it is at one moment; nil if it is not there.
func (o *orders) read(ctx context.Context, c *pgconn.PgConn, key string) (*source.Event, error) {
	b := &pgconn.Batch{}
	arg := [][]byte{[]byte(key)}
	b.ExecParams("begin isolation level repeatable read, read only", nil, nil, nil, nil)
	b.ExecParams(asRows(o.settings.Order.Row), arg, nil, nil, nil)
	for _, name := range o.lists {
		b.ExecParams(asRows(o.settings.Order.Lists[name]), arg, nil, nil, nil)
	}
	b.ExecParams("commit", nil, nil, nil, nil)
	// What each query gives, before another is known to have failed.
	got := make([][][]byte, 0, len(o.lists)+3)
	m := c.ExecBatch(ctx, b)
	for m.NextResult() {
		var rows [][]byte
		r := m.ResultReader()
		for r.NextRow() {
			rows = append(rows, slices.Clone(r.Values()[0]))
		}
		if _, err := r.Close(); err != nil {
			break // Close says it
		}
		got = append(got, rows)
	}
	if err := m.Close(); err != nil {
		at := "order.row"
		if n := len(got) - 2; n >= 0 && n < len(o.lists) {
			at = "order.lists." + o.lists[n]
		}
		return nil, fmt.Errorf("reading an order: %w", advised(err, at))
	}
	if len(got) != len(o.lists)+3 {
		return nil, errors.New("reading an order: the server has not answered each query")
	}
	switch n := len(got[1]); {
	case n == 0:
		return nil, nil
	case n > 1:
		return nil, fmt.Errorf("reading an order: the query gives %d rows for one key: correct order.row", n)
	}
	var x table.Object
	if err := x.Row(got[1][0], o.with(o.settings.Order.Row)); err != nil {
		return nil, err
	}
	for i, name := range o.lists {
		list := []byte{'['}
		for j, r := range got[i+2] {
			if j > 0 {
				list = append(list, ',')
			}
			var item table.Object
			if err := item.Row(r, o.with(o.settings.Order.Lists[name])); err != nil {
				return nil, err
			}
			list = append(list, item.Bytes()...)
		}
		x.Member(name, append(list, ']'))
	}
	return o.event(x.Bytes(), got[1][0])
}

// asRows has each row of a query as an object.
func asRows(query string) string {
	return "select row_to_json(waxwing_row)::text from (" + table.Query(query) + "\n) waxwing_row"
}

// event gives an order to its shop; nil if it is of none of ours.
func (o *orders) event(raw, row []byte) (*source.Event, error) {
	ev := &source.Event{Tenant: waxwing.TenantID(o.settings.Tenant), Shop: waxwing.ShopID(o.settings.Shop), Topic: o.settings.Topic, Raw: raw}
	if o.settings.Shops == nil {
		return ev, nil
	}
	value, ok, err := table.Member(row, o.settings.Shops.Column)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the order's row has no column %s: correct shops.column", o.settings.Shops.Column)
	}
	if ev.Shop, err = o.settings.shopOf(value); err != nil || ev.Shop == "" {
		return nil, err
	}
	return ev, nil
}

// advised says which key of the configuration a query is that the server refuses.
func advised(err error, key string) error {
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return err
	}
	switch p.Code {
	case "42501":
		return fmt.Errorf("%s: %s: GRANT SELECT on it to the source's role", key, p.Message)
	case "42601", "42703", "42P01", "42883", "42804", "42P02", "22P02", "42702":
		return fmt.Errorf("%s: the server refuses the query: %s (%s): correct it; nothing is left out meanwhile", key, p.Message, p.Code)
	}
	return fmt.Errorf("%s: %w", key, err)
}
