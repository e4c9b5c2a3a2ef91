package db

import (
	"fmt"
	"strings"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// The driver binds each text and blob in memory that it takes for it and gives back, asks
// for each parameter's name, and clears each apart: that costs as much as running a small
// statement. Here a statement that the driver prepared is run with its arguments in one
// piece of SQLite's memory, which the connection keeps. For that the beginnings of the
// driver's connection and statement are taken for what they are in the version that go.mod
// pins; with another one TestExecIsTheDrivers fails.
type (
	handle struct {
		db  uintptr
		tls *libc.TLS
	}
	prepared struct {
		conn *handle
		text uintptr
		stmt uintptr // 0: the text has several statements
	}
)

// arena is a connection's memory for the arguments of the statement that it runs.
type arena struct {
	at         uintptr
	size, used int
}

// mostKept is how much of it a connection keeps, in bytes.
const mostKept = 1 << 20

// take gives room for n bytes. What was taken before stays where it is only if reserve had
// made room for all of it.
func (a *arena) take(n int) uintptr {
	p := a.at + uintptr(a.used)
	a.used += n
	return p
}

// reserve makes room for n bytes, none of them taken. It reports whether there is any.
func (a *arena) reserve(tls *libc.TLS, n int) bool {
	if a.used = 0; n <= a.size {
		return true
	}
	a.free()
	a.size = max(n, 16<<10)
	if a.at = libc.Xmalloc(tls, libc.Tsize_t(a.size)); a.at == 0 {
		a.size = 0
		return false
	}
	return true
}

// free gives the memory back.
func (a *arena) free() {
	if a.at != 0 {
		tls := libc.NewTLS()
		libc.Xfree(tls, a.at)
		tls.Close()
	}
	*a = arena{}
}

// Error is SQLite's, with its extended result code.
type Error struct {
	code int
	text string
}

// Error is SQLite's own words, and the code.
func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.text, e.code) }

// Code is the extended result code (sqlite.org/rescode.html).
func (e *Error) Code() int { return e.code }

// handleOf is the connection that a prepared statement belongs to; nil: it is run by the driver.
func (s *stmt) handleOf() (*handle, uintptr) {
	p := (*[2]unsafe.Pointer)(unsafe.Pointer(&s.s))[1]
	x := (*prepared)(p)
	return x.conn, x.stmt
}

// room is how many bytes arguments need in SQLite's memory. ok: each is of a kind that is
// bound here.
func room(args []any) (n int, ok bool) {
	for _, a := range args {
		switch v := a.(type) {
		case string:
			n += len(v) + 1 // an empty one has a place, too: without it is NULL
		case []byte:
			if v != nil && len(v) == 0 {
				return 0, false // the driver knows what that is
			}
			n += len(v)
		case int64, int, Nullable, nil:
		default:
			return 0, false
		}
	}
	return n, true
}

// direct runs a statement and gives how many rows it changed. done is false where the driver
// is to do it: nothing has happened then.
func (c *Conn) direct(s *stmt, args []any) (changed int64, done bool, err error) {
	n, ok := room(args)
	h, id := s.handleOf()
	if !ok || id == 0 || int(lib.Xsqlite3_bind_parameter_count(h.tls, id)) != len(args) || !c.args.reserve(h.tls, n) {
		return 0, false, nil
	}
	for i, a := range args {
		if rc := c.bind(h.tls, id, int32(i+1), a); rc != lib.SQLITE_OK { //nolint:gosec // a statement has few
			return 0, true, h.error(rc)
		}
	}
	rc := lib.Xsqlite3_step(h.tls, id)
	for rc == lib.SQLITE_ROW {
		rc = lib.Xsqlite3_step(h.tls, id)
	}
	if rc != lib.SQLITE_DONE {
		err = h.error(rc)
	} else {
		changed = int64(lib.Xsqlite3_changes(h.tls, h.db))
	}
	lib.Xsqlite3_reset(h.tls, id)
	lib.Xsqlite3_clear_bindings(h.tls, id) // they point into args, which the next statement takes
	if c.args.size > mostKept {
		c.args.free()
	}
	return changed, true, err
}

// bind gives a statement an argument, for which there is room.
func (c *Conn) bind(tls *libc.TLS, stmt uintptr, i int32, arg any) int32 {
	switch v := arg.(type) {
	case int64:
		return lib.Xsqlite3_bind_int64(tls, stmt, i, v)
	case int:
		return lib.Xsqlite3_bind_int64(tls, stmt, i, int64(v))
	case Nullable:
		if v != 0 {
			return lib.Xsqlite3_bind_int64(tls, stmt, i, int64(v))
		}
	case string:
		v = withoutNUL(v)
		p := c.args.take(len(v) + 1)
		copy(memory(p, len(v)), v)
		return lib.Xsqlite3_bind_text(tls, stmt, i, p, int32(len(v)), 0) //nolint:gosec // SQLite refuses what is longer
	case []byte:
		if v != nil {
			p := c.args.take(len(v))
			copy(memory(p, len(v)), v)
			return lib.Xsqlite3_bind_blob(tls, stmt, i, p, int32(len(v)), 0) //nolint:gosec // SQLite refuses what is longer
		}
	}
	return lib.Xsqlite3_bind_null(tls, stmt, i)
}

// memory is SQLite's, which does not move, as Go sees it.
func memory(p uintptr, n int) []byte { return unsafe.Slice(*(**byte)(unsafe.Pointer(&p)), n) }

// withoutNUL is a text as it is written: what follows a NUL SQLite's report of a changed row
// does not tell, see sums.
func withoutNUL(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "")
}

// error is what SQLite says of a statement that failed just now.
func (h *handle) error(rc int32) error {
	return &Error{code: int(rc), text: libc.GoString(lib.Xsqlite3_errmsg(h.tls, h.db))}
}
