package postgres

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/waxwinghq/waxwing/source/table"
)

// object makes the changed row an event.
func (r *relation) object(x *change) ([]byte, error) {
	var o table.Object
	for i, c := range r.columns {
		v := x.now[i]
		if v.kind == 'u' && c.identity && len(x.old) > i {
			v = x.old[i]
		}
		switch v.kind {
		case 'n':
			o.Member(c.name, []byte("null"))
		case 't':
			o.Member(c.name, asJSON(c.typ, string(v.data)))
		default:
			return nil, fmt.Errorf("column %q is large and was not changed, so the log leaves it out: give the query order.row, which reads it", c.name)
		}
	}
	return o.Bytes(), nil
}

// arrays are the types whose values are arrays, and what of.
var arrays = map[uint32]uint32{
	1000: oidBool, 1001: oidBytea, 1005: oidInt2, 1007: oidInt4, 1016: oidInt8, 1021: oidFloat4, 1022: oidFloat8, 1231: oidNum,
	1009: 25, 1015: 1043, 1014: oidBpchar, 199: oidJSON, 3807: oidJSONB, 1115: oidStamp, 1185: oidStampZ, 2951: 2950, 1182: 1082,
}

// asJSON writes a value of a type, of which Postgres gave the text, as row_to_json would, but bytes in base64.
func asJSON(typ uint32, s string) []byte {
	switch typ {
	case oidBool:
		if s == "t" {
			return []byte("true")
		}
		return []byte("false")
	case oidInt2, oidInt4, oidInt8, oidNum, oidFloat4, oidFloat8:
		if isNumber(s) {
			return []byte(s)
		}
		return table.Quote(s) // NaN, Infinity
	case oidJSON, oidJSONB:
		return table.Inline(s)
	case oidBytea:
		return bytea(s)
	case oidStamp:
		return table.Quote(strings.Replace(s, " ", "T", 1))
	case oidStampZ:
		return table.Quote(zoned(s))
	}
	if of, ok := arrays[typ]; ok {
		if list, err := parseArray(s); err == nil {
			return list.json(of)
		}
	}
	return table.Quote(s)
}

// isNumber: what Postgres writes as a number is one of JSON's, but for its words.
func isNumber(s string) bool { return s != "" && (s[len(s)-1] >= '0' && s[len(s)-1] <= '9') }

func bytea(s string) []byte {
	b, err := hex.DecodeString(strings.TrimPrefix(s, `\x`))
	if err != nil {
		return table.Quote(s)
	}
	return table.Quote(base64.StdEncoding.EncodeToString(b))
}

// zoned writes "2026-11-28 10:00:00+00" by RFC 3339.
func zoned(s string) string {
	s = strings.Replace(s, " ", "T", 1)
	if i := strings.LastIndexAny(s, "+-"); i > len("2026-11-28") && len(s)-i == 3 {
		s += ":00"
	}
	return s
}

// element is one of an array: a list, a text, or null.
type element struct {
	list []element
	text string
	null bool
	leaf bool
}

var errArray = errors.New("it is no array")

// parseArray reads {1,2,"a\"b",NULL,{3}}.
func parseArray(s string) (element, error) {
	if i := strings.IndexByte(s, '='); strings.HasPrefix(s, "[") && i > 0 { // its bounds
		s = s[i+1:]
	}
	e, rest, err := parseElement(s, 0)
	if err == nil && (rest != "" || e.leaf) {
		err = errArray
	}
	return e, err
}

func parseElement(s string, depth int) (e element, rest string, err error) {
	switch {
	case s == "" || depth > 8:
		return e, "", errArray
	case s[0] == '{':
		s = s[1:]
		if strings.HasPrefix(s, "}") {
			return e, s[1:], nil
		}
		for {
			var x element
			if x, s, err = parseElement(s, depth+1); err != nil || s == "" {
				return e, "", errArray
			}
			e.list = append(e.list, x)
			if s[0] == '}' {
				return e, s[1:], nil
			}
			if s[0] != ',' {
				return e, "", errArray
			}
			s = s[1:]
		}
	case s[0] == '"':
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '"':
				return element{text: b.String(), leaf: true}, s[i+1:], nil
			case s[i] == '\\' && i+1 < len(s):
				i++
			}
			b.WriteByte(s[i])
		}
		return e, "", errArray
	}
	i := strings.IndexAny(s, ",}")
	if i < 0 {
		return e, "", errArray
	}
	return element{text: s[:i], leaf: true, null: s[:i] == "NULL"}, s[i:], nil
}

func (e element) json(of uint32) []byte {
	switch {
	case e.null:
		return []byte("null")
	case e.leaf:
		return asJSON(of, e.text)
	}
	b := []byte{'['}
	for i, x := range e.list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, x.json(of)...)
	}
	return append(b, ']')
}
