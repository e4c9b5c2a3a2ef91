package mime

import (
	"encoding/base64"
	"encoding/binary"
	"math/bits"
)

// literal marks the bytes that quoted-printable leaves as they are within a
// line (RFC 2045, 6.7): visible ASCII but "=", and space and tab, which
// printable watches at the end of lines.
var literal = func() (t [256]bool) {
	for c := 33; c < 127; c++ {
		t[c] = c != '='
	}
	t[' '], t['\t'] = true, true
	return t
}()

// literals reports whether eight bytes all stay as they are, tabs left aside: none of them
// is above 127, below the space, DEL or "=".
func literals(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	equal := x ^ ones*'='
	return (x|(x-ones*' ')|(x+ones)|(equal-ones)&^equal)&high == 0
}

// AppendQuotedPrintable appends b to dst in quoted-printable. LF, CRLF and CR
// all become CRLF; no line exceeds 76 characters. A dot or "From " at the start
// of a line is encoded: no relay can then stuff or quote it.
func AppendQuotedPrintable(dst, b []byte) []byte {
	q := printable{dst: dst}
	q.text(b)
	return q.end()
}

// printable writes a body in quoted-printable, a piece after another.
type printable struct {
	dst []byte
	col int  // length of the line so far, at most softWidth
	cr  bool // the last piece ended in CR: an LF that follows belongs to it
}

const (
	lineEnd   = "\r\n"
	softBreak = "=\r\n"
	softWidth = lineWidth - 1 // room for the "=" of a soft break
)

// text writes a piece.
func (q *printable) text(b []byte) {
	if len(b) == 0 {
		return
	}
	if q.cr && b[0] == '\n' {
		b = b[1:]
	}
	dst, col := q.dst, q.col
	for i := 0; i < len(b); {
		if col == 0 && (b[i] == '.' || b[i] == 'F' && fromLine(b[i:])) {
			dst, col, i = append(dst, '=', upperHex[b[i]>>4], upperHex[b[i]&15]), 3, i+1
			continue
		}
		n, end := i, min(len(b), i+softWidth-col)
		for n+8 <= end && literals(binary.LittleEndian.Uint64(b[n:])) {
			n += 8
		}
		for n < end && literal[b[n]] {
			n++
		}
		dst, col, i = append(dst, b[i:n]...), col+n-i, n
		if i == len(b) {
			break
		}
		switch c := b[i]; {
		case c == '\r' || c == '\n':
			dst = append(guardEnd(dst, col, lineWidth), lineEnd...)
			if i++; c == '\r' && i < len(b) && b[i] == '\n' {
				i++
			}
			col = 0
		case literal[c]: // the line is full
			dst, col = append(dst, softBreak...), 0
		default:
			if col+3 > softWidth {
				dst, col = append(dst, softBreak...), 0
			}
			dst, col, i = append(dst, '=', upperHex[c>>4], upperHex[c&15]), col+3, i+1
		}
	}
	q.dst, q.col, q.cr = dst, col, len(b) > 0 && b[len(b)-1] == '\r'
}

// end ends the body.
func (q *printable) end() []byte { return guardEnd(q.dst, q.col, lineWidth) }

// fromLine reports whether a line that begins with b may begin with "From ", as far as the
// piece goes.
func fromLine(b []byte) bool {
	const from = "From "
	n := min(len(b), len(from))
	return string(b[:n]) == from[:n]
}

// guardEnd encodes a space or tab that would end the line, where relays may
// take it off; col is the length of the line so far, which may become width.
func guardEnd(dst []byte, col, width int) []byte {
	if col == 0 {
		return dst
	}
	c := dst[len(dst)-1]
	if c != ' ' && c != '\t' {
		return dst
	}
	dst = dst[:len(dst)-1]
	if col+2 > width {
		dst = append(dst, softBreak...)
	}
	return append(dst, '=', upperHex[c>>4], upperHex[c&15])
}

// appendBase64 appends b in lines of 76 characters, the last one ended as well.
func appendBase64(dst, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), lineWidth/4*3)
		dst = append(base64.StdEncoding.AppendEncode(dst, b[:n]), '\r', '\n')
		b = b[n:]
	}
	return dst
}

// countHigh counts the bytes above 127: 32 at a time where there are none, else eight.
func countHigh(b []byte) (n int) {
	const high = 0x8080808080808080
	for ; len(b) >= 32; b = b[32:] {
		w, x := binary.LittleEndian.Uint64(b)&high, binary.LittleEndian.Uint64(b[8:])&high
		y, z := binary.LittleEndian.Uint64(b[16:])&high, binary.LittleEndian.Uint64(b[24:])&high
		if w|x|y|z != 0 {
			n += bits.OnesCount64(w) + bits.OnesCount64(x) + bits.OnesCount64(y) + bits.OnesCount64(z)
		}
	}
	for _, c := range b {
		n += int(c >> 7)
	}
	return n
}
