package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// Report is what Verify found.
type Report struct {
	Entries, Batches, Anchors, Confirmations, Messages, Contents int64
	// Problems lists what is wrong, in words; empty: the ledger is as it was
	// written, as far as can be seen.
	Problems []string
	// Blind lists what could not be seen, in words, and why: it accuses nobody.
	Blind []string
	// Anchored is when the newest good anchor was made: what came after it could be
	// cut off unseen. Zero: there is none.
	Anchored time.Time
}

// Whole is the report's verdict.
func (r *Report) Whole() bool { return len(r.Problems) == 0 }

const maxProblems = 100

func (r *Report) add(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// verifier replays the trail and compares.
type verifier struct {
	r       *Report
	chain   ledger.Chain
	started bool
	anchors map[int64]map[uint64]string
	state   map[waxwing.ID]waxwing.State // of confirmations and messages
	digest  map[waxwing.ID]string
	places  map[waxwing.ID]place
	erased  map[waxwing.ID]bool
	tries   map[waxwing.ID]tried
	names   map[string]string // of providers, each kept once
	plugins map[string]shelved
	numbers map[string]int64 // of signatures, by tenant and plugin
	sealed  bool             // a chain said that its rows are sealed
	barred  map[string]bool  // suppressions that the trail tells of, by hash
	unnamed int              // suppressions that it tells of without the hash
}

// tried sums up a message's attempts, and where its commit point was passed.
type tried struct {
	n        int
	sum      uint64
	provider string
}

// attemptSum is one attempt in a number; those of a message are added.
func attemptSum(n int64, provider, verdict, phase, fault string, code int64) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d|%s|%s|%s|%s|%d", n, provider, verdict, phase, fault, code) // never fails
	return h.Sum64()
}

// place sums the batches in which a row has entries, each once.
type place struct{ last, sum int64 }

// Verify replays the whole trail: hashes, sequence, anchors, transitions; and
// compares what follows from it with every row and every sealed content. Rows are
// held against their sealed sums, too, pages and indexes against each other, and the
// newest entry against the witness.
// Anchors are read from the files named, or from the data folder where none is.
func (l *Ledger) Verify(ctx context.Context, anchors ...string) (*Report, error) {
	v := &verifier{r: &Report{}, anchors: map[int64]map[uint64]string{}, state: map[waxwing.ID]waxwing.State{},
		digest: map[waxwing.ID]string{}, places: map[waxwing.ID]place{}, erased: map[waxwing.ID]bool{}, barred: map[string]bool{},
		tries: map[waxwing.ID]tried{}, names: map[string]string{}, plugins: map[string]shelved{}, numbers: map[string]int64{}}
	err := l.db.read(ctx, func(c *conn) error {
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		defer func() { _, _ = c.exec("COMMIT") }() // reads only
		// What stands outside first: the chain may only grow after it.
		m, err := l.readWitnessFor(v)
		if err != nil {
			return err
		}
		if err := l.readAnchors(v, m, anchors); err != nil {
			return err
		}
		for _, step := range []func(*conn) error{v.trail, v.confirmations, v.messages, v.contents, v.attempts, l.verifyPlugins(v),
			v.suppressions, l.verifyRows(v), v.structure, l.verifyWitness(v, m)} {
			if err := step(c); faultOf(err) == diskBroken {
				v.r.add("the file is damaged: %v", err)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	v.leftovers()
	return v.r, err
}

func (v *verifier) trail(c *conn) error {
	var batch int64
	return c.query("SELECT batch, instance, first, last, entries, head FROM trail ORDER BY batch", func(r []driver.Value) error {
		v.r.Batches++
		if num(r[0]) != batch+1 {
			v.r.add("trail: batch %d follows batch %d: something is missing", num(r[0]), batch)
		}
		batch = num(r[0])
		prev := v.chain
		if inst := num(r[1]); inst != v.chain.Instance {
			v.chain = ledger.Chain{Instance: inst}
		}
		if int64(v.chain.Seq)+1 != num(r[2]) {
			v.r.add("trail: batch %d begins with entry %d of chain %d, after entry %d", batch, num(r[2]), v.chain.Instance, v.chain.Seq)
		}
		err := v.chain.Walk(blob(r[4]), func(e waxwing.TrailEntry, h ledger.Head) error {
			v.entry(&e, h, batch, &prev)
			return nil
		})
		if err != nil {
			v.r.add("trail: batch %d: %v", batch, err)
		}
		if !bytes.Equal(blob(r[5]), v.chain.Head[:]) || num(r[3]) != int64(v.chain.Seq) {
			v.r.add("trail: batch %d (entries %d to %d of chain %d) was changed", batch, num(r[2]), num(r[3]), v.chain.Instance)
			// Go on from what is stored, so that one change is one complaint.
			v.chain.Seq = uint64(num(r[3]))
			copy(v.chain.Head[:], blob(r[5]))
		}
		return nil
	})
}

func (v *verifier) entry(e *waxwing.TrailEntry, h ledger.Head, batch int64, prev *ledger.Chain) {
	v.r.Entries++
	if want, ok := v.anchors[v.chain.Instance][e.Seq]; ok {
		if want != hex.EncodeToString(h[:]) {
			v.r.add("trail: chain %d differs from its anchor at entry %d", v.chain.Instance, e.Seq)
		}
		delete(v.anchors[v.chain.Instance], e.Seq)
	}
	if e.Cause == machine.CauseChain {
		if v.started && (e.Seq != 1 || e.Detail["head"] != hex.EncodeToString(prev.Head[:]) ||
			e.Detail["after"] != strconv.FormatInt(prev.Instance, 10)) {
			v.r.add("trail: chain %d does not begin where chain %d ends", v.chain.Instance, prev.Instance)
		}
		v.started = true
		v.sealed = v.sealed || e.Detail["rows"] == "sealed" && e.Detail["after"] == ""
		return
	}
	if e.Cause == machine.CauseResealed {
		v.resealed(e)
		return
	}
	if e.Detail["act"] == "suppress" && e.Confirmation == 0 {
		v.bar(e)
	}
	if e.Cause == machine.CausePlugin {
		v.plugin(e)
		return
	}
	owner := e.Confirmation
	if e.Message != 0 {
		owner = e.Message
		if d := e.Detail["digest"]; d != "" {
			v.digest[owner] = d
		}
	}
	if p := v.places[owner]; p.last != batch {
		v.places[owner] = place{batch, p.sum + batch*batch%1_000_003 + batch}
	}
	v.attempt(e)
	if e.Cause == machine.CauseErased && e.Message == 0 {
		v.erased[e.Confirmation] = true
	}
	if e.To == "" {
		return
	}
	if have := v.state[owner]; have != e.From {
		v.r.add("trail: entry %d of chain %d takes %s from %q, but it was %q", e.Seq, v.chain.Instance, owner, e.From, have)
	} else if !machine.Allowed(e.From, e.To) {
		v.r.add("trail: entry %d of chain %d: %q may not follow %q", e.Seq, v.chain.Instance, e.To, e.From)
	}
	v.state[owner] = e.To
}

// attempt follows what the trail says of a message's attempts. One that a
// crash left uncertain has no verdict of its own: its takeover tells of it.
func (v *verifier) attempt(e *waxwing.TrailEntry) {
	if e.Message == 0 {
		return
	}
	t := v.tries[e.Message]
	switch {
	case e.Cause == machine.CauseCommit:
		p := e.Detail["provider"]
		if _, ok := v.names[p]; !ok {
			v.names[p] = p
		}
		t.provider = v.names[p]
	case e.Cause == machine.CauseVerdict:
		n, _ := strconv.ParseInt(e.Detail["attempt"], 10, 64)
		code, _ := strconv.ParseInt(e.Detail["code"], 10, 64) // none is 0
		t.n++
		t.sum += attemptSum(n, e.Detail["provider"], e.Detail["verdict"], e.Detail["phase"], e.Detail["fault"], code)
	case e.Cause == machine.CauseTakeover && e.From == waxwing.Dot:
		t.n++
		t.sum += attemptSum(int64(t.n), t.provider, string(waxwing.UncertainVerdict), string(waxwing.PhaseDot), "", 0)
	default:
		return
	}
	v.tries[e.Message] = t
}

func (v *verifier) attempts(c *conn) error {
	err := c.query("SELECT message, n, provider, verdict, phase, fault, code FROM attempts", func(r []driver.Value) error {
		id := waxwing.ID(num(r[0]))
		t := v.tries[id]
		t.n--
		t.sum -= attemptSum(num(r[1]), str(r[2]), str(r[3]), str(r[4]), str(r[5]), num(r[6]))
		v.tries[id] = t
		return nil
	})
	for id, t := range v.tries {
		if t.n != 0 || t.sum != 0 {
			v.r.add("message %s: its attempts are not those of its trail", id)
		}
	}
	return err
}

func (v *verifier) confirmations(c *conn) error {
	return c.query("SELECT id, state, trail, dek IS NULL FROM confirmations", func(r []driver.Value) error {
		v.r.Confirmations++
		id := waxwing.ID(num(r[0]))
		v.compare("confirmation", id, waxwing.State(str(r[1])), str(r[2]))
		if (num(r[3]) != 0) != v.erased[id] {
			v.r.add("confirmation %s: erased in the row and in the trail differ", id)
		}
		return nil
	})
}

func (v *verifier) messages(c *conn) error {
	return c.query(`SELECT m.id, CASE WHEN c.dot=1 THEN 'dot' WHEN c.dot=0 THEN 'claimed' ELSE m.state END,
		m.trail||coalesce(c.trail,''), m.digest FROM messages m LEFT JOIN claims c ON c.message=m.id`, func(r []driver.Value) error {
		v.r.Messages++
		id := waxwing.ID(num(r[0]))
		v.compare("message", id, waxwing.State(str(r[1])), str(r[2]))
		if v.digest[id] != hex.EncodeToString(blob(r[3])) {
			v.r.add("message %s: its digest differs from the trail's", id)
		}
		return nil
	})
}

func (v *verifier) compare(what string, id waxwing.ID, state waxwing.State, pointers string) {
	want, ok := v.state[id]
	switch {
	case !ok:
		v.r.add("%s %s stands in no entry of the trail", what, id)
	case want != state:
		v.r.add("%s %s is %q, but its trail says %q", what, id, state, want)
	}
	delete(v.state, id)
	seen := map[string]bool{"": true}
	var sum int64
	for p := range strings.SplitSeq(pointers, ",") {
		if !seen[p] {
			seen[p] = true
			b, _ := strconv.ParseInt(p, 36, 64)
			sum += b*b%1_000_003 + b
		}
	}
	if ok && sum != v.places[id].sum {
		v.r.add("%s %s does not list the batches that its entries stand in", what, id)
	}
	delete(v.places, id)
}

func (v *verifier) contents(c *conn) error {
	return c.query("SELECT id, body FROM contents", func(r []driver.Value) error {
		v.r.Contents++
		id := waxwing.ID(num(r[0]))
		sum := sha256.Sum256(blob(r[1]))
		if v.digest[id] != hex.EncodeToString(sum[:16]) {
			v.r.add("message %s: its content is not what was recorded", id)
		}
		return nil
	})
}

// leftovers names what the trail speaks of and nobody has.
func (v *verifier) leftovers() {
	for id := range v.state {
		v.r.add("%s stands in the trail, but its row is gone", id)
	}
	for id := range v.plugins {
		v.r.add("plugin version %s stands in the trail, but its row is gone", id)
	}
	for inst, m := range v.anchors {
		for seq := range m {
			v.r.add("an anchor of chain %d stands at entry %d, which is gone: the trail was cut off", inst, seq)
		}
	}
}
