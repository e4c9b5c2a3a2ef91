package statement

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/waxwinghq/waxwing"
)

// version is that of the file's shape.
const version = 1

// Head begins a statement.
type Head struct {
	Version int              `json:"waxwing_statement"`
	Tenant  waxwing.TenantID `json:"tenant"`
	// The span is that in which the orders were accepted; their entries are those until Made.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Made  time.Time `json:"made_at"`
	// Key is the public key of the signature, in hex.
	Key string `json:"key"`
}

// Line is one confirmation.
type Line struct {
	ID       waxwing.ID       `json:"confirmation"`
	Shop     waxwing.ShopID   `json:"shop"`
	Standing waxwing.Standing `json:"standing"`
	// Order is the order's number as the customer knows it, and Total what it came to; none where its content is gone or
	// cannot be read.
	Order string         `json:"order,omitempty"`
	Total *waxwing.Money `json:"total,omitempty"`
	// State is the confirmation's before its messages are looked at, Messages what became of each.
	State    waxwing.State `json:"state"`
	Messages []Message     `json:"messages,omitempty"`
	// Reason says why it is no confirmation that was sent; Evidence is what a provider said last.
	Reason   string `json:"reason,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	// Duplicates is how many entries possible_duplicate there are.
	Duplicates int     `json:"possible_duplicates,omitempty"`
	Entries    []Entry `json:"entries"`
}

// Message is one of a confirmation's.
type Message struct {
	ID      waxwing.ID      `json:"message"`
	Channel waxwing.Channel `json:"channel"`
	State   waxwing.State   `json:"state"`
}

// Entry is one of the trail. Head is the SHA-256 of the head before it and the entry's line.
type Entry struct {
	Instance int64 `json:"instance"`
	// Before is the head before it, in hex.
	Before string `json:"before"`
	Head   string `json:"head"`
	// Line is the entry as the ledger has it, byte for byte.
	Line string `json:"line"`
}

// Sums end a statement.
type Sums struct {
	Confirmations int                      `json:"confirmations"`
	Entries       int                      `json:"entries"`
	Standings     map[waxwing.Standing]int `json:"standings"`
	// Exceptions is how many are neither confirmed nor confirmed by fallback.
	Exceptions int `json:"exceptions"`
	Duplicates int `json:"possible_duplicates"`
	// Totals are those of all orders, and Confirmed those of the confirmed ones, by currency, as decimals.
	Totals    map[string]string `json:"totals"`
	Confirmed map[string]string `json:"confirmed_totals"`
	// Heads are the newest entries of the chains when it was made.
	Heads []ChainHead `json:"heads"`
}

// ChainHead is the newest entry of one instance's chain.
type ChainHead struct {
	Instance int64  `json:"instance"`
	Seq      uint64 `json:"seq"`
	Head     string `json:"head"`
}

// seal is the last line.
type seal struct {
	SHA256 string `json:"sha256"`
	Sig    string `json:"sig"`
}

// signed is what the signature is of: the hash of all lines before it.
func signed(sum []byte) []byte { return fmt.Appendf(nil, "waxwing statement v1\n%x\n", sum) }

// Writer writes one statement. It is used from one goroutine.
type Writer struct {
	out  *bufio.Writer
	hash hash.Hash
	err  error
	tally
}

// NewWriter begins a statement.
func NewWriter(out io.Writer, h Head) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 256<<10), hash: sha256.New(), tally: newTally()}
	h.Version = version
	w.line(h)
	return w
}

func (w *Writer) line(v any) {
	b, err := json.Marshal(v)
	if w.err = errors.Join(w.err, err); w.err != nil {
		return
	}
	b = append(b, '\n')
	w.hash.Write(b)
	_, w.err = w.out.Write(b)
}

// Add adds a confirmation.
func (w *Writer) Add(l *Line) error {
	w.add(l)
	w.line(l)
	return w.err
}

// Close adds the sums and signs.
func (w *Writer) Close(heads []ChainHead, sign func([]byte) []byte) (Sums, error) {
	s := w.sums()
	s.Heads = heads
	w.line(s)
	sum := w.hash.Sum(nil)
	w.line(seal{hex.EncodeToString(sum), hex.EncodeToString(sign(signed(sum)))})
	return s, errors.Join(w.err, w.out.Flush())
}

// tally counts lines.
type tally struct {
	s                 Sums
	totals, confirmed map[string]int64
}

func newTally() tally {
	return tally{Sums{Standings: map[waxwing.Standing]int{}}, map[string]int64{}, map[string]int64{}}
}

// good are the standings that are no exceptions.
func good(s waxwing.Standing) bool { return s == waxwing.Confirmed || s == waxwing.ByFallback }

func (t *tally) add(l *Line) {
	t.s.Confirmations++
	t.s.Entries += len(l.Entries)
	t.s.Standings[l.Standing]++
	t.s.Duplicates += l.Duplicates
	if !good(l.Standing) {
		t.s.Exceptions++
	}
	if l.Total != nil {
		t.totals[l.Total.Currency] += l.Total.Minor
		if good(l.Standing) {
			t.confirmed[l.Total.Currency] += l.Total.Minor
		}
	}
}

func (t *tally) sums() Sums {
	s := t.s
	decimals := func(m map[string]int64) map[string]string {
		out := map[string]string{}
		for c, n := range m {
			out[c] = waxwing.Money{Minor: n, Currency: c}.Decimal()
		}
		return out
	}
	s.Totals, s.Confirmed = decimals(t.totals), decimals(t.confirmed)
	return s
}

// verify says whether a signature is the key's.
func (x seal) verify(key string, sum []byte) error {
	pub, err := hex.DecodeString(key)
	if err != nil || len(pub) != ed25519.PublicKeySize {
		return errors.New("the statement's key is none")
	}
	sig, err := hex.DecodeString(x.Sig)
	if err != nil || x.SHA256 != hex.EncodeToString(sum) || !ed25519.Verify(pub, signed(sum), sig) {
		return errors.New("the signature is wrong: the statement is not as it was signed")
	}
	return nil
}
