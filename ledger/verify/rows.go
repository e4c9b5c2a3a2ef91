package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

func (v *verifier) attempts(ctx context.Context) error {
	err := v.rows.All(ctx, store.Attempts, func(row any) error {
		a := row.(*store.Attempt)
		t := v.tries[a.Message]
		t.n--
		t.sum -= attempt{a.N, a.Provider, string(a.Verdict), string(a.Phase), string(a.Fault), int64(a.Code)}.sum()
		v.tries[a.Message] = t
		return nil
	})
	for id, t := range v.tries {
		if t.n != 0 || t.sum != 0 {
			v.r.Problem("message %s: its attempts are not those of its trail", id)
		}
	}
	return err
}

func (v *verifier) confirmations(ctx context.Context) error {
	return v.rows.All(ctx, store.Confirmations, func(row any) error {
		v.r.Confirmations++
		c := row.(*store.Confirmation)
		v.compare("confirmation", c.ID, c.State, c.Trail)
		if c.Erased() != v.erased[c.ID] {
			v.r.Problem("confirmation %s: erased in the row and in the trail differ", c.ID)
		}
		return nil
	})
}

func (v *verifier) messages(ctx context.Context) error {
	held := &store.Set{Claims: map[waxwing.ID]store.Claim{}}
	err := v.rows.All(ctx, store.Claims, func(row any) error {
		k := row.(*store.Claim)
		held.Claims[k.Message] = *k
		return nil
	})
	if err != nil {
		return err
	}
	return v.rows.All(ctx, store.Messages, func(row any) error {
		v.r.Messages++
		m := row.(*store.Message)
		v.compare("message", m.ID, held.State(m), m.Trail+held.Claims[m.ID].Trail)
		if v.digest[m.ID] != hex.EncodeToString(m.Digest) {
			v.r.Problem("message %s: its digest differs from the trail's", m.ID)
		}
		return nil
	})
}

func (v *verifier) compare(what string, id waxwing.ID, state waxwing.State, pointers string) {
	want, ok := v.state[id]
	switch {
	case !ok:
		v.r.Problem("%s %s stands in no entry of the trail", what, id)
	case want != state:
		v.r.Problem("%s %s is %q, but its trail says %q", what, id, state, want)
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
		v.r.Problem("%s %s does not list the batches that its entries stand in", what, id)
	}
	delete(v.places, id)
}

func (v *verifier) bodies(ctx context.Context) error {
	return v.rows.All(ctx, store.Contents, func(row any) error {
		v.r.Contents++
		c := row.(*store.Content)
		sum := sha256.Sum256(c.Body)
		if v.digest[c.ID] != hex.EncodeToString(sum[:16]) {
			v.r.Problem("message %s: its content is not what was recorded", c.ID)
		}
		return nil
	})
}

// resealed: an older program's ledger is sealed once. Any other time the seal was
// broken, and what its rows were before cannot be told any more.
func (v *verifier) resealed(e *waxwing.TrailEntry) {
	if e.Detail["reason"] == "upgraded" && !v.sealed {
		v.sealed = true
		return
	}
	v.r.Problem("the seal over the rows was broken, and they were sealed anew on %s: edits of rows before that, which the trail does not repeat, cannot be seen",
		e.At.Local().Format(time.DateTime))
}

// bar notes a suppression that the trail tells of, or that one was lifted.
func (v *verifier) bar(e *waxwing.TrailEntry) {
	h := e.Detail["hash"]
	switch {
	case e.Detail["act"] == machine.ActLift && e.Cause == machine.CausePerson:
		if _, known := v.barred[h]; !known && v.unnamed > 0 {
			v.unnamed--
		}
		delete(v.barred, h)
	case e.Detail["act"] != machine.ActSuppress:
	case h == "":
		v.unnamed++ // an older program wrote it
	default:
		if _, known := v.barred[h]; !known { // what is suppressed stays of the class that it was first
			v.barred[h] = e.Detail["class"]
		}
	}
}

func (v *verifier) suppressions(ctx context.Context) error {
	unknown, other := 0, 0
	err := v.rows.All(ctx, store.Suppressions, func(row any) error {
		x := row.(*store.Suppression)
		h := hex.EncodeToString(x.Hash[:])
		if class, known := v.barred[h]; !known {
			unknown++
		} else if class != string(x.Class) {
			other++
		}
		delete(v.barred, h)
		return nil
	})
	if unknown > v.unnamed {
		v.r.Problem("%d suppressions stand in no entry of the trail", unknown-v.unnamed)
	}
	if other > 0 {
		v.r.Problem("%d suppressions are of another class than the trail says", other)
	}
	if len(v.barred) > 0 {
		v.r.Problem("%d suppressions stand in the trail, but their rows are gone", len(v.barred))
	}
	return err
}

// leftovers names what the trail speaks of and nobody has.
func (v *verifier) leftovers() {
	for id := range v.state {
		v.r.Problem("%s stands in the trail, but its row is gone", id)
	}
	for id := range v.plugins {
		v.r.Problem("plugin version %s stands in the trail, but its row is gone", id)
	}
	for inst, m := range v.anchors {
		for seq := range m {
			v.r.Problem("an anchor of chain %d stands at entry %d, which is gone: the trail was cut off", inst, seq)
		}
	}
}
