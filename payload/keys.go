package payload

import (
	"hash/maphash"
)

// fewKeys is how many keys are compared with one another rather than hashed.
const fewKeys = 8

// lastKeys sees to it that of the keys of an object that are equal the last counts, as in
// PHP, Ruby and JavaScript, and the others are hidden. The n keys lie behind the node
// at, each before its value. Many keys are left to index until one of them is asked for,
// since who only wants to know which order it is looks into few of its objects.
func (d *Document) lastKeys(at uint32, n int) {
	if n <= fewKeys {
		d.lastFew(at)
		return
	}
	o := &d.nodes[at]
	o.start, o.end, o.class = uint32(n), 0, classTable
}

// index marks the keys of an object of many that stand in it twice, be it escaped, and
// puts them into a table. That stays, since a shop's format asks for a hundred keys,
// many of which are absent. It is linear in n also for hostile objects.
func (d *Document) index(at uint32) {
	from := len(d.seen)
	d.seen = addTable(d.seen, int(d.nodes[at].start))
	table := d.seen[from:]
	mask := uint32(len(table) - 1)
	end := d.nodes[at].next
	for k := at + 1; k < end; k = d.nodes[k+1].next {
		key := d.key(k)
		h := hashKey(key)
		tag := uint16(h >> 48)
		d.nodes[k].tag = tag
		for j := uint32(h) & mask; ; j = (j + 1) & mask {
			earlier := table[j]
			if earlier == 0 {
				table[j] = k
				break
			}
			if d.nodes[earlier].tag == tag && d.isKey(earlier, key) {
				d.hide(earlier, k)
				table[j] = k
				break
			}
		}
	}
	o := &d.nodes[at]
	o.start, o.end = uint32(from), uint32(len(d.seen))
}

// addTable appends an empty table for n keys, at most half of which will be taken.
func addTable(seen []uint32, n int) []uint32 {
	size := 4 * fewKeys
	for size < 2*n {
		size *= 2
	}
	from := len(seen)
	to := from + size
	if to > cap(seen) {
		room := max(to, min(2*from, from+from/4+8<<10))
		seen = append(make([]uint32, 0, room), seen...)
	}
	seen = seen[:to]
	clear(seen[from:])
	return seen
}

// lookUp returns the place of a key that counts in an object of many keys, or 0.
func (v Value) lookUp(key string) uint32 {
	d := v.d
	o := &d.nodes[v.n]
	if o.end == 0 {
		d.index(v.n)
	}
	h := hashKey(key)
	table := d.seen[o.start:o.end]
	mask := uint32(len(table) - 1)
	for j := uint32(h) & mask; ; j = (j + 1) & mask {
		k := table[j]
		if k == 0 || d.nodes[k].tag == uint16(h>>48) && d.isKey(k, key) {
			return k
		}
	}
}

func (d *Document) lastFew(at uint32) {
	end := d.nodes[at].next
	for k := d.nodes[at+2].next; k < end; k = d.nodes[k+1].next {
		key := d.key(k)
		for earlier := at + 1; earlier < k; earlier = d.nodes[earlier+1].next {
			if d.nodes[earlier].class&classHidden == 0 && d.isKey(earlier, key) {
				d.hide(earlier, k)
				break
			}
		}
	}
}

func (d *Document) hide(earlier, last uint32) {
	d.nodes[earlier].class |= classHidden
	d.nodes[last].class |= classTwice
}

// key returns a key as it reads.
func (d *Document) key(k uint32) string {
	n := &d.nodes[k]
	s := d.src[n.start:n.end]
	if n.class&(classEscape|classBroken) != 0 {
		return unescape(s)
	}
	return s
}

func hashKey(key string) uint64 { return maphash.String(keySeed, key) }

func (d *Document) isKey(k uint32, key string) bool {
	n := &d.nodes[k]
	if n.class&(classEscape|classBroken) != 0 {
		return d.key(k) == key
	}
	return int(n.end-n.start) == len(key) && d.src[n.start:n.end] == key
}
