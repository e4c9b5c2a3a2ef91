package trail

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// Head is the hash of a chain's newest entry: SHA-256 of the head before it and
// the entry's line.
type Head [sha256.Size]byte

// Chain appends entries for one writing instance. It is not safe for
// concurrent use: the writer goroutine owns it.
type Chain struct {
	Instance int64
	Seq      uint64 // of the last entry
	Head     Head
	buf      []byte // hash input
}

// Append writes the entry as one line of JSON to dst and moves the head. The
// keys stand in a fixed order, so that a line has one form only.
func (c *Chain) Append(dst []byte, e *machine.Entry) []byte {
	c.Seq++
	start := len(dst)
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, c.Seq, 10)
	dst = append(dst, `,"at":`...)
	dst = strconv.AppendInt(dst, e.At.UnixMilli(), 10)
	if e.Confirmation != 0 {
		dst = append(dst, `,"c":"`...)
		dst = append(dst, e.Confirmation.String()...)
		dst = append(dst, '"')
	}
	if e.Message != 0 {
		dst = append(dst, `,"m":"`...)
		dst = append(dst, e.Message.String()...)
		dst = append(dst, '"')
	}
	if e.From != "" {
		dst = appendPair(dst, "from", string(e.From))
	}
	if e.To != "" {
		dst = appendPair(dst, "to", string(e.To))
	}
	dst = appendPair(dst, "cause", e.Cause)
	for i, d := range e.Detail {
		if i == 0 {
			dst = append(dst, `,"detail":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = appendString(dst, d[0])
		dst = append(dst, ':')
		dst = appendString(dst, d[1])
	}
	if len(e.Detail) > 0 {
		dst = append(dst, '}')
	}
	dst = append(dst, '}')
	c.Head = c.link(c.Head, dst[start:])
	return append(dst, '\n')
}

func (c *Chain) link(prev Head, line []byte) Head {
	c.buf = append(append(c.buf[:0], prev[:]...), line...)
	return sha256.Sum256(c.buf)
}

func appendPair(dst []byte, k, v string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, k...)
	dst = append(dst, '"', ':')
	return appendString(dst, v)
}

func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			b, _ := json.Marshal(s) // strings always marshal
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

type line struct {
	Seq    uint64            `json:"seq"`
	At     int64             `json:"at"`
	C      waxwing.ID        `json:"c"`
	M      waxwing.ID        `json:"m"`
	From   waxwing.State     `json:"from"`
	To     waxwing.State     `json:"to"`
	Cause  string            `json:"cause"`
	Detail map[string]string `json:"detail"`
}

// ParseLine reads one line of the trail.
func ParseLine(b []byte) (waxwing.TrailEntry, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return waxwing.TrailEntry{}, fmt.Errorf("trail line: %w", err)
	}
	return waxwing.TrailEntry{Seq: l.Seq, At: time.UnixMilli(l.At).UTC(), Confirmation: l.C, Message: l.M,
		From: l.From, To: l.To, Cause: l.Cause, Detail: l.Detail}, nil
}

// Walk goes through lines that follow the chain's head, checks that the
// sequence has no gap, moves the head and calls f for each entry.
func (c *Chain) Walk(lines []byte, f func(waxwing.TrailEntry, Head) error) error {
	for len(lines) > 0 {
		i := bytes.IndexByte(lines, '\n')
		if i < 0 {
			return fmt.Errorf("chain %d: the entry after %d is cut off", c.Instance, c.Seq)
		}
		l := lines[:i]
		lines = lines[i+1:]
		e, err := ParseLine(l)
		if err != nil {
			return fmt.Errorf("chain %d, after entry %d: %w", c.Instance, c.Seq, err)
		}
		if e.Seq != c.Seq+1 {
			return fmt.Errorf("chain %d: entry %d follows entry %d: something is missing or reordered",
				c.Instance, e.Seq, c.Seq)
		}
		c.Seq, c.Head = e.Seq, c.link(c.Head, l)
		if err := f(e, c.Head); err != nil {
			return err
		}
	}
	return nil
}
