package wasm

import "unicode/utf8"

// reader reads a span of the file. Its first fault sticks: what is read after it
// is zero, so that callers look once at the end of a piece.
type reader struct {
	b     []byte // the file, cut off where the span ends
	pos   int
	fault string // what is wrong
	at    int    // where
}

func (r *reader) fail(what string, at int) {
	if r.fault == "" {
		r.fault, r.at = what, at
	}
	r.pos = len(r.b)
}

func (r *reader) ok() bool  { return r.fault == "" }
func (r *reader) left() int { return len(r.b) - r.pos }

// sub is a reader of the next n bytes, which this one skips.
func (r *reader) sub(n uint32) reader {
	if uint64(n) > uint64(r.left()) {
		r.fail("length out of bounds", r.pos)
		return reader{b: r.b, pos: len(r.b), fault: r.fault, at: r.at}
	}
	end := r.pos + int(n)
	s := reader{b: r.b[:end], pos: r.pos}
	r.pos = end
	return s
}

func (r *reader) byte() byte {
	if r.pos >= len(r.b) {
		r.fail("unexpected end", r.pos)
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

func (r *reader) skip(n int) {
	if n > r.left() {
		r.fail("unexpected end", r.pos)
		return
	}
	r.pos += n
}

// u32 reads unsigned LEB128, 5.2.2: at most five bytes, and no bits beyond 32.
func (r *reader) u32() uint32 {
	if r.pos < len(r.b) && r.b[r.pos] < 0x80 {
		r.pos++
		return uint32(r.b[r.pos-1])
	}
	at := r.pos
	var v uint32
	for i := range 5 {
		c := r.byte()
		if i == 4 {
			if c&0x80 != 0 {
				r.fail("integer representation too long", at)
				return 0
			}
			if c > 0x0f {
				r.fail("integer too large", at)
				return 0
			}
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			break
		}
	}
	if !r.ok() {
		return 0
	}
	return v
}

// signed reads signed LEB128 of 32, 33 or 64 bits.
func (r *reader) signed(bits int) int64 {
	at := r.pos
	most := (bits + 6) / 7
	var v int64
	for i := range most {
		c := r.byte()
		if i == most-1 {
			if c&0x80 != 0 {
				r.fail("integer representation too long", at)
				return 0
			}
			// The bits beyond the width repeat the sign.
			used := bits - 7*i
			rest := int8(c<<1) >> used
			if rest != 0 && rest != -1 {
				r.fail("integer too large", at)
				return 0
			}
		}
		v |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c&0x40 != 0 && 7*(i+1) < 64 {
				v |= -1 << (7 * (i + 1))
			}
			break
		}
	}
	if !r.ok() {
		return 0
	}
	return v
}

// name reads a name, 5.2.4; the caller checks how long it may be.
func (r *reader) name() string {
	n := r.u32()
	at := r.pos
	s := r.sub(n)
	if !r.ok() {
		return ""
	}
	b := s.b[s.pos:]
	if !utf8.Valid(b) {
		r.fail("malformed UTF-8 encoding", at)
		return ""
	}
	return string(b)
}
