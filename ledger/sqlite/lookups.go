package sqlite

import (
	"bytes"
	"cmp"
	"database/sql/driver"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// What a confirmation is found by stands in its row. Hashes come in no order, so that an
// index over all of them has another page to write for nearly each. Instead the writer has
// the newest rows' hashes in memory and readers look those rows through, and each
// segmentSize confirmations are sorted into a segment of 256 pages by the first byte of
// the hash, once. A search looks at one page of each segment, in 3 us
// each: at ten million orders at some 2,400.
//
// Segment 0 has no pages: it ends with the last confirmation of a ledger that an older
// program wrote, whose hashes stand in the table lookups. There, too, stands what is added
// to a confirmation that is in a segment already: few have that.

const (
	// segmentSize is how many confirmations make a segment, once half as many more are
	// behind them: by then they have mostly got the hashes that they will have.
	segmentSize = 4096
	// An entry of a page: the hash, and the confirmation, big endian.
	hashSize  = len(store.Hash{})
	entrySize = hashSize + 8
)

// recent are the confirmations behind the last segment that have hashes, as the writer has
// written them.
type recent struct {
	known   bool
	segment int64      // the last one's number
	mark    waxwing.ID // the last confirmation of it
	older   waxwing.ID // the last confirmation of segment 0
	of      map[waxwing.ID][]store.Hash
}

// forget has it read again: what it knows may have been undone.
func (r *recent) forget() { *r = recent{} }

// find gives the confirmations that have a hash.
func (r *recent) find(h store.Hash) (ids []waxwing.ID) {
	for id, all := range r.of {
		if slices.Contains(all, h) {
			ids = append(ids, id)
		}
	}
	return ids
}

// indexing is what a group changes of what confirmations are found by.
type indexing struct{ t *dbTx }

// recently reads what is behind the last segment, once. It begins segment 0.
func (x indexing) recently() (*recent, error) {
	t := x.t
	r := &t.d.recent
	if r.known {
		return r, nil
	}
	*r = recent{of: map[waxwing.ID][]store.Hash{}}
	var v [3]driver.Value
	_, err := t.c.Row("SELECT max(no), max(last), min(last) FROM lookup_segments", v[:])
	if err == nil && v[0] == nil {
		if _, err = t.exec("INSERT INTO lookup_segments (no, last) SELECT 0, coalesce(max(id),0) FROM confirmations"); err == nil {
			_, err = t.c.Row("SELECT max(no), max(last), min(last) FROM lookup_segments", v[:])
		}
	}
	if err != nil {
		return nil, err
	}
	r.segment, r.mark, r.older = db.Int(v[0]), waxwing.ID(db.Int(v[1])), waxwing.ID(db.Int(v[2]))
	err = search{t.c, nil}.behind(r.mark, func(id waxwing.ID, named []byte) { r.of[id] = hashesOf(named) })
	r.known = err == nil
	return r, err
}

// take has confirmations found by what the changes say. Rows that are there get
// their hashes here; a new one gets them as it is written: see named.
func (x indexing) take(c *store.Changes) error {
	r, err := x.recently()
	for i := 0; i < len(c.Lookups) && err == nil; {
		id, end := c.Lookups[i].Confirmation, i
		for ; end < len(c.Lookups) && c.Lookups[end].Confirmation == id; end++ {
		}
		if id > r.mark || x.fresh(c, id) {
			err = x.takeRecent(r, id, c.Lookups[i:end], c)
		} else {
			err = x.takeLater(id, c.Lookups[i:end])
		}
		i = end
	}
	return err
}

// fresh says that a confirmation is not written yet.
func (x indexing) fresh(c *store.Changes, id waxwing.ID) bool {
	if _, there := x.t.d.loaded.Confirmations[id]; there {
		return false
	}
	return written(c, id)
}

// written says that a confirmation is among those that are written.
func written(c *store.Changes, id waxwing.ID) bool {
	return slices.ContainsFunc(c.Confirmations, func(r store.Confirmation) bool { return r.ID == id })
}

// takeRecent has what is written of a confirmation anyway name its hashes, too: see putConfirmation.
func (x indexing) takeRecent(r *recent, id waxwing.ID, add []store.Lookup, c *store.Changes) error {
	all := r.of[id]
	n := len(all)
	if n == 0 {
		all = make([]store.Hash, 0, len(add))
	}
	if all = union(all, add); len(all) == n {
		return nil
	}
	r.of[id] = all
	if written(c, id) {
		x.t.renamed = append(x.t.renamed, id)
		return nil
	}
	_, err := x.t.exec("UPDATE confirmations SET named=? WHERE id=?", x.named(id), int64(id))
	return err
}

// settle follows the writing of a new confirmation. Where another writer's are behind it
// already, it is older than a segment, and found like what comes later.
func (x indexing) settle(id waxwing.ID) error {
	r := &x.t.d.recent
	if id > r.mark {
		return nil
	}
	for _, h := range r.of[id] {
		if _, err := x.t.exec(insertLookup, h[:], int64(id)); err != nil {
			return err
		}
	}
	delete(r.of, id)
	return nil
}

const insertLookup = "INSERT INTO lookups (hash, confirmation) VALUES (?,?) ON CONFLICT DO NOTHING"

// takeLater adds to a confirmation that is in a segment, or older than all.
func (x indexing) takeLater(id waxwing.ID, add []store.Lookup) error {
	var v [1]driver.Value
	if _, err := x.t.c.Row("SELECT named FROM confirmations WHERE id=?", v[:], int64(id)); err != nil {
		return err
	}
	all := hashesOf(db.Blob(v[0]))
	n := len(all)
	all = union(all, add)
	for _, h := range all[n:] {
		if _, err := x.t.exec(insertLookup, h[:], int64(id)); err != nil {
			return err
		}
	}
	if len(all) == n || id <= x.t.d.recent.older {
		return nil
	}
	_, err := x.t.exec("UPDATE confirmations SET named=? WHERE id=?", joined(all), int64(id))
	return err
}

// union adds what is not among them yet.
func union(all []store.Hash, add []store.Lookup) []store.Hash {
	for i := range add {
		if !slices.Contains(all, add[i].Hash) {
			all = append(all, add[i].Hash)
		}
	}
	return all
}

func joined(all []store.Hash) []byte {
	if len(all) == 0 {
		return nil
	}
	b := make([]byte, 0, len(all)*hashSize)
	for i := range all {
		b = append(b, all[i][:]...)
	}
	return b
}

func hashesOf(b []byte) []store.Hash {
	all := make([]store.Hash, 0, len(b)/hashSize)
	for ; len(b) >= hashSize; b = b[hashSize:] {
		all = append(all, store.Hash(b[:hashSize]))
	}
	return all
}

// named is the column of a confirmation that is behind the last segment, or new; nil: it
// has no hashes, or the table lookups alone has them.
func (x indexing) named(id waxwing.ID) []byte {
	r := &x.t.d.recent
	if id <= r.older {
		return nil
	}
	return joined(r.of[id])
}

// makeSegment sorts the oldest of what is behind the last segment into the next one, once
// there is enough of it. It takes 18 ms (BenchmarkSegment).
func (x indexing) makeSegment() error {
	r := &x.t.d.recent
	size := x.t.d.segmentSize
	if len(r.of) < size+size/2 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(r.of))[:size]
	var pages [256][][entrySize]byte
	for _, id := range ids {
		for _, h := range r.of[id] {
			pages[h[0]] = append(pages[h[0]], entryOf(h, id))
		}
	}
	for first := range pages {
		p := pages[first]
		if len(p) == 0 {
			continue
		}
		slices.SortFunc(p, func(a, b [entrySize]byte) int { return bytes.Compare(a[:], b[:]) })
		body := make([]byte, 0, len(p)*entrySize)
		for i := range p {
			body = append(body, p[i][:]...)
		}
		if _, err := x.t.exec("INSERT INTO lookup_pages (id, body) VALUES (?,?)", pageOf(r.segment+1, first), body); err != nil {
			return err
		}
	}
	last := ids[len(ids)-1]
	if _, err := x.t.exec("INSERT INTO lookup_segments (no, last) VALUES (?,?)", r.segment+1, int64(last)); err != nil {
		return err
	}
	for _, id := range ids {
		delete(r.of, id)
	}
	r.segment, r.mark = r.segment+1, last
	return nil
}

func entryOf(h store.Hash, id waxwing.ID) (e [entrySize]byte) {
	copy(e[:], h[:])
	binary.BigEndian.PutUint64(e[hashSize:], uint64(id))
	return e
}

// pageOf is the id of a segment's page of the hashes with a first byte.
func pageOf(segment int64, first int) int64 { return segment<<8 | int64(first) }

// unfind has a confirmation found by nothing any more.
func (x indexing) unfind(id waxwing.ID) error {
	r, err := x.recently()
	if err != nil {
		return err
	}
	var v [1]driver.Value
	if _, err := x.t.c.Row("SELECT named FROM confirmations WHERE id=?", v[:], int64(id)); err != nil {
		return err
	}
	all := hashesOf(db.Blob(v[0]))
	delete(r.of, id)
	if id <= r.mark {
		if err := x.unfindOld(id, all); err != nil {
			return err
		}
	}
	if id <= r.older { // only the table knows its hashes
		if _, err := x.t.exec("DELETE FROM lookups WHERE confirmation=?", int64(id)); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	_, err = x.t.exec("UPDATE confirmations SET named=NULL WHERE id=?", int64(id))
	return err
}

// unfindOld takes hashes of a confirmation out of its segment, and those that came later.
func (x indexing) unfindOld(id waxwing.ID, all []store.Hash) error {
	var v [1]driver.Value
	if _, err := x.t.c.Row("SELECT min(no) FROM lookup_segments WHERE last>=?", v[:], int64(id)); err != nil {
		return err
	}
	segment := db.Int(v[0])
	for _, h := range all {
		if _, err := x.t.exec("DELETE FROM lookups WHERE hash=? AND confirmation=?", h[:], int64(id)); err != nil {
			return err
		}
		page := pageOf(segment, int(h[0]))
		if found, err := x.t.c.Row("SELECT body FROM lookup_pages WHERE id=?", v[:], page); err != nil || !found {
			if err != nil {
				return err
			}
			continue
		}
		body, e := bytes.Clone(db.Blob(v[0])), entryOf(h, id)
		at := position(body, e[:])
		if at == len(body) || !bytes.Equal(body[at:at+entrySize], e[:]) {
			continue
		}
		if _, err := x.t.exec("UPDATE lookup_pages SET body=? WHERE id=?", slices.Delete(body, at, at+entrySize), page); err != nil {
			return err
		}
	}
	return nil
}

// position is where in a page the first entry stands that is not below another one.
func position(page, e []byte) int {
	lo, hi := 0, len(page)/entrySize
	for lo < hi {
		mid := (lo + hi) / 2
		if bytes.Compare(page[mid*entrySize:(mid+1)*entrySize], e) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo * entrySize
}

// lookups finds the confirmations that have each of some hashes.
func (r rows) lookups(s *store.Set, hashes []store.Hash) error {
	for _, h := range hashes {
		ids, err := search(r).at(h)
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			s.Found[h] = ids
		}
	}
	return nil
}

// search finds confirmations by hashes.
type search rows

// at gives the confirmations that have a hash, the newest first.
func (r search) at(h store.Hash) (ids []waxwing.ID, err error) {
	err = r.c.Query("SELECT confirmation FROM lookups WHERE hash=?", func(v []driver.Value) error {
		ids = append(ids, waxwing.ID(db.Int(v[0])))
		return nil
	}, h[:])
	if err != nil || layoutOnce(r.c) < 8 {
		return ids, err
	}
	var v [1]driver.Value
	if _, err := r.c.Row("SELECT coalesce(max(last),0) FROM lookup_segments", v[:]); err != nil {
		return nil, err
	}
	mark := waxwing.ID(db.Int(v[0]))
	err = r.c.Query("SELECT p.body FROM lookup_segments s JOIN lookup_pages p ON p.id=(s.no<<8)+? WHERE s.last<=?", func(v []driver.Value) error {
		body := db.Blob(v[0])
		for at := position(body, h[:]); at+entrySize <= len(body) && bytes.Equal(body[at:at+hashSize], h[:]); at += entrySize {
			ids = append(ids, waxwing.ID(binary.BigEndian.Uint64(body[at+hashSize:])))
		}
		return nil
	}, int64(h[0]), int64(mark))
	if err != nil {
		return nil, err
	}
	if r.recent != nil {
		ids = append(ids, r.recent.find(h)...)
	} else {
		err = r.behind(mark, func(id waxwing.ID, named []byte) {
			for ; len(named) >= hashSize; named = named[hashSize:] {
				if bytes.Equal(named[:hashSize], h[:]) {
					ids = append(ids, id)
				}
			}
		})
	}
	slices.SortFunc(ids, func(a, b waxwing.ID) int { return cmp.Compare(b, a) })
	return slices.Compact(ids), err
}

// behind gives the hashes of each confirmation behind a segment's last one.
func (r search) behind(mark waxwing.ID, f func(id waxwing.ID, named []byte)) error {
	return r.c.Query("SELECT id, named FROM confirmations WHERE id>? AND named IS NOT NULL", func(v []driver.Value) error {
		f(waxwing.ID(db.Int(v[0])), db.Blob(v[1]))
		return nil
	}, int64(mark))
}
