package db

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
)

// SQLite leaves copies of rows where no row is: a page that is rebuilt keeps its old
// bytes in the gap between its cell pointers and its cells, whatever secure_delete
// says; a file that was written without secure_delete has them in free blocks, free
// pages and behind the ends of long values, too. What follows finds these places by
// the file format (sqlite.org/fileformat2.html) and zeroes them, through SQLite's own
// pager (sqlite_dbpage), so that the log, readers and crashes are its business.

const (
	interiorIndex = 2
	interiorTable = 5
	leafIndex     = 10
	leafTable     = 13

	fileHeader = 100 // bytes before the b-tree header of page 1
)

// treePage reads a page's b-tree header; ok is false for every other kind of page.
func treePage(b []byte, no int64) (kind byte, header, cells, content int, ok bool) {
	at := 0
	if no == 1 {
		at = fileHeader
	}
	if len(b) < at+12 {
		return 0, 0, 0, 0, false
	}
	size := 8
	switch b[at] {
	case interiorIndex, interiorTable:
		size = 12
	case leafIndex, leafTable:
	default:
		return 0, 0, 0, 0, false
	}
	cells, content = Uint16(b[at+3:]), Uint16(b[at+5:])
	if content == 0 {
		content = 65536
	}
	header = at + size
	ok = header+2*cells <= content && content <= len(b)
	return b[at], header, cells, content, ok
}

// ClearUnused zeroes the bytes of a b-tree page that belong to no cell, and says
// whether there was anything but zeroes. Other pages are left alone.
func ClearUnused(b []byte, no int64) bool {
	_, header, cells, content, ok := treePage(b, no)
	if !ok {
		return false
	}
	changed := Wipe(b[header+2*cells : content])
	at := 0
	if no == 1 {
		at = fileHeader
	}
	// Free blocks: two bytes lead to the next, two are the size.
	for at = Uint16(b[at+1:]); at >= content && at+4 <= len(b); {
		size, next := Uint16(b[at+2:]), Uint16(b[at:])
		if size < 4 || at+size > len(b) {
			break
		}
		changed = Wipe(b[at+4:at+size]) || changed
		if next <= at {
			break
		}
		at = next
	}
	return changed
}

// Overflow is a value's chain of Overflow pages.
type Overflow struct {
	First int64
	Pages int
	Rest  int // bytes of the value in the last of them
}

// Overflows lists the chains that begin in a page.
func Overflows(b []byte, no int64) (out []Overflow) {
	kind, header, cells, _, ok := treePage(b, no)
	if !ok || kind == interiorTable {
		return nil
	}
	u := len(b)
	most := (u-12)*64/255 - 23
	if kind == leafTable {
		most = u - 35
	}
	least := (u-12)*32/255 - 23
	for i := range cells {
		at := Uint16(b[header+2*i:])
		if kind == interiorIndex {
			at += 4
		}
		if at >= u {
			continue
		}
		size, n := varint(b[at:])
		at += n
		if kind == leafTable && at < u {
			_, n = varint(b[at:])
			at += n
		}
		if size <= int64(most) {
			continue
		}
		local := least + int((size-int64(least))%int64(u-4))
		if local > most {
			local = least
		}
		if at+local+4 > u {
			continue
		}
		rest := size - int64(local)
		pages := (rest + int64(u-4) - 1) / int64(u-4)
		out = append(out, Overflow{int64(binary.BigEndian.Uint32(b[at+local:])), int(pages), int(rest - (pages-1)*int64(u-4))})
	}
	return out
}

// Uint16 reads the first two bytes, big endian as all numbers of the format are.
func Uint16(b []byte) int { return int(binary.BigEndian.Uint16(b)) }

// varint reads SQLite's: seven bits a byte, the ninth whole.
func varint(b []byte) (v int64, n int) {
	for n < 8 && n < len(b) {
		v = v<<7 | int64(b[n]&0x7f)
		if n++; b[n-1] < 0x80 {
			return v, n
		}
	}
	if n < len(b) {
		v, n = v<<8|int64(b[n]), n+1
	}
	return v, n
}

// Wipe zeroes b and says whether it was anything else.
func Wipe(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			clear(b)
			return true
		}
	}
	return false
}

// Page reads one page as the connection sees it.
func (c *Conn) Page(no int64) ([]byte, error) {
	var v [1]driver.Value
	ok, err := c.Row("SELECT data FROM sqlite_dbpage WHERE pgno=?", v[:], no)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the ledger has no page %d", no)
	}
	return Blob(v[0]), nil
}

// PageCount is how many pages the file has.
func (c *Conn) PageCount() (int64, error) {
	var v [1]driver.Value
	_, err := c.Row("PRAGMA page_count", v[:])
	return Int(v[0]), err
}

// MaxPages bounds the files that pages are told apart in: an Overflow page begins with
// the number of the next one, and below this its first byte is no b-tree's.
const MaxPages = int64(interiorIndex) << 24

// Plain fails where the file has what this program never makes: pages that map
// others, which may look like b-trees, or bytes set apart at each page's end. Somebody
// has rebuilt it by hand.
func Plain(c *Conn) error {
	b, err := c.Page(1)
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b[52:]) != 0 || b[20] != 0 {
		return errors.New("the ledger's file was rebuilt with auto_vacuum or reserved bytes, and what is left of erased rows in it cannot be found: " +
			"stop the daemon and run PRAGMA auto_vacuum=0; VACUUM; with sqlite3")
	}
	return nil
}

// Pages calls f for n pages from a number on, in one read transaction.
func (c *Conn) Pages(from, n int64, f func(no int64, b []byte)) error {
	return c.Query(`WITH RECURSIVE p(no) AS (SELECT ? UNION ALL SELECT no+1 FROM p LIMIT ?)
		SELECT no, data FROM p, sqlite_dbpage WHERE pgno=no`, func(v []driver.Value) error {
		f(Int(v[0]), Blob(v[1]))
		return nil
	}, from, n)
}

// FreePages lists the pages that belong to nothing: trunks with the number of leaves
// that each lists, and leaves.
func (c *Conn) FreePages() (trunks map[int64]int, leaves map[int64]bool, err error) {
	trunks, leaves = map[int64]int{}, map[int64]bool{}
	b, err := c.Page(1)
	if err != nil {
		return nil, nil, err
	}
	for no := int64(binary.BigEndian.Uint32(b[32:])); no != 0; no = int64(binary.BigEndian.Uint32(b)) {
		if _, twice := trunks[no]; twice {
			break
		}
		if b, err = c.Page(no); err != nil {
			return nil, nil, err
		}
		n := int(binary.BigEndian.Uint32(b[4:]))
		if n < 0 || 8+4*n > len(b) {
			break
		}
		trunks[no] = n
		for i := range n {
			leaves[int64(binary.BigEndian.Uint32(b[8+4*i:]))] = true
		}
	}
	return trunks, leaves, nil
}
