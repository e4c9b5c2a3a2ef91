package web

import (
	"bytes"
	"strconv"
	"sync/atomic"
)

// framing follows the bytes of a connection from request to request, as far as it takes
// to see a header that has both Content-Length and Transfer-Encoding: net/http goes by
// the latter and hides the former, while a proxy in front may have gone by the former
// and takes for a request what we took for a body (RFC 9112, 6.1 and 11.2). It judges
// nothing else: what it cannot follow, net/http refuses, or the connection is closed
// after the answer. A length that net/http reads and it does not, for it is folded or
// far behind its name, is as bad as two: what comes after it is seen in the wrong place.
type framing struct {
	state  framingState
	left   int64  // of the body
	length int64  // the header's Content-Length
	sized  bool   // it has one
	coded  bool   // it has Transfer-Encoding
	begun  bool   // the request line is over
	line   []byte // the beginning of the header's present line

	both    atomic.Bool // such a header was seen: nothing on this connection is believed any more
	chunked atomic.Bool // a header with Transfer-Encoding was seen
}

type framingState uint8

const (
	inHeader framingState = iota
	inBody
	lost // a chunked body: the connection ends after it
)

// Names are told apart by their first bytes; more of a line need not be kept.
const keptOfLine = 64

// see takes the next bytes that were read.
func (f *framing) see(b []byte) {
	for len(b) > 0 {
		switch f.state {
		case lost:
			return
		case inBody:
			n := min(f.left, int64(len(b)))
			b, f.left = b[n:], f.left-n
			if f.left == 0 {
				f.state = inHeader
			}
		default:
			part := b
			end := bytes.IndexByte(b, '\n')
			if end >= 0 {
				part = b[:end]
			}
			if end >= 0 && len(f.line) == 0 {
				f.over(part)
			} else {
				f.line = append(f.line, part[:min(len(part), keptOfLine-len(f.line))]...)
				if end >= 0 {
					f.over(f.line)
					f.line = f.line[:0]
				}
			}
			if end < 0 {
				return
			}
			b = b[end+1:]
		}
	}
}

// over takes a whole line, of which the first bytes do.
func (f *framing) over(line []byte) {
	cut := len(line) >= keptOfLine
	line = bytes.TrimSuffix(line, []byte("\r"))
	switch {
	case !f.begun:
		f.begun = len(line) > 0 // net/http passes over an empty line after a POST
	case len(line) == 0:
		if f.sized && f.coded {
			f.both.Store(true)
		}
		switch {
		case f.coded:
			f.state = lost
		case f.length > 0:
			f.state, f.left = inBody, f.length
		}
		f.length, f.sized, f.coded, f.begun = 0, false, false, false
	default:
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch name = bytes.TrimRight(name, " \t"); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil || cut || f.sized && n != f.length {
				f.both.Store(true)
			}
			f.length, f.sized = n, true
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			f.coded = true
			f.chunked.Store(true)
		}
	}
}
