package statement

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// Report is what checking a statement came to.
type Report struct {
	Head Head
	Sums Sums
	// Problems lists what is wrong, in words; empty: it holds.
	Problems []string
	// Anchored is how many anchors of others are at entries or heads of the statement and agree.
	Anchored int
}

const maxProblems = 100

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Check reads a statement and holds all of it against itself, and against anchors, which were kept elsewhere. The error says
// that it cannot be read as a statement at all.
func Check(in io.Reader, anchors []trail.Anchor) (*Report, error) {
	c := &checker{r: &Report{}, tally: newTally(), heads: map[place]string{}, after: map[place]string{}, seen: map[waxwing.ID]bool{}}
	lines := bufio.NewReaderSize(in, 1<<20)
	h := sha256.New()
	var held [][]byte // the last two lines, which are no confirmations
	first := true
	for n := 1; ; n++ {
		b, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(b) == 0 {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("line %d is cut off: %w", n, err)
		}
		if first {
			if err := strict(b, &c.r.Head); err != nil || c.r.Head.Version != version {
				return nil, fmt.Errorf("it is no statement of this program's, or of another version than %d", version)
			}
			h.Write(b)
			first = false
			continue
		}
		held = append(held, b)
		if len(held) > 2 {
			h.Write(held[0])
			c.line(n-2, held[0])
			held = held[1:]
		}
	}
	if first || len(held) < 2 {
		return nil, errors.New("it is cut off: the sums and the signature are missing")
	}
	h.Write(held[0])
	c.end(held[0], held[1], h.Sum(nil))
	c.anchors(anchors)
	return c.r, nil
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind it")
	}
	return nil
}

// place is that of an entry in its chain.
type place struct {
	instance int64
	seq      uint64
}

type checker struct {
	r *Report
	tally
	heads map[place]string // after an entry
	after map[place]string // before an entry, under the entry before it
	seen  map[waxwing.ID]bool
}

func (c *checker) line(n int, b []byte) {
	var l Line
	if err := strict(b, &l); err != nil {
		c.r.problem("line %d: %v", n, err)
		return
	}
	if c.seen[l.ID] {
		c.r.problem("confirmation %s stands in it twice", l.ID)
	}
	c.seen[l.ID] = true
	if at := l.ID.Time(); at.Before(c.r.Head.From) || !at.Before(c.r.Head.Until) {
		c.r.problem("confirmation %s is not of its span of time", l.ID)
	}
	c.add(&l)
	c.entries(&l)
}

// entries replays what the trail tells of a confirmation.
func (c *checker) entries(l *Line) {
	state, marks := map[waxwing.ID]waxwing.State{}, 0
	for i := range l.Entries {
		x := &l.Entries[i]
		e, err := trail.ParseLine([]byte(x.Line))
		if err != nil {
			c.r.problem("confirmation %s, its entry %d: %v", l.ID, i+1, err)
			continue
		}
		if e.Confirmation != l.ID {
			c.r.problem("confirmation %s: its entry %d is of another one", l.ID, i+1)
		}
		c.chained(l.ID, x, e.Seq)
		if e.Cause == machine.CausePossible {
			marks++
		}
		owner := e.Confirmation
		if e.Message != 0 {
			owner = e.Message
		}
		if e.To == "" {
			continue
		}
		if e.From != state[owner] {
			c.r.problem("confirmation %s: entry %d of chain %d goes on from %q, and what is there ends with %q: an entry is missing", l.ID, e.Seq, x.Instance, e.From, state[owner])
		}
		state[owner] = e.To
	}
	if marks != l.Duplicates {
		c.r.problem("confirmation %s has %d entries possible_duplicate, and says %d", l.ID, marks, l.Duplicates)
	}
	c.outcome(l, state)
}

// outcome holds what a line says against what its entries come to.
func (c *checker) outcome(l *Line, state map[waxwing.ID]waxwing.State) {
	if state[l.ID] != l.State {
		c.r.problem("confirmation %s is said to be %q, and its entries end with %q", l.ID, l.State, state[l.ID])
	}
	delete(state, l.ID)
	v := &waxwing.ConfirmationView{ID: l.ID, Shop: l.Shop}
	var states []waxwing.State
	for _, m := range l.Messages {
		if state[m.ID] != m.State {
			c.r.problem("message %s is said to be %q, and its entries end with %q", m.ID, m.State, state[m.ID])
		}
		delete(state, m.ID)
		states = append(states, m.State)
		v.Messages = append(v.Messages, waxwing.MessageView{ID: m.ID, Channel: m.Channel, State: m.State})
	}
	for id := range state {
		c.r.problem("confirmation %s: its entries tell of message %s, which it does not name", l.ID, id)
	}
	v.State = machine.Outcome(l.State, states)
	if got := v.Standing(); got != l.Standing {
		c.r.problem("confirmation %s is said to be %s, and its messages make it %s", l.ID, l.Standing, got)
	}
}

// chained holds an entry to its chain.
func (c *checker) chained(id waxwing.ID, x *Entry, seq uint64) {
	before, err := hex.DecodeString(x.Before)
	sum := sha256.Sum256(append(before, x.Line...))
	at := place{x.Instance, seq}
	if err != nil || len(before) != sha256.Size || hex.EncodeToString(sum[:]) != x.Head {
		c.r.problem("confirmation %s: entry %d of chain %d is not the one whose hash the chain has", id, seq, x.Instance)
		return
	}
	if _, twice := c.heads[at]; twice {
		c.r.problem("entry %d of chain %d stands in it twice", seq, x.Instance)
	}
	c.heads[at] = x.Head
	c.after[place{x.Instance, seq - 1}] = x.Before
}

// end checks sums, links and the signature.
func (c *checker) end(sums, last, sum []byte) {
	if err := strict(sums, &c.r.Sums); err != nil {
		c.r.problem("the sums: %v", err)
	}
	want := c.sums()
	want.Heads = c.r.Sums.Heads
	if !reflect.DeepEqual(want, c.r.Sums) {
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(c.r.Sums)
		c.r.problem("the sums are not those of the lines: they come to %s, and it says %s", a, b)
	}
	for at, before := range c.after {
		if head, ok := c.heads[at]; ok && head != before {
			c.r.problem("entry %d of chain %d does not follow entry %d", at.seq+1, at.instance, at.seq)
		}
	}
	for _, h := range c.r.Sums.Heads {
		if head, ok := c.heads[place{h.Instance, h.Seq}]; ok && head != h.Head {
			c.r.problem("the head of chain %d is not that of its entry %d", h.Instance, h.Seq)
		}
	}
	var s seal
	if err := strict(last, &s); err != nil {
		c.r.problem("the signature: %v", err)
		return
	}
	if b, _ := json.Marshal(s); string(last) != string(b)+"\n" || strings.ToLower(s.Sig) != s.Sig {
		c.r.problem("the signature is not written as it was")
	}
	if err := s.verify(c.r.Head.Key, sum); err != nil {
		c.r.problem("%v", err)
	}
}

// anchors holds the chains against heads that were kept elsewhere.
func (c *checker) anchors(all []trail.Anchor) {
	known := map[place]string{}
	for at, head := range c.after {
		known[at] = head
	}
	for at, head := range c.heads {
		known[at] = head
	}
	for _, h := range c.r.Sums.Heads {
		known[place{h.Instance, h.Seq}] = h.Head
	}
	pub, err := hex.DecodeString(c.r.Head.Key)
	if err != nil {
		return // said already
	}
	for i := range all {
		a := &all[i]
		head, ok := known[place{a.Instance, a.Seq}]
		if !ok {
			continue
		}
		switch err := a.Verify(pub); {
		case !strings.EqualFold(a.Key, c.r.Head.Key) || err != nil:
			c.r.problem("the anchor of chain %d at entry %d is of another key", a.Instance, a.Seq)
		case !strings.EqualFold(a.Head, head):
			c.r.problem("chain %d differs from its anchor at entry %d", a.Instance, a.Seq)
		default:
			c.r.Anchored++
		}
	}
}
