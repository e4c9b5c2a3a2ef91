package shop

import (
	"bytes"
	"hash/maphash"
	"unicode"
	"unicode/utf8"
)

// fewKeys is how many keys are compared with one another rather than hashed.
const fewKeys = 8

// uniqueKeys refuses an object that has a key twice, be it escaped or written
// in another case. The n keys lie behind the node at, each before its value.
// It is linear in n also for hostile objects.
func (d *document) uniqueKeys(at uint32, n int) bool {
	if n <= fewKeys {
		return d.uniqueFew(at)
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
				return d.stop(int(d.nodes[k].start)-1, "a key for the second time in its object")
			}
		}
	}
	return true
}

func (d *document) uniqueFew(at uint32) bool {
	end := d.nodes[at].next
	for k := d.nodes[at+2].next; k < end; k = d.nodes[k+1].next {
		for earlier := at + 1; earlier < k; earlier = d.nodes[earlier+1].next {
			if d.sameKey(earlier, k) {
				return d.stop(int(d.nodes[k].start)-1, "a key for the second time in its object")
			}
		}
	}
	return true
}

func (d *document) hashKey(k uint32) uint64 {
	n := &d.nodes[k]
	if n.class == classPlain {
		return maphash.String(keySeed, d.src[n.start:n.end])
	}
	d.fold[0] = d.appendFolded(d.fold[0][:0], k)
	return maphash.Bytes(keySeed, d.fold[0])
}

// sameKey reports whether two keys are equal when unescaped and case-folded.
func (d *document) sameKey(a, b uint32) bool {
	x, y := &d.nodes[a], &d.nodes[b]
	if x.class|y.class == classPlain {
		return x.end-x.start == y.end-y.start && d.src[x.start:x.end] == d.src[y.start:y.end]
	}
	d.fold[0] = d.appendFolded(d.fold[0][:0], a)
	d.fold[1] = d.appendFolded(d.fold[1][:0], b)
	return bytes.Equal(d.fold[0], d.fold[1])
}

// appendFolded appends a key in the one form that all its cases share: of the
// letters that Unicode folds together the smallest, but lower case in ASCII.
func (d *document) appendFolded(b []byte, k uint32) []byte {
	n := &d.nodes[k]
	s := d.src[n.start:n.end]
	if n.class&classEscape != 0 {
		s = unescape(s)
	}
	if n.class&classWide == 0 && n.class&classEscape == 0 {
		for _, c := range []byte(s) {
			if c-'A' < 26 {
				c |= 0x20
			}
			b = append(b, c)
		}
		return b
	}
	for _, r := range s {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		if least >= 'A' && least <= 'Z' {
			least |= 0x20
		}
		b = utf8.AppendRune(b, least)
	}
	return b
}
