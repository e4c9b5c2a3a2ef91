package sandbox

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

// instance is one guest: its memory, its globals, and the call under way. One
// goroutine at a time uses it.
type instance struct {
	owner   *loaded
	mod     api.Module
	mem     api.Memory
	fuel    api.MutableGlobal
	depth   api.MutableGlobal
	globals []api.MutableGlobal
	ctx     context.Context // carries the instance to host functions
	fns     map[string]api.Function
	run     *run
}

type callerKey struct{}

func caller(ctx context.Context) *instance { return ctx.Value(callerKey{}).(*instance) }

// newInstance instantiates loaded code. Nothing of the guest runs.
func (o *opener) newInstance(l *loaded) (in *instance, err error) {
	defer func() {
		if r := recover(); r != nil { // the allocator's only way to fail
			in, err = nil, &Fault{FaultHost, fmt.Sprint(r)}
		}
	}()
	in = &instance{owner: l, fns: map[string]api.Function{}}
	var mem experimental.LinearMemory
	in.ctx = context.WithValue(experimental.WithMemoryAllocator(o.ctx, experimental.MemoryAllocatorFunc(func(size, limit uint64) experimental.LinearMemory {
		mem = allocate(size, limit)
		return mem
	})), callerKey{}, in)
	in.mod, err = l.rt.InstantiateModule(in.ctx, l.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		if mem != nil {
			mem.Free() // wazero forgets what it had of an instance that failed
		}
		return nil, &Fault{FaultTrap, OneLine(err.Error(), 200)} // a data segment outside of the memory
	}
	w := l.code.wasm
	in.mem = in.mod.ExportedMemory(w.MemoryExport)
	if in.mem == nil {
		in.mem = in.mod.Memory()
	}
	in.fuel, _ = in.mod.ExportedGlobal(w.Fuel).(api.MutableGlobal)
	in.depth, _ = in.mod.ExportedGlobal(w.Depth).(api.MutableGlobal)
	if in.fuel == nil || in.depth == nil || in.mem == nil {
		in.close()
		return nil, &Fault{FaultHost, "the injected counters are missing"}
	}
	for _, g := range w.Globals {
		m, ok := in.mod.ExportedGlobal(g.Name).(api.MutableGlobal)
		if !ok {
			in.close()
			return nil, &Fault{FaultHost, "a global cannot be set back"}
		}
		in.globals = append(in.globals, m)
	}
	return in, nil
}

func (in *instance) close() { _ = in.mod.Close(in.ctx) } // anonymous, nobody else has it

// begin starts a call's account.
func (in *instance) begin(r *run, fuel int64, wall time.Duration) {
	in.run = r
	r.total = fuel * wasm.Unit
	r.slice = firstSlice
	r.looked = time.Now()
	r.shared = r.looked
	r.deadline = r.looked.Add(wall)
	in.depth.Set(0)
	in.refill(r.total)
}

// refill gives the guest a slice of the units that are left.
func (in *instance) refill(left int64) {
	next := min(left, in.run.slice)
	in.run.rest = left - next
	in.fuel.Set(uint64(next))
}

// used is the fuel of the call so far, rounded up. Slices do not change it.
func (in *instance) used() int64 {
	return (in.run.total - in.left() + wasm.Unit - 1) / wasm.Unit
}

func (in *instance) left() int64 { return in.run.rest + int64(in.fuel.Get()) }

// yield is what injected code calls when its slice is used up or its stack is
// full. It returns with a new slice, or not at all.
func (in *instance) yield() {
	r := in.run
	if uint32(in.depth.Get()) > uint32(r.limits.Stack) {
		in.stop(FaultStack, fmt.Sprintf("it called deeper than %d bytes of stack", r.limits.Stack))
	}
	now := time.Now()
	if f := in.over(now); f != nil {
		in.run.fault = f
		panic(f)
	}
	r.resize(now.Sub(r.looked))
	in.refill(in.left())
	if now.Sub(r.shared) > shareAfter {
		runtime.Gosched()
		now = time.Now()
		r.shared = now
	}
	r.looked = now
}

// over says why the call must end: its fuel is used up, its time is over, or the
// engine's. Fuel comes first, and depends on the code alone: a guest that takes
// just all of it passes, whatever its slices were.
func (in *instance) over(now time.Time) *Fault {
	switch r := in.run; {
	case in.left() < 0:
		in.fuel.Set(0)
		r.rest = 0
		return &Fault{FaultFuel, fmt.Sprintf("it used all of its %d fuel: a loop without an end, or more work than one call may do", r.total/wasm.Unit)}
	case now.After(r.deadline):
		return &Fault{FaultWall, "it ran for longer than it may"}
	case in.owner.by.stopping.Load():
		return &Fault{FaultBusy, "the daemon stops"}
	}
	return nil
}

// charge takes a host call's fuel: 100 and a quarter of its bytes. It does so
// before the work is done.
func (in *instance) charge(n uint64) {
	left := int64(in.fuel.Get()) - wasm.Unit*(100+int64(n/4))
	in.fuel.Set(uint64(left))
	if left < 0 {
		in.yield()
	}
}

// stop ends the call. wazero recovers the panic and returns it as an error.
func (in *instance) stop(kind, text string) {
	if in.run.fault == nil {
		in.run.fault = &Fault{kind, OneLine(text, 300)}
	}
	panic(in.run.fault)
}

func (in *instance) fn(name string) api.Function {
	f := in.fns[name]
	if f == nil {
		if f = in.mod.ExportedFunction(name); f != nil {
			in.fns[name] = f
		}
	}
	return f
}

// call calls an exported function; args are overwritten.
func (in *instance) call(name string, stack []uint64) error {
	f := in.fn(name)
	if f == nil {
		return &Fault{FaultABI, "the function " + name + " is missing"}
	}
	return f.CallWithStack(in.ctx, stack)
}

// ask gives a module its input and takes its output.
func (in *instance) ask(h waxwing.Hook, input []byte) ([]byte, error) {
	if in.owner.code.Lang == abi.LangJS {
		return in.askScript(h, input)
	}
	stack := [2]uint64{uint64(len(input))}
	if err := in.call(exportRoom, stack[:]); err != nil {
		return nil, err
	}
	at := uint32(stack[0])
	if at == 0 && len(input) > 0 {
		return nil, &Fault{FaultABI, "ww_alloc gave no room"}
	}
	if !in.mem.Write(at, input) {
		return nil, &Fault{FaultABI, "ww_alloc gave room outside of the memory"}
	}
	stack = [2]uint64{uint64(at), uint64(len(input))}
	if err := in.call(exportOf(h), stack[:]); err != nil {
		return nil, err
	}
	return in.result(uint32(stack[0]>>32), uint32(stack[0]))
}

// result copies what a guest points to out of its memory.
func (in *instance) result(at, n uint32) ([]byte, error) {
	if int64(n) > int64(in.run.limits.Output) {
		return nil, &Fault{FaultOutput, fmt.Sprintf("the output has %d bytes, at most %d are allowed", n, in.run.limits.Output)}
	}
	b, ok := in.mem.Read(at, n)
	if !ok {
		return nil, &Fault{FaultABI, "the result points outside of the memory"}
	}
	return append([]byte(nil), b...), nil
}
