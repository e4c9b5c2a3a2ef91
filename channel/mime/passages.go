package mime

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

// Passages are texts that many mails have in common, encoded once. They do not change and
// may be used by many at once.
type Passages struct{ all []passage }

// passage is a text with its quoted-printable form, as it is where it begins a line.
type passage struct {
	text, encoded string
	// first is how much room the first line of encoded needs, with the "=" that may have to
	// follow it, last the length of the last one, and broken whether these are two.
	first, last int
	broken      bool
}

// NewPassages encodes texts. Their numbers are their places in the list.
func NewPassages(texts []string) *Passages {
	s := &Passages{all: make([]passage, len(texts))}
	for i, text := range texts {
		q := printable{}
		q.text([]byte(text))
		q.dst = guardEnd(q.dst, q.col, softWidth) // what follows may be a line's end
		x := passage{text: text, encoded: string(q.dst)}
		x.first, x.last = len(x.encoded)+1, len(x.encoded)
		if end := strings.Index(x.encoded, lineEnd); end >= 0 {
			x.first, x.last, x.broken = end, len(x.encoded)-strings.LastIndex(x.encoded, lineEnd)-len(lineEnd), true
		}
		s.all[i] = x
	}
	return s
}

// Encoded are the passages' bytes as they stand in mails, by number.
func (s *Passages) Encoded() [][]byte {
	out := make([][]byte, len(s.all))
	for i := range s.all {
		out[i] = []byte(s.all[i].encoded)
	}
	return out
}

// at returns the passage of a mark of body, if it does stand there.
func (s *Passages) at(body []byte, m waxwing.Extent) *passage {
	if s == nil || m.Passage < 0 || m.Passage >= len(s.all) || s.all[m.Passage].text == "" || m.At < 0 || m.At > len(body) {
		return nil
	}
	x := &s.all[m.Passage]
	if rest := body[m.At:]; len(rest) < len(x.text) || string(rest[:len(x.text)]) != x.text {
		return nil
	}
	return x
}

// passage writes a passage and says where its bytes begin: as they are, on a line of their
// own where the first of them does not fit on the one that was begun.
func (q *printable) passage(s *passage) (at int) {
	switch {
	case q.col == 0:
	case s.first == 0: // it begins with a line's end
		q.dst = guardEnd(q.dst, q.col, lineWidth)
	case q.col+s.first > lineWidth:
		q.dst, q.col = append(q.dst, softBreak...), 0
	}
	at = len(q.dst)
	q.dst = append(q.dst, s.encoded...)
	if q.col += s.last; s.broken {
		q.col = s.last
	}
	q.cr = s.text[len(s.text)-1] == '\r'
	return at
}

// marked writes a body whose passages are known, and adds to extents where their bytes
// stand. A mark of what does not stand there is none.
func (q *printable) marked(body []byte, s *Passages, marks, extents []waxwing.Extent) []waxwing.Extent {
	done := 0
	for _, m := range marks {
		x := s.at(body, m)
		if x == nil || m.At < done {
			continue
		}
		q.text(body[done:m.At])
		if done = m.At; q.cr && x.text[0] == '\n' {
			continue // of a line's end that is one for the two of them
		}
		extents = append(extents, waxwing.Extent{At: q.passage(x), Passage: m.Passage})
		done += len(x.text)
	}
	q.text(body[done:])
	return extents
}
