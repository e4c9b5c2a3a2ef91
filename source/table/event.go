package table

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Object makes the JSON object that is an event, of what the database wrote: numbers keep
// their digits. Its zero value is an empty one.
type Object struct {
	b bytes.Buffer
}

// Member adds one; raw must be JSON.
func (o *Object) Member(name string, raw []byte) {
	if o.b.Len() == 0 {
		o.b.WriteByte('{')
	} else {
		o.b.WriteByte(',')
	}
	o.b.Write(Quote(name))
	o.b.WriteByte(':')
	o.b.Write(raw)
}

// Bytes is the object; it takes no more members.
func (o *Object) Bytes() []byte {
	if o.b.Len() == 0 {
		return []byte("{}")
	}
	return append(o.b.Bytes(), '}')
}

// Quote writes text as JSON, as it is: no character of HTML is escaped.
func Quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // text always can be
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Inline gives text that holds JSON as that JSON, and any other as it is.
func Inline(text string) []byte {
	if b := []byte(text); json.Valid(b) {
		return b
	}
	return Quote(text)
}

// Members reads a JSON object's, in their order.
func Members(raw []byte, each func(name string, raw []byte)) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("a row is no object: %w", err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return err
		}
		s, _ := name.(string) // a key is
		each(s, v)
	}
	return nil
}

// Row adds the members of one that the database wrote; with may be nil, and gives another value for a member.
func (o *Object) Row(raw []byte, with func(name string, v []byte) []byte) error {
	return Members(raw, func(name string, v []byte) {
		if with != nil {
			v = with(name, v)
		}
		o.Member(name, v)
	})
}

// Unwrap gives the JSON that a JSON text holds, if it holds any; null for an empty one.
func Unwrap(v []byte) []byte {
	var s string
	if len(v) == 0 || v[0] != '"' || json.Unmarshal(v, &s) != nil {
		return v
	}
	if s == "" {
		return []byte("null")
	}
	return Inline(s)
}

// Member gives one of an object's as text: a JSON text's own, of others as they stand.
func Member(raw []byte, name string) (value string, ok bool, err error) {
	err = Members(raw, func(n string, v []byte) {
		if n != name {
			return
		}
		ok, value = true, string(v)
		if len(v) > 0 && v[0] == '"' {
			_ = json.Unmarshal(v, &value) // it was read as JSON just now
		}
	})
	return value, ok, err
}
