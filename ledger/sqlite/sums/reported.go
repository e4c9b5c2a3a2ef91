package sums

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// The driver gives a changed row as copies of its values, each in memory of its own, which
// cost as much as their hash. Here they are read where SQLite has them. For that the
// beginning of the driver's report is taken for what it is in the version that go.mod pins;
// with another one TestReportedRows fails.
type report struct {
	tls *libc.TLS
	db  uintptr
}

// values are those of a changed row as SQLite reports them.
type values struct {
	report
	new  bool
	slot uintptr // a pointer of SQLite's memory
}

// newSlot is room for a pointer in memory that is not Go's, which lasts as long as the
// process does. 0: there is none.
func newSlot() uintptr {
	tls := libc.NewTLS()
	defer tls.Close()
	return libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(uintptr(0))))
}

// pointer is SQLite's memory, which does not move, as Go sees it.
func pointer[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// at gives a value, which is SQLite's own and valid until the next one is asked for.
func (v *values) at(column int) (uintptr, error) {
	get := lib.Xsqlite3_preupdate_old
	if v.new {
		get = lib.Xsqlite3_preupdate_new
	}
	if rc := get(v.tls, v.db, int32(column), v.slot); rc != lib.SQLITE_OK { //nolint:gosec // few columns
		return 0, fmt.Errorf("column %d: SQLite's result %d", column, rc)
	}
	return *pointer[uintptr](v.slot), nil
}

// bytes are a text's or a blob's, valid as long as the value is.
func (v *values) bytes(value uintptr) []byte {
	p := lib.Xsqlite3_value_blob(v.tls, value)
	n := lib.Xsqlite3_value_bytes(v.tls, value)
	if p == 0 || n == 0 {
		return nil
	}
	return unsafe.Slice(pointer[byte](p), n)
}

// reported is the hash of a changed row as it was, or as it is now.
func (s *Sums) reported(d *sqlite.SQLitePreUpdateData, now bool) (sum, error) {
	v := values{report: *(*report)(unsafe.Pointer(d)), new: now, slot: s.slot}
	n := d.Count()
	for first, grown := firstColumns[d.TableName]; grown && n > first; n-- {
		if x, err := v.at(n - 1); err != nil {
			return sum{}, err
		} else if lib.Xsqlite3_value_type(v.tls, x) != lib.SQLITE_NULL {
			break
		}
	}
	b := s.begin(d.TableName)
	for i := range n {
		x, err := v.at(i)
		if err != nil {
			return sum{}, err
		}
		b = v.add(b, x)
	}
	return s.end(b), nil
}

// add adds one to what is hashed, as hash does.
func (v *values) add(b []byte, x uintptr) []byte {
	switch lib.Xsqlite3_value_type(v.tls, x) {
	case lib.SQLITE_INTEGER:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(lib.Xsqlite3_value_int64(v.tls, x))) //nolint:gosec // all its bits
	case lib.SQLITE_FLOAT:
		f := lib.Xsqlite3_value_double(v.tls, x)
		return fmt.Appendf(append(b, '?'), "%T %v", f, f)
	case lib.SQLITE_TEXT:
		text := v.bytes(x)
		if i := bytes.IndexByte(text, 0); i >= 0 { // none is ever written: see hash
			text = text[:i]
		}
		return append(binary.BigEndian.AppendUint32(append(b, 't'), uint32(len(text))), text...) //nolint:gosec // at most a gigabyte
	case lib.SQLITE_BLOB:
		if blob := v.bytes(x); len(blob) > 0 {
			return append(binary.BigEndian.AppendUint32(append(b, 'b'), uint32(len(blob))), blob...) //nolint:gosec // at most a gigabyte
		}
	}
	return append(b, 'n')
}
