package sqlite

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
	cells, content = be16(b[at+3:]), be16(b[at+5:])
	if content == 0 {
		content = 65536
	}
	header = at + size
	ok = header+2*cells <= content && content <= len(b)
	return b[at], header, cells, content, ok
}

// clearUnused zeroes the bytes of a b-tree page that belong to no cell, and says
// whether there was anything but zeroes. Other pages are left alone.
func clearUnused(b []byte, no int64) bool {
	_, header, cells, content, ok := treePage(b, no)
	if !ok {
		return false
	}
	changed := wipe(b[header+2*cells : content])
	at := 0
	if no == 1 {
		at = fileHeader
	}
	// Free blocks: two bytes lead to the next, two are the size.
	for at = be16(b[at+1:]); at >= content && at+4 <= len(b); {
		size, next := be16(b[at+2:]), be16(b[at:])
		if size < 4 || at+size > len(b) {
			break
		}
		changed = wipe(b[at+4:at+size]) || changed
		if next <= at {
			break
		}
		at = next
	}
	return changed
}

// overflow is a value's chain of overflow pages.
type overflow struct {
	first int64
	pages int
	rest  int // bytes of the value in the last of them
}

// overflows lists the chains that begin in a page.
func overflows(b []byte, no int64) (out []overflow) {
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
		at := be16(b[header+2*i:])
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
		out = append(out, overflow{int64(binary.BigEndian.Uint32(b[at+local:])), int(pages), int(rest - (pages-1)*int64(u-4))})
	}
	return out
}

func be16(b []byte) int { return int(binary.BigEndian.Uint16(b)) }

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

// wipe zeroes b and says whether it was anything else.
func wipe(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			clear(b)
			return true
		}
	}
	return false
}

// page reads one page as the connection sees it.
func (c *conn) page(no int64) ([]byte, error) {
	var v [1]driver.Value
	ok, err := c.row("SELECT data FROM sqlite_dbpage WHERE pgno=?", v[:], no)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("the ledger has no page %d", no)
	}
	return blob(v[0]), nil
}

// pageCount is how many pages the file has.
func (c *conn) pageCount() (int64, error) {
	var v [1]driver.Value
	_, err := c.row("PRAGMA page_count", v[:])
	return num(v[0]), err
}

// maxPages bounds the files that pages are told apart in: an overflow page begins with
// the number of the next one, and below this its first byte is no b-tree's.
const maxPages = int64(interiorIndex) << 24

// plainFile fails where the file has what this program never makes: pages that map
// others, which may look like b-trees, or bytes set apart at each page's end. Somebody
// has rebuilt it by hand.
func plainFile(c *conn) error {
	b, err := c.page(1)
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b[52:]) != 0 || b[20] != 0 {
		return errors.New("the ledger's file was rebuilt with auto_vacuum or reserved bytes, and what is left of erased rows in it cannot be found: " +
			"stop the daemon and run PRAGMA auto_vacuum=0; VACUUM; with sqlite3")
	}
	return nil
}

// pages calls f for n pages from a number on, in one read transaction.
func (c *conn) pages(from, n int64, f func(no int64, b []byte)) error {
	return c.query(`WITH RECURSIVE p(no) AS (SELECT ? UNION ALL SELECT no+1 FROM p LIMIT ?)
		SELECT no, data FROM p, sqlite_dbpage WHERE pgno=no`, func(v []driver.Value) error {
		f(num(v[0]), blob(v[1]))
		return nil
	}, from, n)
}

// freePages lists the pages that belong to nothing: trunks with the number of leaves
// that each lists, and leaves.
func (c *conn) freePages() (trunks map[int64]int, leaves map[int64]bool, err error) {
	trunks, leaves = map[int64]int{}, map[int64]bool{}
	b, err := c.page(1)
	if err != nil {
		return nil, nil, err
	}
	for no := int64(binary.BigEndian.Uint32(b[32:])); no != 0; no = int64(binary.BigEndian.Uint32(b)) {
		if _, twice := trunks[no]; twice {
			break
		}
		if b, err = c.page(no); err != nil {
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
