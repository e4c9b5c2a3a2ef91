package sandbox

import (
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// TestEnginesAgree: a module that looks for what engines do each in their own way
// finds nothing, in its start and in its call.
func TestEnginesAgree(t *testing.T) {
	e := engine(t, nil)
	m := manifestFor(t, abi.LangC)
	c := prepared(t, e, abi.LangC, attack.TellsEngine())
	if err := Try(t.Context(), e, m, c, nil); err != nil {
		t.Error(err)
	}
	res := ask(e, c, waxwing.HookPersonalise, smallInput)
	if string(res.Output) != `{"subject":"0"}` { // the usual NaN's lowest bits
		t.Errorf("%v %s", res.Fault, res.Output)
	}
}

// TestStartsAreCompared: any byte, any global, the size and the fuel.
func TestStartsAreCompared(t *testing.T) {
	of := func(change func(*snapshot)) *snapshot {
		s := &snapshot{size: 65536, parts: []part{{3, []byte{1, 2, 3}}}, globals: []uint64{7, 8}}
		change(s)
		return s
	}
	same := of(func(*snapshot) {})
	for what, other := range map[string]*snapshot{
		"size":          of(func(s *snapshot) { s.size *= 2 }),
		"a byte":        of(func(s *snapshot) { s.parts[0].bytes = []byte{1, 2, 4} }),
		"one part more": of(func(s *snapshot) { s.parts = append(s.parts, part{9, []byte{1}}) }),
		"another place": of(func(s *snapshot) { s.parts[0].at = 4 }),
		"a global":      of(func(s *snapshot) { s.globals[1] = 9 }),
	} {
		if same.same(other) || other.same(same) {
			t.Error(what, "is not seen")
		}
	}
	if !same.same(of(func(*snapshot) {})) {
		t.Error("the same is not the same")
	}
}

// TestStartsThatFailAreRefused: at the upload, and by what the author can mend.
func TestStartsThatFailAreRefused(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, abi.LangC, attack.Running()["a hanging _initialize"].Body)
	if err := Try(t.Context(), e, manifestFor(t, abi.LangC), c, nil); !waxwing.IsPermanent(err) {
		t.Error(err)
	}
}
