package mysql

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/waxwinghq/waxwing/source/table"
)

// column is one of a table, as it was when a row was logged.
type column struct {
	name     string
	typ      byte
	unsigned bool
	charset  string   // of its text; "binary": bytes
	size     int      // in bytes, of BINARY(n), whose zeros at the end are not in the log; 0: no such column
	words    []string // of an enum or a set
}

// realType is the type of a column whose event says STRING for several.
func realType(typ byte, meta uint16) byte {
	if typ != mysql.MYSQL_TYPE_STRING || meta < 256 {
		return typ
	}
	if b := byte(meta >> 8); b&0x30 != 0x30 {
		return b | 0x30
	}
	return byte(meta >> 8)
}

// sizeOf is how long a column of fixed length is, whose upper bits stand in what else is its type.
func sizeOf(meta uint16) int {
	if meta < 256 {
		return int(meta)
	}
	return int(meta&0xff) | int(^meta>>8&0x30)<<4
}

// full gives bytes the zeros at their end.
func (c column) full(b []byte) []byte {
	if n := c.size - len(b); n > 0 {
		return append(slices.Clip(b), make([]byte, n)...)
	}
	return b
}

// columnsOf are those that the log itself tells of (binlog_row_metadata=FULL); nil where it does not.
func (t *texts) columnsOf(ctx context.Context, e *replication.TableMapEvent) ([]column, error) {
	names := e.ColumnName
	if len(names) != int(e.ColumnCount) { //nolint:gosec // some hundreds
		return nil, nil
	}
	out := make([]column, len(names))
	unsigned, collation, words := e.UnsignedMap(), e.CollationMap(), e.EnumStrValueMap()
	sets, collationOfWords := e.SetStrValueMap(), e.EnumSetCollationMap()
	for i := range out {
		c := column{name: string(names[i]), typ: realType(e.ColumnType[i], e.ColumnMeta[i]), unsigned: unsigned[i], words: words[i]}
		id, isText := collation[i]
		if sets[i] != nil {
			c.words = sets[i]
		}
		if c.words != nil {
			id, isText = collationOfWords[i]
		}
		if isText {
			if c.charset = t.charsets[id]; c.charset == "" {
				return nil, fmt.Errorf("column %q of %s.%s has a collation that the server does not know, %d", c.name, e.Schema, e.Table, id)
			}
		}
		if c.typ == mysql.MYSQL_TYPE_STRING && c.charset == "binary" {
			c.size = sizeOf(e.ColumnMeta[i])
		}
		list := make([]string, len(c.words))
		for j, w := range c.words {
			var err error
			if list[j], err = t.decode(ctx, c.charset, []byte(w)); err != nil {
				return nil, err
			}
		}
		c.words = list
		out[i] = c
	}
	return out, nil
}

// texts knows the server's character sets.
type texts struct {
	charsets map[uint64]string // by collation
	// convert has the server write text in utf8mb4.
	convert func(ctx context.Context, charset, hex string) (string, error)
}

// decode gives text of a character set.
func (t *texts) decode(ctx context.Context, charset string, b []byte) (string, error) {
	switch charset {
	case "utf8mb4", "utf8mb3", "utf8", "ascii", "binary", "":
		return string(b), nil
	}
	plain := charset != "ucs2" && !strings.HasPrefix(charset, "utf16") && charset != "utf32" && charset != "swe7"
	for _, c := range b {
		plain = plain && c < 0x80 && (c != '\\' && c != '~' || charset == "latin1")
	}
	if plain {
		return string(b), nil
	}
	if charset == "latin1" {
		return latin1(b), nil
	}
	return t.convert(ctx, charset, hex.EncodeToString(b))
}

// high are 0x80 to 0x9f of what MySQL calls latin1, which is Windows' code page 1252; five stay as they are.
var high = [32]rune{'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ'}

func latin1(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		r := rune(c)
		if c >= 0x80 && c < 0xa0 {
			r = high[c-0x80]
		}
		s.WriteRune(r)
	}
	return s.String()
}

// text is a value as the database writes it.
func (t *texts) text(ctx context.Context, c column, v any) (string, error) {
	switch x := v.(type) {
	case int8, int16, int32, int64:
		return c.integer(x), nil
	case int:
		return fmt.Sprintf("%04d", x), nil // a year
	case float32:
		return strconv.FormatFloat(float64(x), 'g', -1, 32), nil
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	case []byte:
		return t.decode(ctx, c.charset, c.full(x))
	case string:
		return t.decode(ctx, c.charset, c.full([]byte(x)))
	}
	return "", fmt.Errorf("column %q has a value of a kind that is not known: %T", c.name, v)
}

// integer writes a whole number, which is also what stands for words.
func (c column) integer(v any) string {
	var n int64
	var bits uint
	switch x := v.(type) {
	case int8:
		n, bits = int64(x), 8
	case int16:
		n, bits = int64(x), 16
	case int32:
		n, bits = int64(x), 32
		if c.typ == mysql.MYSQL_TYPE_INT24 {
			bits = 24
		}
	case int64:
		n, bits = x, 64
	}
	u := uint64(n) & (^uint64(0) >> (64 - bits)) //nolint:gosec // its bits
	switch c.typ {
	case mysql.MYSQL_TYPE_ENUM:
		if u == 0 || u > uint64(len(c.words)) {
			return ""
		}
		return c.words[u-1]
	case mysql.MYSQL_TYPE_SET:
		var list []string
		for i, w := range c.words {
			if u&(1<<i) != 0 {
				list = append(list, w)
			}
		}
		return strings.Join(list, ",")
	}
	if c.unsigned || c.typ == mysql.MYSQL_TYPE_BIT {
		return strconv.FormatUint(u, 10)
	}
	return strconv.FormatInt(n, 10)
}

// json is a value as an event has it.
func (t *texts) json(ctx context.Context, c column, v any) ([]byte, error) {
	if v == nil {
		return []byte("null"), nil
	}
	if b, ok := v.([]byte); ok && (c.charset == "binary" || c.charset == "") && c.typ != mysql.MYSQL_TYPE_JSON {
		return asJSON(kindBytes, string(c.full(b))), nil
	}
	s, err := t.text(ctx, c, v)
	if err != nil {
		return nil, err
	}
	return asJSON(c.kind(), s), nil
}

// kind is how a value is written.
type kind byte

const (
	kindText kind = iota
	kindNumber
	kindBytes
	kindJSON
	kindLocal // a date with a time, of no zone
	kindUTC
)

func (c column) kind() kind {
	switch c.typ {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_NEWDECIMAL,
		mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE, mysql.MYSQL_TYPE_BIT, mysql.MYSQL_TYPE_YEAR:
		return kindNumber
	case mysql.MYSQL_TYPE_JSON:
		return kindJSON
	case mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_DATETIME2:
		return kindLocal
	case mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIMESTAMP2:
		return kindUTC
	}
	if c.charset == "binary" && len(c.words) == 0 {
		return kindBytes
	}
	return kindText
}

// kindOf is that of a column of a query's, by the driver's name of its type.
func kindOf(name string) kind {
	switch name = strings.TrimPrefix(name, "UNSIGNED "); name {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE", "YEAR":
		return kindNumber
	case "JSON":
		return kindJSON
	case "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "GEOMETRY":
		return kindBytes
	case "DATETIME":
		return kindLocal
	case "TIMESTAMP":
		return kindUTC
	}
	return kindText
}

// asJSON writes a value of which the database gave the text.
func asJSON(k kind, s string) []byte {
	switch k {
	case kindNumber:
		if s = strings.TrimLeft(s, "0"); s == "" || s[0] == '.' { // of zerofill, and of a year
			s = "0" + s
		}
		return []byte(s)
	case kindBytes:
		return table.Quote(base64.StdEncoding.EncodeToString([]byte(s)))
	case kindJSON:
		return table.Inline(s)
	case kindLocal:
		return table.Quote(strings.Replace(s, " ", "T", 1))
	case kindUTC:
		return table.Quote(strings.Replace(s, " ", "T", 1) + "+00:00")
	}
	return table.Quote(s)
}
