package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// Parts are what a ledger is verified by.
type Parts struct {
	// Rows are of one state of the database.
	Rows store.Audit
	// Contents opens what is packed.
	Contents *seal.Contents
	// Report has what was found so far, and is added to.
	Report *Report
	// Anchors are the heads that good anchors name, in hex, by chain and entry.
	Anchors map[int64]map[uint64]string
	// Own are the store's own checks, after the rows. sealed says that the trail tells of
	// sealed rows.
	Own []func(sealed bool) error
}

// Ledger replays the whole trail: hashes, sequence, anchors, transitions; and
// compares what follows from it with every row and every sealed content. The error says
// that it could not be done; what is wrong stands in the report.
func Ledger(ctx context.Context, p Parts) error {
	v := &verifier{r: p.Report, ends: map[string]string{}, anchors: p.Anchors, rows: p.Rows, contents: p.Contents, state: map[waxwing.ID]waxwing.State{},
		digest: map[waxwing.ID]string{}, places: map[waxwing.ID]place{}, erased: map[waxwing.ID]bool{}, barred: map[string]string{},
		tries: map[waxwing.ID]tried{}, names: map[string]string{}, plugins: map[string]pluginEntry{}, numbers: map[string]int64{}, breaks: breaks{of: map[waxwing.ID][]gap{}}}
	steps := []func(context.Context) error{v.trail, v.confirmations, v.messages, v.bodies, v.attempts, v.pluginRows, v.suppressions}
	for _, own := range p.Own {
		steps = append(steps, func(context.Context) error { return own(v.sealed) })
	}
	for _, step := range steps {
		if err := step(ctx); errors.Is(err, store.ErrDamaged) {
			v.r.Problem("the file is damaged: %v", err)
		} else if err != nil {
			return err
		}
	}
	v.leftovers()
	return nil
}

// verifier replays the trail and compares.
type verifier struct {
	r        *Report
	rows     store.Audit
	contents *seal.Contents
	chain    trail.Chain
	started  bool
	ends     map[string]string // heads of chains that were walked, by instance and last entry
	failed   error             // of the database, while the trail was walked
	breaks   breaks
	anchors  map[int64]map[uint64]string
	state    map[waxwing.ID]waxwing.State // of confirmations and messages
	digest   map[waxwing.ID]string
	places   map[waxwing.ID]place
	erased   map[waxwing.ID]bool
	tries    map[waxwing.ID]tried
	names    map[string]string // of providers, each kept once
	plugins  map[string]pluginEntry
	numbers  map[string]int64  // of signatures, by tenant and plugin
	sealed   bool              // a chain said that its rows are sealed
	barred   map[string]string // classes of the suppressions that the trail tells of, by hash
	unnamed  int               // suppressions that it tells of without the hash
}

// tried sums up a message's attempts, and where its commit point was passed.
type tried struct {
	n        int
	sum      uint64
	provider string
}

// attempt is what both the trail and the rows tell of an attempt.
type attempt struct {
	n                               int64
	provider, verdict, phase, fault string
	code                            int64
}

// sum is the attempt in a number; those of a message are added.
func (a attempt) sum() uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d|%s|%s|%s|%s|%d", a.n, a.provider, a.verdict, a.phase, a.fault, a.code) // never fails
	return h.Sum64()
}

// place sums the batches in which a row has entries, each once.
type place struct{ last, sum int64 }

func (v *verifier) trail(ctx context.Context) error {
	var batch int64
	err := v.rows.Walk(ctx, 0, func(b *store.Batch) error {
		v.r.Batches++
		if b.N != batch+1 && b.N != ledger.FirstBatch(b.Instance) {
			v.r.Problem("trail: batch %d follows batch %d: something is missing", b.N, batch)
		}
		batch = b.N
		prev := v.chain
		if b.Instance != v.chain.Instance {
			v.chain = trail.Chain{Instance: b.Instance}
		}
		if int64(v.chain.Seq)+1 != b.First {
			v.r.Problem("trail: batch %d begins with entry %d of chain %d, after entry %d", batch, b.First, v.chain.Instance, v.chain.Seq)
		}
		err := v.chain.Walk(b.Entries, func(e waxwing.TrailEntry, h trail.Head) error {
			return v.entry(ctx, &e, h, batch, &prev)
		})
		if v.failed != nil {
			return v.failed
		}
		if err != nil {
			v.r.Problem("trail: batch %d: %v", batch, err)
		}
		if !bytes.Equal(b.Head, v.chain.Head[:]) || b.Last != int64(v.chain.Seq) {
			v.r.Problem("trail: batch %d (entries %d to %d of chain %d) was changed", batch, b.First, b.Last, v.chain.Instance)
			// Go on from what is stored, so that one change is one complaint.
			v.chain.Seq = uint64(b.Last)
			copy(v.chain.Head[:], b.Head)
		}
		return nil
	})
	v.fit()
	return err
}

func (v *verifier) entry(ctx context.Context, e *waxwing.TrailEntry, h trail.Head, batch int64, prev *trail.Chain) error {
	v.r.Entries++
	if want, ok := v.anchors[v.chain.Instance][e.Seq]; ok {
		if want != hex.EncodeToString(h[:]) {
			v.r.Problem("trail: chain %d differs from its anchor at entry %d", v.chain.Instance, e.Seq)
		}
		delete(v.anchors[v.chain.Instance], e.Seq)
	}
	switch e.Cause {
	case machine.CauseChain:
		return v.begins(ctx, e, prev)
	case machine.CauseResealed:
		v.resealed(e)
		return nil
	}
	if e.Confirmation == 0 {
		v.bar(e)
	}
	if e.Cause == machine.CausePlugin {
		v.plugin(e)
		return nil
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
		return nil
	}
	v.step(owner, e)
	return nil
}

// begins holds a chain's first entry against what it says that it follows: the end of the
// chain before it or, of an instance that began beside others, an entry of one of these, the
// end of one that had ended, or nothing where these had written nothing.
func (v *verifier) begins(ctx context.Context, e *waxwing.TrailEntry, prev *trail.Chain) error {
	v.breaks.beside = v.breaks.beside || e.Detail["beside"] != ""
	linked := !v.started || e.Seq == 1 && e.Detail["head"] == hex.EncodeToString(prev.Head[:]) && e.Detail["after"] == strconv.FormatInt(prev.Instance, 10)
	beside := strings.Fields(strings.Trim(e.Detail["beside"], "[]"))
	if v.started {
		v.ends[fmt.Sprint(prev.Instance, prev.Seq)] = hex.EncodeToString(prev.Head[:])
	}
	if !linked && e.Seq == 1 && len(beside) > 0 {
		head, ended := v.ends[e.Detail["after"]+" "+e.Detail["entry"]]
		linked = ended && head == e.Detail["head"] || e.Detail["after"] == "" && slices.Contains(beside, strconv.FormatInt(prev.Instance, 10))
	}
	if !linked && e.Seq == 1 && slices.Contains(beside, e.Detail["after"]) {
		n, _ := strconv.ParseInt(e.Detail["batch"], 10, 64) // none is 0, which no batch has
		s, err := v.rows.Load(ctx, &store.Keys{Batches: []int64{n}})
		if err != nil {
			v.failed = err
			return err
		}
		b := s.Batches[n]
		linked = hex.EncodeToString(b.Head) == e.Detail["head"] && strconv.FormatInt(b.Last, 10) == e.Detail["entry"] &&
			strconv.FormatInt(b.Instance, 10) == e.Detail["after"]
	}
	if !linked {
		v.r.Problem("trail: chain %d does not begin where chain %d ends", v.chain.Instance, prev.Instance)
	}
	v.started = true
	v.sealed = v.sealed || e.Detail["rows"] == "sealed" && e.Detail["after"] == ""
	return nil
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
		t.sum += attempt{n, e.Detail["provider"], e.Detail["verdict"], e.Detail["phase"], e.Detail["fault"], code}.sum()
	case e.Cause == machine.CauseTakeover && e.From == waxwing.Dot:
		t.n++
		n := int64(t.n)
		if d := e.Detail["attempt"]; d != "" { // the chain that tells of its commit point may be read later
			n, _ = strconv.ParseInt(d, 10, 64)
			t.provider = e.Detail["provider"]
		}
		t.sum += attempt{n, t.provider, string(waxwing.UncertainVerdict), string(waxwing.PhaseDot), "", 0}.sum()
	default:
		return
	}
	v.tries[e.Message] = t
}
