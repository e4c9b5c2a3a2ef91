package table

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing/config"
)

// Watch is a table, and when a change in it completes an order.
type Watch struct {
	// Table is its name with its schema (in MySQL its database, or that of the dsn), as the database has it, without quotes: public.orders.
	Table string `yaml:"table"`
	// When says which changes complete an order, by column: `A -> B` (it becomes B from A), `-> B` (from anything else), `= B` (it is B, whatever it was), `set` (it was null and is not).
	// Several values stand as `A|B`; one in single quotes is taken as it is; null is SQL's. All columns must be as they
	// are to be, and one must have become so by this change, or by the row's INSERT. With `= B` alone each later change of such a row tells of its order
	// again, which is absorbed. Without conditions each INSERT counts.
	When map[string]string `yaml:"when,omitempty" keys:"column"`
	// Key is the column whose value is the order's key. For Find it may be several: a, b.
	Key string `yaml:"key,omitempty" default:"id"`
	// Find is a query that gives the keys of the orders that the changed row completes, where it is no order itself; $1 is the value of Key ($2 of its second column); in MySQL each is a ?.
	Find string `yaml:"find,omitempty"`
}

// Order is how an order is read once it is complete.
type Order struct {
	// Row is a query for the order by its key, $1 (in MySQL ?). Its columns are the event's members. It gives no row where the order was undone: nothing is made then. Without it the changed row itself is the event.
	Row string `yaml:"row,omitempty"`
	// Lists are queries by the same key, whose rows become arrays of objects beside the row's columns, by name.
	Lists map[string]string `yaml:"lists,omitempty" keys:"member"`
	// JSON are columns of type text that hold JSON: the event has it as JSON.
	JSON []string `yaml:"json,omitempty"`
}

// Shops part the orders of one database.
type Shops struct {
	// Column is the one of the order's row (without such a query of the changed row) that says whose the order is.
	Column string `yaml:"column"`
	// Of says which shop of the tenant a value stands for; "" is none of ours. A value that is not listed is an error where `shop` is not given.
	Of map[string]string `yaml:"of" keys:"value"`
}

// Check reports what is wrong with a table's block.
func (w Watch) Check(r *config.Report, key string, d Dialect) {
	if schema, name, ok := strings.Cut(w.Table, "."); d == Dollars && w.Table != "" && (!ok || schema == "" || name == "") {
		r.Fail(key+".table", fmt.Sprintf("%s %s has no schema", r.Path(key+".table"), r.Quote(key+".table")), "Write schema.table, such as public.orders")
	}
	if _, err := ParseWhen(w.When); err != nil {
		at := key + ".when"
		var of *WhenError
		if errors.As(err, &of) {
			at += "." + of.Column
			err = of.Err
		}
		r.Fail(at, fmt.Sprintf("%s %s %v", r.Path(at), r.Quote(at), err), "Write A -> B, -> B, = B or set; several values as A|B, and odd ones in single quotes")
	}
	if len(w.Keys()) > 1 && w.Find == "" {
		r.Fail(key+".key", r.Path(key+".key")+" names several columns, and there is no query that finds the order by them", "Name one column, or add find")
	}
	CheckQuery(r, key+".find", w.Find, len(w.Keys()), d)
}

// Keys are the columns of its key.
func (w Watch) Keys() (out []string) {
	for k := range strings.SplitSeq(w.Key, ",") {
		if k = strings.TrimSpace(k); k != "" {
			out = append(out, k)
		}
	}
	return out
}

// Check reports what is wrong with the queries.
func (o Order) Check(r *config.Report, key string, d Dialect) {
	CheckQuery(r, key+".row", o.Row, 1, d)
	for name, q := range o.Lists {
		CheckQuery(r, key+".lists."+name, q, 1, d)
	}
	if o.Row == "" && len(o.Lists) > 0 {
		r.Fail(key+".lists", r.Path(key+".lists")+" has no row beside it", "Add "+r.Path(key+".row")+", a query that gives the order by its key")
	}
}

var dollar = regexp.MustCompile(`\$(\d+)`)

// Dialect is how a database's queries name what they are asked about.
type Dialect byte

// The dialects.
const (
	// Dollars are Postgres': $1, $2.
	Dollars Dialect = iota
	// Questions are MySQL's: each ? is the next one. Where there is one value all of them are it.
	Questions
)

// Marks counts the question marks of a query that stand in no quotes.
func Marks(text string) (n int) {
	var quote rune
	for _, c := range text {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '?':
			n++
		}
	}
	return n
}

// CheckQuery reports a query whose parameters are not exactly $1 to $n, or n question marks; "" is none.
func CheckQuery(r *config.Report, key, text string, n int, d Dialect) {
	if text == "" || r.Bad(key) {
		return
	}
	if d == Questions {
		if m := Marks(text); m == 0 || n > 1 && m != n {
			r.Fail(key, fmt.Sprintf("%s has %d parameters, and is given %d", r.Path(key), m, n), "Write ? for what the query is asked about, once for each column of the key")
		}
		return
	}
	var seen []string
	for _, m := range dollar.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(seen, m[1]) {
			seen = append(seen, m[1])
		}
	}
	for i := range n {
		if !slices.Contains(seen, fmt.Sprint(i+1)) {
			r.Fail(key, fmt.Sprintf("%s does not use $%d", r.Path(key), i+1), "It stands for what the query is asked about")
			return
		}
	}
	if len(seen) > n {
		r.Fail(key, fmt.Sprintf("%s has %d parameters, and is given %d", r.Path(key), len(seen), n), "Use $1 only, or as many as the key has columns")
	}
}

// Query is a query without what ends it, so that it can stand within another.
func Query(text string) string { return strings.TrimRight(strings.TrimSpace(text), "; \n\t") }
