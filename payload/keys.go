package payload

import (
	"hash/maphash"
)

// fewKeys is how many keys are compared with one another rather than hashed.
const fewKeys = 8

// lastKeys marks the keys of an object that stand in it twice, be it escaped:
// the last one counts, as in PHP, Ruby and JavaScript, and the others are
// hidden. The n keys lie behind the node at, each before its value. It is linear
// in n also for hostile objects.
func (d *Document) lastKeys(at uint32, n int) {
	if n <= fewKeys {
		d.lastFew(at)
		return
	}
	size := uint32(16)
	for size < uint32(2*n) {
		size *= 2
	}
	if uint32(len(d.seen)) < size {
		d.seen, d.round = make([]slot, size), 0
	}
	if d.round++; d.round == 0 {
		clear(d.seen)
		d.round = 1
	}
	end := d.nodes[at].next
	for k := at + 1; k < end; k = d.nodes[k+1].next {
		h := d.hashKey(k)
		for j := uint32(h) & (size - 1); ; j = (j + 1) & (size - 1) {
			s := &d.seen[j]
			if s.round != d.round {
				*s = slot{d.round, uint32(h >> 32), k}
				break
			}
			if s.hash == uint32(h>>32) && d.sameKey(s.node, k) {
				d.hide(s.node, k)
				s.node = k
				break
			}
		}
	}
}

func (d *Document) lastFew(at uint32) {
	end := d.nodes[at].next
	for k := d.nodes[at+2].next; k < end; k = d.nodes[k+1].next {
		for earlier := at + 1; earlier < k; earlier = d.nodes[earlier+1].next {
			if d.nodes[earlier].class&classHidden == 0 && d.sameKey(earlier, k) {
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

func (d *Document) hashKey(k uint32) uint64 { return maphash.String(keySeed, d.key(k)) }

func (d *Document) sameKey(a, b uint32) bool {
	x, y := &d.nodes[a], &d.nodes[b]
	if (x.class|y.class)&(classEscape|classBroken) == 0 && x.end-x.start != y.end-y.start {
		return false
	}
	return d.key(a) == d.key(b)
}
