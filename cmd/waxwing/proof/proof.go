// Package proof makes signed statements of a ledger, and checks them.
package proof

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/statement"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// Span is from one time, included, until another, not included.
type Span struct{ From, Until time.Time }

// ParsePeriod reads a day, a month or FROM..UNTIL.
func ParsePeriod(s string) (p Span, err error) {
	if t, err := time.ParseInLocation("2006-01-02", s, time.Local); err == nil {
		return Span{t, t.AddDate(0, 0, 1)}, nil
	}
	if t, err := time.ParseInLocation("2006-01", s, time.Local); err == nil {
		return Span{t, t.AddDate(0, 1, 0)}, nil
	}
	from, until, ok := strings.Cut(s, "..")
	var okFrom, okUntil bool
	p.From, okFrom = ledger.ParseTime(from)
	p.Until, okUntil = ledger.ParseTime(until)
	if !ok || !okFrom || !okUntil || !p.From.Before(p.Until) {
		return p, fmt.Errorf("%q is no span of time: write 2026-11-27, 2026-11 or 2026-11-01T00:00:00Z..2026-11-08T00:00:00Z", s)
	}
	return p, nil
}

// Books are the ledger that is told of.
type Books interface {
	// List gives confirmations, newest first.
	List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error)
	// Get gives one with its messages.
	Get(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error)
	// Raw is the event that counts.
	Raw(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (format, topic string, raw []byte, err error)
	// Export writes the trail, a line an entry, with its chain and the head after it.
	Export(ctx context.Context, w io.Writer, progress func(entries int64)) error
	// PublicKey is the key of Sign, in hex.
	PublicKey() string
	// Sign signs with the key of the anchors.
	Sign(b []byte) []byte
}

// Prover writes one statement.
type Prover struct {
	Books
	Tenant  waxwing.TenantID
	Span    Span
	Formats map[string]waxwing.Format
	// Progress is told how far it is.
	Progress io.Writer
}

// Write writes the statement to a file, or to other where no file is named, and checks it as others would before anybody has
// it. A ledger whose trail does not bear out what its rows say is not signed for.
func (p Prover) Write(ctx context.Context, file string, other io.Writer) (err error) {
	dir := os.TempDir()
	if file != "" {
		dir = filepath.Dir(file)
	}
	f, err := os.CreateTemp(dir, ".statement-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()           // it was synced, or is of no use
		_ = os.Remove(f.Name()) // gone where it was renamed
	}()
	sums, err := p.write(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := statement.Check(f, nil)
	if err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("nothing was signed, since the trail does not bear out what the ledger says: %s. Run waxwing ledger verify", strings.Join(r.Problems, "; "))
	}
	if file == "" {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.Copy(other, f); err != nil {
			return err
		}
	} else if err := errors.Join(f.Chmod(0o600), os.Rename(f.Name(), file)); err != nil {
		return err
	}
	return tell(p.Progress, r.Head, sums)
}

// at once is how many confirmations one reading of the trail is for: their entries are in memory meanwhile.
const atOnce = 100_000

func (p Prover) write(ctx context.Context, out io.Writer) (statement.Sums, error) {
	w := statement.NewWriter(out, statement.Head{Tenant: p.Tenant, From: p.Span.From.UTC(), Until: p.Span.Until.UTC(), Made: time.Now().UTC().Truncate(time.Millisecond), Key: p.PublicKey()})
	ids, err := p.all(ctx)
	if err != nil {
		return statement.Sums{}, err
	}
	read := &reading{heads: map[int64]statement.ChainHead{}}
	pieces := slices.Collect(slices.Chunk(ids, atOnce))
	if len(pieces) == 0 {
		pieces = [][]waxwing.ID{nil} // the heads all the same
	}
	for i, piece := range pieces {
		read.begin(piece)
		if err := p.Export(ctx, read, func(n int64) {
			_, _ = fmt.Fprintf(p.Progress, "\r%d entries of the trail (%d of %d)", n, i+1, len(pieces))
		}); err != nil {
			return statement.Sums{}, err
		}
		for _, id := range piece {
			l, err := p.line(ctx, id, read.of[id])
			if err == nil {
				err = w.Add(l)
			}
			if err != nil {
				return statement.Sums{}, err
			}
		}
	}
	var heads []statement.ChainHead
	for _, h := range read.heads {
		heads = append(heads, h)
	}
	slices.SortFunc(heads, func(a, b statement.ChainHead) int { return int(a.Instance - b.Instance) })
	return w.Close(heads, p.Sign)
}

// all are the confirmations of the span, oldest first. Events that make none are not among them.
func (p Prover) all(ctx context.Context) (ids []waxwing.ID, err error) {
	q := waxwing.Query{Tenant: p.Tenant, Since: p.Span.From, Until: p.Span.Until, Limit: 500}
	for {
		page, err := p.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if page[i].State != waxwing.Ignored {
				ids = append(ids, page[i].ID)
			}
		}
		if len(page) < q.Limit {
			slices.Reverse(ids)
			return ids, nil
		}
		q.Before = page[len(page)-1].ID
	}
}

// reading takes the trail's lines, and keeps those of some confirmations.
type reading struct {
	of    map[waxwing.ID][]statement.Entry
	heads map[int64]statement.ChainHead
	last  map[int64]string
	rest  []byte
}

func (r *reading) begin(ids []waxwing.ID) {
	r.of, r.last = make(map[waxwing.ID][]statement.Entry, len(ids)), map[int64]string{}
	for _, id := range ids {
		r.of[id] = nil
	}
}

// noHead is the head before a chain's first entry.
var noHead = hex.EncodeToString(make([]byte, len(trail.Head{})))

// Write is io.Writer's; lines come whole.
func (r *reading) Write(b []byte) (int, error) {
	r.rest = append(r.rest, b...)
	for {
		i := bytes.IndexByte(r.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		if err := r.entry(r.rest[:i]); err != nil {
			return 0, err
		}
		r.rest = append(r.rest[:0], r.rest[i+1:]...)
	}
}

func (r *reading) entry(b []byte) error {
	var x struct {
		Instance int64
		Head     string
		Entry    json.RawMessage
	}
	if err := json.Unmarshal(b, &x); err != nil {
		return err
	}
	e, err := trail.ParseLine(x.Entry)
	if err != nil {
		return err
	}
	before, ok := r.last[x.Instance]
	if !ok {
		before = noHead
	}
	r.last[x.Instance] = x.Head
	r.heads[x.Instance] = statement.ChainHead{Instance: x.Instance, Seq: e.Seq, Head: x.Head}
	if of, wanted := r.of[e.Confirmation]; wanted && e.Confirmation != 0 {
		r.of[e.Confirmation] = append(of, statement.Entry{Instance: x.Instance, Before: before, Head: x.Head, Line: string(x.Entry)})
	}
	return nil
}

// line tells of one confirmation: what its entries come to, and what the ledger adds.
func (p Prover) line(ctx context.Context, id waxwing.ID, entries []statement.Entry) (*statement.Line, error) {
	v, err := p.Get(ctx, p.Tenant, id)
	if err != nil {
		return nil, fmt.Errorf("confirmation %s: %w", id, err)
	}
	l := &statement.Line{ID: id, Shop: v.Shop, Entries: entries}
	ends := map[waxwing.ID]waxwing.State{}
	for i := range entries {
		e, err := trail.ParseLine([]byte(entries[i].Line))
		if err != nil {
			return nil, err
		}
		if e.Cause == machine.CausePossible {
			l.Duplicates++
		}
		owner := e.Confirmation
		if e.Message != 0 {
			owner = e.Message
		}
		if e.To != "" {
			ends[owner] = e.To
		}
	}
	// What came while it was read is of another statement: the trail says how far this one goes.
	l.State = ends[id]
	var states []waxwing.State
	kept := v.Messages[:0]
	for _, m := range v.Messages {
		if state, ok := ends[m.ID]; ok {
			m.State = state
			kept = append(kept, m)
			states = append(states, state)
			l.Messages = append(l.Messages, statement.Message{ID: m.ID, Channel: m.Channel, State: state})
		}
	}
	v.Messages, v.State = kept, machine.Outcome(l.State, states)
	if l.Standing = v.Standing(); l.Standing != waxwing.Confirmed {
		l.Reason = v.Reason
		l.Evidence = evidence(v)
	}
	p.order(ctx, l)
	return l, nil
}

// evidence is what a provider said last: its code, and not its words, which may name somebody.
func evidence(v *waxwing.ConfirmationView) string {
	for i := len(v.Messages) - 1; i >= 0; i-- {
		if n := len(v.Messages[i].Attempts); n > 0 {
			a := &v.Messages[i].Attempts[n-1]
			return strings.TrimSpace(fmt.Sprintf("%s by %s at %s, %s %d %s", a.Verdict, a.Provider, a.Ended.UTC().Format(time.RFC3339), a.Phase, a.Code, a.Enhanced))
		}
	}
	return ""
}

// order adds the order's number and total, where they can be read.
func (p Prover) order(ctx context.Context, l *statement.Line) {
	defer func() { _ = recover() }() // of what may be hostile: its line goes without
	format, topic, raw, err := p.Raw(ctx, p.Tenant, l.ID)
	f := p.Formats[format]
	if err != nil || f.Normalise == nil || f.NormaliseWork != nil {
		return
	}
	if o, err := f.Normalise(topic, raw); err == nil {
		l.Order, l.Total = o.Number, &o.Total
	}
}

// tell says in some lines what a statement says.
func tell(out io.Writer, h statement.Head, s statement.Sums) error {
	_, err := fmt.Fprintf(out, "%s, accepted from %s until %s: %d confirmations, %d entries of the trail.\n", h.Tenant, h.From.Format(time.RFC3339), h.Until.Format(time.RFC3339), s.Confirmations, s.Entries)
	for _, st := range waxwing.Standings {
		if n := s.Standings[st]; n > 0 {
			_, err = fmt.Fprintf(out, "  %d %s\n", n, strings.ReplaceAll(string(st), "_", " "))
		}
	}
	for _, c := range keys(s.Totals) {
		confirmed := s.Confirmed[c]
		if confirmed == "" {
			confirmed = waxwing.Money{Currency: c}.Decimal()
		}
		_, err = fmt.Fprintf(out, "  %s %s ordered, %s %[2]s confirmed\n", s.Totals[c], c, confirmed)
	}
	if s.Duplicates > 0 {
		_, err = fmt.Fprintf(out, "  %d mails may have come twice\n", s.Duplicates)
	}
	return err
}

func keys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// ErrProblems is a statement that does not hold.
var ErrProblems = errors.New("the statement does not hold")

// Check checks a statement that is in a file, by a key that is known from elsewhere ("": by the one that it names) and by files of
// anchors, and tells what it says.
func Check(file, key string, anchorFiles []string, out io.Writer) error {
	var anchors []trail.Anchor
	for _, name := range anchorFiles {
		f, err := os.Open(name) // the user's own file
		if err != nil {
			return err
		}
		some, err := trail.ReadAnchors(f)
		_ = f.Close() // only read
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		anchors = append(anchors, some...)
	}
	f, err := os.Open(file) // likewise
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	r, err := statement.Check(f, anchors)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if key, err = publicKey(key); err != nil {
		return err
	}
	if key != "" && !strings.EqualFold(key, r.Head.Key) {
		r.Problems = append(r.Problems, "it is signed with another key than the one that is given")
	}
	if len(r.Problems) > 0 {
		for _, p := range r.Problems {
			_, _ = fmt.Fprintln(out, "-", p)
		}
		return ErrProblems
	}
	if err := tell(out, r.Head, r.Sums); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "It holds: signed at %s with the key %s.\n", r.Head.Made.Format(time.RFC3339), r.Head.Key)
	if key == "" {
		_, _ = fmt.Fprintln(out, "Compare the key with the one that you know from elsewhere (--key): anybody can sign with one of his own.")
	}
	if len(anchors) > 0 {
		_, err = fmt.Fprintf(out, "%d of %d anchors are at entries of it, and agree.\n", r.Anchored, len(anchors))
	} else {
		_, err = fmt.Fprintln(out, "With anchors that were kept elsewhere (--anchors) it is held to the ledger's chains, too.")
	}
	return err
}

// publicKey reads a key of a flag: in hex, or a file that has it so, as a backup's anchor.pub does.
func publicKey(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	is := func(s string) bool {
		b, err := hex.DecodeString(s)
		return err == nil && len(b) == ed25519.PublicKeySize
	}
	if is(s) {
		return s, nil
	}
	b, err := os.ReadFile(s)
	if err != nil {
		return "", fmt.Errorf("--key: it is no key in hex, and no file: %w", err)
	}
	if key := strings.TrimSpace(string(b)); is(key) {
		return key, nil
	}
	return "", fmt.Errorf("--key: %s has no public key in hex; \"waxwing ledger verify --json\" prints a ledger's", s)
}
