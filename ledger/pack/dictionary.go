package pack

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/s2"

	"github.com/waxwinghq/waxwing"
)

// dictionary is what mails of one template set and locale have in common: their passages,
// and for the rest an S2 dictionary.
type dictionary struct {
	id       uint32
	passages [][]byte
	s2       *s2.Dict
}

// dictionaryMark begins the body of a dictionary with passages. Older ones are S2's alone,
// which begin with a number of up to 64 Ki: this one is larger.
const dictionaryMark = "\xff\xff\x7f"

// MakeDictionary makes a dictionary's body: of passages, which extents name by their places
// in this list, and of a sample of what stands between them in a mail.
func MakeDictionary(passages [][]byte, sample []byte) ([]byte, error) {
	body := binary.AppendUvarint([]byte(dictionaryMark), uint64(len(passages)))
	for _, s := range passages {
		body = binary.AppendUvarint(body, uint64(len(s)))
	}
	for _, s := range passages {
		body = append(body, s...)
	}
	body = append(body, sample...)
	if readDictionary(0, body) == nil {
		return nil, errors.New("passages and sample are too short for a dictionary")
	}
	return body, nil
}

// readDictionary reads a stored dictionary, nil where body is none.
func readDictionary(id uint32, body []byte) *dictionary {
	d := &dictionary{id: id}
	body = append(make([]byte, 0, len(body)+16), body...) // with that room S2 copies no more
	if len(body) < len(dictionaryMark) || string(body[:len(dictionaryMark)]) != dictionaryMark {
		if d.s2 = s2.NewDict(body); d.s2 == nil {
			return nil
		}
		return d
	}
	r := numbers{b: body[len(dictionaryMark):]}
	sizes := make([]int, r.atMost(len(r.b)))
	for i := range sizes {
		sizes[i] = r.atMost(len(body))
	}
	text := r.b
	if d.s2 = s2.MakeDict(text, nil); d.s2 == nil || r.bad {
		return nil
	}
	d.passages = make([][]byte, len(sizes))
	for i, n := range sizes {
		if n > len(text) {
			return nil
		}
		d.passages[i], text = text[:n:n], text[n:]
	}
	return d
}

// maxExtents bounds how many passages are taken out of one content.
const maxExtents = 1 << 14

// encode appends the dictionary's number and b, compressed with it, to dst.
func (d *dictionary) encode(dst, b []byte) []byte {
	dst, room := roomFor(binary.BigEndian.AppendUint32(dst, d.id), b)
	return dst[:len(dst)+len(d.s2.Encode(room, b))]
}

// takeOut leaves of head and b what is left without the passages in b: how many there are,
// which ones, how much stands before each, and what stands before them and behind. Each
// one is told by how far its number is from the one that follows the last: most mails have
// them in order.
func (d *dictionary) takeOut(sc *scratch, head, b []byte, extents []waxwing.Extent) {
	kept, done := sc.kept[:0], 0
	for _, e := range extents {
		if e.At < done || e.At > len(b) || e.Passage < 0 || e.Passage >= len(d.passages) || len(kept) == maxExtents {
			continue
		}
		if s := d.passages[e.Passage]; bytes.HasPrefix(b[e.At:], s) && len(s) > 0 {
			kept, done = append(kept, e), e.At+len(s)
		}
	}
	left, next := binary.AppendUvarint(sc.left[:0], uint64(len(kept))), 0
	for _, e := range kept {
		left = binary.AppendVarint(left, int64(e.Passage-next))
		next = e.Passage + 1
	}
	done = -len(head)
	for _, e := range kept {
		left = binary.AppendUvarint(left, uint64(e.At-done))
		done = e.At + len(d.passages[e.Passage])
	}
	left, done = append(left, head...), 0
	for _, e := range kept {
		left = append(left, b[done:e.At]...)
		done = e.At + len(d.passages[e.Passage])
	}
	sc.left, sc.kept = append(left, b[done:]...), kept
}

// putBack reads what takeOut wrote.
func (d *dictionary) putBack(b []byte) ([]byte, error) {
	r := numbers{b: b}
	which := make([]int, r.atMost(maxExtents))
	size, next := 0, 0
	for i := range which {
		which[i] = next + r.signed(len(d.passages))
		if r.bad || which[i] < 0 || which[i] >= len(d.passages) {
			return nil, ErrDamaged
		}
		next, size = which[i]+1, size+len(d.passages[which[i]])
	}
	gaps := make([]int, len(which))
	for i := range gaps {
		gaps[i] = r.atMost(len(b))
	}
	if size += len(r.b); r.bad || size > maxUnpacked {
		return nil, ErrDamaged
	}
	out, between := make([]byte, 0, size), r.b
	for i, gap := range gaps {
		if gap > len(between) {
			return nil, ErrDamaged
		}
		out = append(append(out, between[:gap]...), d.passages[which[i]]...)
		between = between[gap:]
	}
	return append(out, between...), nil
}

// numbers reads varints. What is broken off or too large is bad, and 0.
type numbers struct {
	b   []byte
	bad bool
}

// atMost reads a number up to limit.
func (r *numbers) atMost(limit int) int {
	u, n := binary.Uvarint(r.b)
	if n <= 0 || u > uint64(limit) {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return int(u)
}

// signed reads a number between -limit and limit.
func (r *numbers) signed(limit int) int {
	v, n := binary.Varint(r.b)
	if n <= 0 || v > int64(limit) || v < -int64(limit) {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}
