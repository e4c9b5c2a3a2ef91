package sandbox

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
)

// scriptState is where a script's guest keeps what a call needs: addresses and
// values inside its own memory, the same in every instance that has taken the
// snapshot.
type scriptState struct {
	context  uint64 // JSContext*
	input    uint64 // room for the input and its end
	argv     uint64 // room for scriptArgs values
	dispatch uint64 // the function that answers, a JSValue
}

// The engine's values (quickjs.h, 32 bits: the tag is the upper half) and flags.
const (
	jsUndefined  = 3 << 32
	jsEvalGlobal = 0
	// headroom keeps a script's own data from growing the memory: an instance
	// that has grown must be thrown away.
	headroom = 512 << 10
	// scriptArgs is how many arguments a script's dispatch takes: the hook, the
	// state of its random source, the input.
	scriptArgs = 5
)

// script is the JavaScript engine as code.
func (o *opener) script() (*Code, error) {
	b, err := quickjs.Module()
	if err != nil {
		return nil, err
	}
	return engineCode(b, o.o.Limits)
}

// openEngine loads the JavaScript engine that all scripts share.
func (o *opener) openEngine() (*loaded, error) {
	o.opening.Lock()
	defer o.opening.Unlock()
	o.memory.mu.Lock()
	js := o.memory.js
	o.memory.mu.Unlock()
	if js != nil {
		return js, nil
	}
	c, err := o.script()
	if err != nil {
		return nil, &Fault{FaultOff, err.Error()}
	}
	l := &loaded{by: o, code: c}
	if err := l.compile(); err != nil {
		return nil, err
	}
	in, err := o.newInstance(l)
	if err != nil {
		return nil, err
	}
	r := &run{at: abi.InitTime, seed: "engine", limits: &c.limits}
	in.begin(r, c.limits.InitFuel*10, time.Minute)
	if err := in.startEngine(&l.script, c.limits.Input); err != nil {
		in.close()
		return nil, fmt.Errorf("JavaScript engine: %w", r.faultOf(err))
	}
	if l.snap, err = in.snapshot(); err != nil {
		in.close()
		return nil, err
	}
	l.put(in)
	l.code = c.facts()
	o.memory.mu.Lock()
	o.memory.js = l
	o.memory.mu.Unlock()
	return l, nil
}

func (in *instance) startEngine(s *scriptState, room int) error {
	if err := in.call("initialize", nil); err != nil {
		return err
	}
	qjs, err := in.pointer("QJS_GetRuntime")
	if err == nil {
		err = in.limitStack(uint32(qjs))
	}
	if err == nil {
		s.context, err = in.pointer("QJS_GetContext", qjs)
	}
	if err == nil {
		s.input, err = in.pointer("malloc", uint64(room+1))
	}
	if err == nil {
		s.argv, err = in.pointer("malloc", 8*scriptArgs)
	}
	if err != nil {
		return err
	}
	spare, err := in.pointer("malloc", headroom)
	if err == nil {
		_, err = in.pointer("free", spare)
	}
	if err == nil {
		_, err = in.eval(s, "prelude.js", quickjs.Prelude)
	}
	return err
}

// limitStack gives the engine a stack of its own and tells it where that ends,
// which its own build for WASI leaves out: what a script nests too deep is then an
// error that it can catch. Else the stack would run on over the engine's data.
func (in *instance) limitStack(qjs uint32) error {
	lost := &Fault{FaultHost, "the engine's stack is not where it should be"}
	runtime, ok := in.mem.ReadUint32Le(qjs)
	top, ok1 := in.mem.ReadUint32Le(runtime + quickjs.StackTop)
	limit, ok2 := in.mem.ReadUint32Le(runtime + quickjs.StackTop + 4)
	sp, _ := in.mod.ExportedGlobal(in.owner.code.wasm.Globals[0].Name).(api.MutableGlobal)
	if !ok || !ok1 || !ok2 || sp == nil || limit != 0 || top == 0 || uint64(top) > sp.Get() || sp.Get() != quickjs.StackBase {
		return lost
	}
	room, err := in.pointer("malloc", quickjs.StackSize+quickjs.StackSpare)
	if err != nil {
		return err
	}
	if room == 0 || !in.mem.WriteUint32Le(runtime+quickjs.StackTop+4, uint32(room)+quickjs.StackSpare) {
		return lost
	}
	sp.Set((room + quickjs.StackSize + quickjs.StackSpare) &^ 15)
	return nil
}

// value calls a function of the engine and gives its result, a JSValue.
func (in *instance) value(fn string, args ...uint64) (uint64, error) {
	stack := make([]uint64, max(len(args), 1))
	copy(stack, args)
	err := in.call(fn, stack)
	return stack[0], err
}

// pointer is value for a result of 32 bits: wazero leaves rubbish in the upper half.
func (in *instance) pointer(fn string, args ...uint64) (uint64, error) {
	v, err := in.value(fn, args...)
	return uint64(uint32(v)), err
}

// eval runs a script in the global scope.
func (in *instance) eval(s *scriptState, name, script string) (uint64, error) {
	at, err := in.pointer("malloc", uint64(len(script)+len(name)+2))
	if err != nil {
		return 0, err
	}
	if at == 0 || !in.mem.WriteString(uint32(at), script+"\x00"+name+"\x00") {
		return 0, &Fault{FaultTrap, "the script does not fit into the memory"}
	}
	opts, err := in.pointer("QJS_CreateEvalOption", at, 0, 0, at+uint64(len(script))+1, jsEvalGlobal)
	if err != nil {
		return 0, err
	}
	v, err := in.value("QJS_Eval", s.context, opts)
	if err != nil {
		return 0, err
	}
	if bad, err := in.pointer("QJS_IsException", v); err != nil || uint32(bad) != 0 {
		return 0, in.exception(s, err)
	}
	return v, nil
}

// exception says what was thrown.
func (in *instance) exception(s *scriptState, err error) error {
	if err != nil {
		return err
	}
	e, err := in.value("JS_GetException", s.context)
	if err != nil {
		return err
	}
	msg, err := in.stringOf(s, e, 300)
	if err != nil {
		return err
	}
	return &Fault{FaultFailed, OneLine(string(msg), 300)}
}

// stringOf copies a value as text out of the memory.
func (in *instance) stringOf(s *scriptState, v uint64, most int) ([]byte, error) {
	p, err := in.pointer("QJS_ToCString", s.context, v)
	if err != nil {
		return nil, err
	}
	packed, ok := in.mem.ReadUint64Le(uint32(p))
	if p == 0 || !ok {
		return nil, &Fault{FaultTrap, "the script ran out of memory"}
	}
	at, n := uint32(packed>>32), uint32(packed)
	if int64(n) > int64(most) {
		return nil, &Fault{FaultOutput, fmt.Sprintf("the output has %d bytes, at most %d are allowed", n-1, most)}
	}
	b, ok := in.mem.Read(at, n)
	if !ok {
		return nil, &Fault{FaultABI, "the result points outside of the memory"}
	}
	return append([]byte(nil), b...), nil
}

// openScript lets a script run once on a fresh engine and keeps what it left.
func (o *opener) openScript(l *loaded) error {
	js, err := o.openEngine()
	if err != nil {
		return err
	}
	l.js, l.script = js, js.script
	in, err := o.newInstance(js) // not one that lies idle: the next call would have to make another
	if err != nil {
		return err
	}
	defer in.close()
	if !in.restore(js.snap) {
		return &Fault{FaultHost, "the engine's snapshot does not fit"}
	}
	in.owner = l
	r := &run{at: abi.InitTime, seed: l.code.Hash, limits: &l.code.limits}
	in.begin(r, l.code.limits.InitFuel, o.startClock())
	_, err = in.eval(&l.script, "plugin.js", string(l.code.Script))
	if err == nil {
		l.script.dispatch, err = in.eval(&l.script, "dispatch.js", quickjs.Dispatch)
	}
	if err != nil {
		f := r.faultOf(err)
		return &Fault{f.Kind, "outside of its functions: " + f.Text}
	}
	l.snap, err = in.snapshot()
	return err
}

// askScript asks a script's function.
func (in *instance) askScript(h waxwing.Hook, input []byte) ([]byte, error) {
	s := &in.owner.script
	args := [scriptArgs]uint64{}
	// Three words, as integers: a text would have to be read by functions that
	// the script can have replaced by its own.
	sum := sha256.Sum256([]byte("script random\x00" + in.run.seed))
	for i := range 3 {
		args[1+i] = uint64(le.Uint32(sum[4*i:])) // an integer's tag is nought
	}
	for _, arg := range []struct {
		at   int
		text string
	}{{0, string(h)}, {scriptArgs - 1, string(input)}} {
		if !in.mem.WriteString(uint32(s.input), arg.text+"\x00") {
			return nil, &Fault{FaultHost, "the input's room is gone"}
		}
		v, err := in.value("QJS_NewString", s.context, s.input)
		if err != nil {
			return nil, err
		}
		args[arg.at] = v
	}
	for i, v := range args {
		if !in.mem.WriteUint64Le(uint32(s.argv)+8*uint32(i), v) {
			return nil, &Fault{FaultHost, "the arguments' room is gone"}
		}
	}
	v, err := in.value("QJS_Call", s.context, s.dispatch, jsUndefined, scriptArgs, s.argv)
	if err != nil {
		return nil, err
	}
	if bad, err := in.pointer("QJS_IsException", v); err != nil || uint32(bad) != 0 {
		return nil, in.exception(s, err)
	}
	out, err := in.stringOf(s, v, in.run.limits.Output+1)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 || out[0] != 'O' {
		text := "it gave nothing"
		if len(out) > 0 {
			text = string(out[1:])
		}
		return nil, &Fault{FaultFailed, OneLine(text, 300)}
	}
	return out[1:], nil
}
