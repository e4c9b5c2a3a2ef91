package mime

import (
	"encoding/base64"
	"encoding/binary"
	"math/bits"
)

// literal marks the bytes that quoted-printable leaves as they are within a
// line (RFC 2045, 6.7): visible ASCII but "=", and space and tab, which
// AppendQuotedPrintable watches at the end of lines.
var literal = func() (t [256]bool) {
	for c := 33; c < 127; c++ {
		t[c] = c != '='
	}
	t[' '], t['\t'] = true, true
	return t
}()

// AppendQuotedPrintable appends b to dst in quoted-printable. LF, CRLF and CR
// all become CRLF; no line exceeds 76 characters. A dot or "From " at the start
// of a line is encoded: no relay can then stuff or quote it.
func AppendQuotedPrintable(dst, b []byte) []byte {
	const width = lineWidth - 1 // room for the "=" of a soft break
	col := 0
	for i := 0; i < len(b); {
		if col == 0 && (b[i] == '.' || b[i] == 'F' && len(b) > i+4 && string(b[i:i+5]) == "From ") {
			dst, col, i = append(dst, '=', upperHex[b[i]>>4], upperHex[b[i]&15]), 3, i+1
			continue
		}
		n := i
		for end := min(len(b), i+width-col); n < end && literal[b[n]]; n++ {
		}
		dst, col, i = append(dst, b[i:n]...), col+n-i, n
		if i == len(b) {
			break
		}
		switch c := b[i]; {
		case c == '\r' || c == '\n':
			dst = append(guardEnd(dst, col), '\r', '\n')
			if i++; c == '\r' && i < len(b) && b[i] == '\n' {
				i++
			}
			col = 0
		case literal[c]: // the line is full
			dst, col = append(dst, "=\r\n"...), 0
		default:
			if col+3 > width {
				dst, col = append(dst, "=\r\n"...), 0
			}
			dst, col, i = append(dst, '=', upperHex[c>>4], upperHex[c&15]), col+3, i+1
		}
	}
	return guardEnd(dst, col)
}

// guardEnd encodes a space or tab that would end the line, where relays may
// take it off; col is the length of the line so far.
func guardEnd(dst []byte, col int) []byte {
	if col == 0 {
		return dst
	}
	c := dst[len(dst)-1]
	if c != ' ' && c != '\t' {
		return dst
	}
	dst = dst[:len(dst)-1]
	if col+2 > lineWidth {
		dst = append(dst, "=\r\n"...)
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

// countHigh counts the bytes above 127, eight at a time.
func countHigh(b []byte) (n int) {
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b) & 0x8080808080808080)
	}
	for _, c := range b {
		n += int(c >> 7)
	}
	return n
}
