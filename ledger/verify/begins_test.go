package verify

import (
	"encoding/hex"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// TestChainsBegin: a chain follows the one before it; of instances that begin at once it may
// follow one that has ended meanwhile, or none where nobody had written anything.
func TestChainsBegin(t *testing.T) {
	prev := trail.Chain{Instance: 2, Seq: 5, Head: trail.Head{2}}
	head := func(b byte) string { h := trail.Head{b}; return hex.EncodeToString(h[:]) }
	for _, x := range []struct {
		what   string
		detail map[string]string
		seq    uint64
		linked bool
	}{
		{"the one before", map[string]string{"after": "2", "entry": "5", "head": head(2)}, 1, true},
		{"the one before, from its middle", map[string]string{"after": "2", "entry": "5", "head": head(2)}, 2, false},
		{"another head", map[string]string{"after": "2", "entry": "5", "head": head(3)}, 1, false},
		{"nothing", nil, 1, false},
		{"nothing, beside the one before", map[string]string{"beside": "[2 4]"}, 1, true},
		{"nothing, beside others", map[string]string{"beside": "[4]"}, 1, false},
		{"one that has ended", map[string]string{"after": "1", "entry": "4", "head": head(1), "beside": "[2]"}, 1, true},
		{"one that has ended, alone", map[string]string{"after": "1", "entry": "4", "head": head(1)}, 1, false},
		{"one that has ended, not there", map[string]string{"after": "1", "entry": "3", "head": head(1), "beside": "[2]"}, 1, false},
		{"one that has ended, with another head", map[string]string{"after": "1", "entry": "4", "head": head(9), "beside": "[2]"}, 1, false},
	} {
		v := &verifier{r: &Report{}, started: true, ends: map[string]string{"1 4": head(1)}}
		if err := v.begins(t.Context(), &waxwing.TrailEntry{Seq: x.seq, Detail: x.detail}, &prev); err != nil {
			t.Fatal(err)
		}
		if linked := len(v.r.Problems) == 0; linked != x.linked {
			t.Errorf("%s: linked is %v, want %v: %v", x.what, linked, x.linked, v.r.Problems)
		}
	}
}
