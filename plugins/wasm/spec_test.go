package wasm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"
)

// command is one of a script's, as wast2json writes them.
type command struct {
	Type       string `json:"type"`
	Line       int    `json:"line"`
	Name       string `json:"name"`
	Filename   string `json:"filename"`
	As         string `json:"as"`
	ModuleType string `json:"module_type"`
	Action     struct {
		Type   string  `json:"type"`
		Field  string  `json:"field"`
		Module string  `json:"module"`
		Args   []value `json:"args"`
	} `json:"action"`
	Expected []value `json:"expected"`
}

type value struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// bits are a number's as wazero takes them; ok is false for what is no number.
func (v value) bits() (uint64, bool) {
	var s string
	if json.Unmarshal(v.Value, &s) != nil || len(v.Type) != 3 {
		return 0, false
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if v.Type == "i32" || v.Type == "f32" {
		n = int64(uint32(n))
	}
	return uint64(n), err == nil
}

// tally is what is printed in the end.
type tally struct {
	modules, refused, compared, assertions, traps, gone int
	invalid, malformed, exhausted, instantiations       int
	strict                                              int
	reasons                                             map[string]int
	accepted                                            []string // though invalid
}

// expectedRefusals are the reasons for which valid modules of the suite are
// refused, and no other.
var expectedRefusals = []string{
	"SIMD", "reference types", "table mutation", "data.drop", "several tables", "passive elements",
}

// beyondMVP are modules of the first suite that are invalid there and valid in
// the second, by multi-value.
var beyondMVP = []string{"func:493", "func:497", "type:53", "type:57", "unreached-invalid:539"}

// TestCoreSuite holds the validator and the injector against the WebAssembly
// core test suite, as wazero's source carries it.
func TestCoreSuite(t *testing.T) {
	dir := specDir(t)
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) {
			scripts, err := filepath.Glob(filepath.Join(dir, version, "testdata", "*.json"))
			if err != nil || len(scripts) == 0 {
				t.Skip("no scripts of the core test suite: ", err)
			}
			n := &tally{reasons: map[string]int{}}
			for _, s := range scripts {
				if strings.HasPrefix(filepath.Base(s), "simd_") && testing.Short() {
					continue
				}
				runScript(t, n, s)
			}
			t.Logf("%d scripts, %d modules: %d compared on both engines with and without fuel (%d within the rules as they are), %d refused",
				len(scripts), n.modules, n.compared, n.strict, n.refused)
			t.Logf("%d assertions compared, %d of them traps; %d stack overflows; %d failing instantiations; %d assertions to refused modules left out",
				n.assertions, n.traps, n.exhausted, n.instantiations, n.gone)
			t.Logf("%d invalid and %d malformed binaries refused", n.invalid, n.malformed)
			for _, r := range slices.Sorted(maps.Keys(n.reasons)) {
				t.Logf("refused for %s: %d", r, n.reasons[r])
				if !slices.Contains(expectedRefusals, r) {
					t.Errorf("valid modules were refused for %q", r)
				}
			}
			for _, a := range n.accepted {
				if version == "v2" || !slices.Contains(beyondMVP, a) {
					t.Errorf("%s was let in", a)
				}
			}
			if n.compared < 300 || n.assertions < 10000 {
				t.Errorf("only %d modules and %d assertions were compared", n.compared, n.assertions)
			}
		})
	}
}

// script runs a file of commands in all worlds at once.
type script struct {
	t      *testing.T
	n      *tally
	name   string
	dir    string
	worlds []*world
	// uneven are modules whose fuel may differ, as a stack overflowed: where,
	// is the engine's affair.
	uneven map[*guest]bool
}

func runScript(t *testing.T, n *tally, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Commands []command }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(path, err)
	}
	s := &script{t: t, n: n, name: strings.TrimSuffix(filepath.Base(path), ".json"), dir: filepath.Dir(path), worlds: worlds(t), uneven: map[*guest]bool{}}
	spectest, err := os.ReadFile(filepath.Join(filepath.Dir(path), "..", "..", "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range s.worlds {
		if _, err := w.instantiate(spectest, nil, "spectest"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range file.Commands {
		c := &file.Commands[i]
		as := ""
		if i+1 < len(file.Commands) && file.Commands[i+1].Type == "register" {
			as = file.Commands[i+1].As
		}
		s.run(c, as)
	}
	for _, w := range s.worlds {
		_ = w.rt.Close(t.Context())
	}
}

func (s *script) run(c *command, as string) {
	where := fmt.Sprintf("%s:%d", s.name, c.Line)
	switch c.Type {
	case "module":
		s.module(c, as, where)
	case "assert_invalid", "assert_malformed":
		if filepath.Ext(c.Filename) != ".wasm" || c.ModuleType == "text" {
			return
		}
		if _, err := newParser(s.read(c), wide(), allowances{imports: true, start: true}).parse(); err == nil {
			s.n.accepted = append(s.n.accepted, where)
		} else if c.Type == "assert_invalid" {
			s.n.invalid++
		} else {
			s.n.malformed++
		}
	case "assert_return", "action", "assert_trap", "assert_exhaustion":
		s.action(c, where)
	case "assert_uninstantiable", "assert_unlinkable":
		if filepath.Ext(c.Filename) == ".wasm" {
			s.uninstantiable(c, where)
		}
	}
}

// second says that it is of the second suite, whose features are on: what the
// first one expects of linking differs.
func (s *script) second() bool { return filepath.Base(filepath.Dir(s.dir)) == "v2" }

func (s *script) read(c *command) []byte {
	b, err := os.ReadFile(filepath.Join(s.dir, c.Filename))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// inject is nil for a refused module, which then runs as it is.
func (s *script) inject(b []byte, where string) []byte {
	m, err := newParser(b, wide(), allowances{imports: true, start: true}).parse()
	var bs Breaches
	if errors.As(err, &bs) {
		s.n.refused++
		s.n.reasons[bs[0].Limit]++
		if !slices.Contains(expectedRefusals, bs[0].Limit) {
			s.t.Errorf("%s: %v", where, err)
		}
		return nil
	}
	in, err := m.Inject(Config{})
	if err != nil {
		s.t.Errorf("%s: %v", where, err)
		return nil
	}
	return in.Bytes
}

func (s *script) module(c *command, as, where string) {
	s.n.modules++
	b := s.read(c)
	injected := s.inject(b, where)
	if _, err := Parse(b, DefaultLimits()); err == nil {
		s.n.strict++
	}
	failed := 0
	for _, w := range s.worlds {
		g, err := w.instantiate(b, injected, as)
		if err != nil {
			failed++
			if injected != nil {
				s.t.Errorf("%s: %s: %v", where, w.name, err)
			}
		}
		w.last = g
		if c.Name != "" {
			w.live[c.Name] = g
		}
	}
	if injected != nil && failed == 0 {
		s.n.compared++
		s.fuel(s.guests(""), where)
	}
}

func (s *script) guests(name string) (gs []*guest) {
	for _, w := range s.worlds {
		g := w.last
		if name != "" {
			g = w.live[name]
		}
		gs = append(gs, g)
	}
	return gs
}

func (s *script) uninstantiable(c *command, where string) {
	b := s.read(c)
	injected := s.inject(b, where)
	failed := 0
	for _, w := range s.worlds {
		if g, err := w.instantiate(b, injected, ""); err != nil {
			failed++
		} else {
			_ = g.mod.Close(s.t.Context())
		}
	}
	// wazero lets elements beyond the table's end pass where the specification
	// traps; what counts is that the worlds agree.
	if failed != len(s.worlds) && failed != 0 {
		s.t.Errorf("%s: instantiation fails in %d of %d worlds", where, failed, len(s.worlds))
	}
	s.n.instantiations++
}

func (s *script) action(c *command, where string) {
	var args []uint64
	for _, a := range c.Action.Args {
		n, ok := a.bits()
		if !ok {
			s.n.gone++ // a vector or a reference
			return
		}
		args = append(args, n)
	}
	gs := s.guests(c.Action.Module)
	if gs[0] == nil || !gs[1].injected {
		s.n.gone++
		return
	}
	outs := make([]outcome, len(gs))
	for i, g := range gs {
		if c.Action.Type == "get" {
			outs[i].results = fmt.Sprint(g.mod.ExportedGlobal(c.Action.Field).Get())
			continue
		}
		o, err := g.call(c.Action.Field, args)
		if err != nil {
			s.t.Fatalf("%s: %v", where, err)
		}
		outs[i] = o
	}
	s.n.assertions++
	if c.Type == "assert_exhaustion" {
		s.n.exhausted++
		for i, o := range outs {
			s.uneven[gs[i]] = true
			if o.trap == "" {
				s.t.Errorf("%s: %s does not overflow", where, s.worlds[i].name)
			}
		}
		return
	}
	if c.Type == "assert_trap" {
		s.n.traps++
	}
	for i, o := range outs {
		// Bit for bit where code was injected, whatever the engine; else a NaN
		// is a NaN.
		if like := i & 1; like == 1 && o != outs[like] {
			s.t.Errorf("%s: %s gives %v, %s %v", where, s.worlds[i].name, o, s.worlds[like].name, outs[like])
		}
		if o.plain != outs[0].plain || o.trap != outs[0].trap {
			s.t.Errorf("%s: %s gives %v, %s %v", where, s.worlds[i].name, o, s.worlds[0].name, outs[0])
		}
		if s.second() && (o.trap != "") != (c.Type == "assert_trap") {
			s.t.Errorf("%s: %s: trap %q", where, s.worlds[i].name, o.trap)
		}
	}
	if s.second() && len(c.Expected) == 1 && c.Type == "assert_return" {
		if n, ok := c.Expected[0].bits(); ok && c.Action.Type == "invoke" && !nan(c.Expected[0], n) && outs[0].results != fmt.Sprintf("%x", []uint64{n}) {
			s.t.Errorf("%s: %s, not %x", where, outs[0].results, n)
		}
	}
	s.fuel(gs, where)
}

// nan: what is one depends on the engine; that all agree is compared anyway.
func nan(v value, bits uint64) bool {
	return v.Type == "f32" && isNaN(api.ValueTypeF32, bits) || v.Type == "f64" && isNaN(api.ValueTypeF64, bits)
}

// fuel compares what compiler and interpreter used.
func (s *script) fuel(gs []*guest, where string) {
	if !gs[1].injected || s.uneven[gs[1]] {
		return
	}
	if a, b := s.worlds[1].used(gs[1]), s.worlds[3].used(gs[3]); a != b {
		s.t.Errorf("%s: fuel %d on the compiler, %d on the interpreter", where, a, b)
	}
}
