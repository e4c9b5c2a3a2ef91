package move

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind is what a column holds.
type Kind byte

// The kinds of columns, and what a Row has of each.
const (
	Int   Kind = 'i' // int64
	Bool  Kind = 'o' // int64, 0 or 1
	Text  Kind = 't' // string, UTF-8 without NUL
	Bytes Kind = 'b' // []byte, never nil
)

// Column is one of a table's.
type Column struct {
	Name string
	Kind Kind
}

// Row is one of a table's, in the order of its columns.
type Row []any

// Table is one of a ledger's as it travels: what is NULL in a store is nought, or empty.
type Table struct {
	Name    string
	Columns []Column
	// Key are the columns that it is read in the order of.
	Key []int
}

// Tables are a ledger's, in the order in which they are moved.
var Tables = []*Table{
	table("tenants", "no", "no:i name:t key:b"),
	table("dictionaries", "id", "id:i body:b"),
	table("instances", "id", "id:i epoch:i started:i stopped:i lease:i"),
	table("plugin_modules", "hash", "hash:t body:b"),
	table("plugin_versions", "saved", "saved:i tenant:i plugin:t no:i hash:t state:t percent:i why:t body:b"),
	table("plugin_numbers", "tenant plugin", "tenant:i plugin:t number:i"),
	table("plugin_runs", "id", "id:i tenant:i plugin:t confirmation:i hook:t role:t hash:t at:i fuel:i micros:i fault:t body:b"),
	table("suppressions", "hash", "hash:b tenant:i at:i cause:t class:t reason:t actor:t"),
	table("confirmations", "id", "id:i tenant:i key:b kind:t part:t shop:t format:t state:t reason:t event:i updated:i rank:i asked:o due:i released:i "+
		"messages:i events:i dek:b trail:t"),
	table("events", "id", "id:i source:t topic:t at:i updated:i body:b"),
	table("messages", "id", "id:i tenant:i channel:t state:t reason:t locale:t resend:o next_at:i expires:i tries:i faults:i down_since:i attempts:i "+
		"released:i digest:b actor:t why:t revision:t trail:t"),
	table("contents", "id", "id:i body:b ingredients:b"),
	table("attempts", "message n", "message:i n:i provider:t verdict:t fault:t phase:t code:i enhanced:t began:i ended:i sealed:b"),
	table("annotations", "message kind", "message:i kind:t at:i provider:t sealed:b class:t"),
	table("lookups", "hash confirmation", "hash:b confirmation:i"),
	table("trail", "batch", "batch:i instance:i first:i last:i entries:b head:b"),
}

// table reads "name:kind ...".
func table(name, key, columns string) *Table {
	t := &Table{Name: name}
	at := map[string]int{}
	for i, c := range strings.Fields(columns) {
		n, kind, _ := strings.Cut(c, ":")
		t.Columns = append(t.Columns, Column{n, Kind(kind[0])})
		at[n] = i
	}
	for _, k := range strings.Fields(key) {
		t.Key = append(t.Key, at[k])
	}
	return t
}

// TableOf is the table of that name.
func TableOf(name string) *Table {
	for _, t := range Tables {
		if t.Name == name {
			return t
		}
	}
	panic("move: there is no table " + name)
}

// Part is a piece of a table as a store keeps it: SQLite has some rows within those of another.
type Part struct {
	Name  string
	Table string
}

// Parts are those of a store that keeps each table as such.
func Parts() []Part {
	out := make([]Part, len(Tables))
	for i, t := range Tables {
		out[i] = Part{t.Name, t.Name}
	}
	return out
}

// KeyText is a row's key as a mark holds it.
func (t *Table) KeyText(r Row) []string {
	out := make([]string, len(t.Key))
	for i, k := range t.Key {
		switch v := r[k].(type) {
		case int64:
			out[i] = strconv.FormatInt(v, 10)
		case []byte:
			out[i] = hex.EncodeToString(v)
		case string:
			out[i] = v
		}
	}
	return out
}

// KeyValues are the values of a key as KeyText gave it.
func (t *Table) KeyValues(key []string) ([]any, error) {
	if len(key) != len(t.Key) {
		return nil, fmt.Errorf("the mark's key of %s has %d values, and not %d", t.Name, len(key), len(t.Key))
	}
	out := make([]any, len(key))
	for i, s := range key {
		var err error
		switch t.Columns[t.Key[i]].Kind {
		case Bytes:
			out[i], err = hex.DecodeString(s)
		case Text:
			out[i] = s
		default:
			out[i], err = strconv.ParseInt(s, 10, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("the mark's key of %s: %w", t.Name, err)
		}
	}
	return out, nil
}

// Size is about how many bytes a row has.
func (r Row) Size() int {
	n := 0
	for _, v := range r {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		default:
			n += 8
		}
	}
	return n
}

// Clean makes texts what each store can keep, as the stores themselves do: NUL and what is no
// UTF-8 become U+FFFD. It says whether something changed.
func (r Row) Clean() (changed bool) {
	for i, v := range r {
		if s, ok := v.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			r[i] = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
			changed = true
		}
	}
	return changed
}

// Sum is of the hashes of rows, added modulo 2^128, so that it does not depend on their order.
type Sum struct{ Hi, Lo uint64 }

// Add adds a row of a table.
func (s *Sum) Add(t *Table, r Row) {
	b := append(make([]byte, 0, 256), t.Name...)
	for _, v := range r {
		switch v := v.(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
		case string:
			b = append(binary.BigEndian.AppendUint32(append(b, 't'), uint32(len(v))), v...)
		case []byte:
			b = append(binary.BigEndian.AppendUint32(append(b, 'b'), uint32(len(v))), v...)
		}
	}
	h := sha256.Sum256(b)
	var carry uint64
	s.Lo, carry = bits.Add64(s.Lo, binary.BigEndian.Uint64(h[8:16]), 0)
	s.Hi, _ = bits.Add64(s.Hi, binary.BigEndian.Uint64(h[:8]), carry)
}

// MarshalText writes it in hex.
func (s Sum) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x%016x", s.Hi, s.Lo), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Sum) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "%16x%16x", &s.Hi, &s.Lo)
	return err
}
