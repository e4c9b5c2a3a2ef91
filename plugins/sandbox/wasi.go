package sandbox

import (
	"context"
	"encoding/binary"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/waxwinghq/waxwing/plugins/wasm"
)

// The errors of WASI preview 1 that guests see.
const (
	wasiBadFile = 8
	wasiInvalid = 28
	wasiNoSys   = 52
)

// wasiSignatures are the functions of WASI preview 1 by their parameters: i is
// an i32, I an i64. All but proc_exit give an errno. Toolchains link them
// whether they are called or not, so that all are offered; what would need a
// world outside answers with an error.
const wasiSignatures = `args_get ii
args_sizes_get ii
environ_get ii
environ_sizes_get ii
clock_res_get ii
clock_time_get iIi
fd_advise iIIi
fd_allocate iII
fd_close i
fd_datasync i
fd_fdstat_get ii
fd_fdstat_set_flags ii
fd_fdstat_set_rights iII
fd_filestat_get ii
fd_filestat_set_size iI
fd_filestat_set_times iIIi
fd_pread iiiIi
fd_prestat_get ii
fd_prestat_dir_name iii
fd_pwrite iiiIi
fd_read iiii
fd_readdir iiiIi
fd_renumber ii
fd_seek iIii
fd_sync i
fd_tell ii
fd_write iiii
path_create_directory iii
path_filestat_get iiiii
path_filestat_set_times iiiiIIi
path_link iiiiiii
path_open iiiiiIIii
path_readlink iiiiii
path_remove_directory iii
path_rename iiiiii
path_symlink iiiii
path_unlink_file iii
poll_oneoff iiii
proc_exit i
proc_raise i
random_get ii
sched_yield -
sock_accept iii
sock_recv iiiiii
sock_send iiiii
sock_shutdown ii`

// importTypes are the functions that a plugin may import.
var importTypes = func() map[string]wasm.FuncType {
	t := map[string]wasm.FuncType{
		hostModule + ".log":  {Params: []wasm.ValType{i32, i32, i32}},
		hostModule + ".fail": {Params: []wasm.ValType{i32, i32, i32}},
	}
	for line := range strings.Lines(wasiSignatures) {
		name, params, _ := strings.Cut(strings.TrimSpace(line), " ")
		f := wasm.FuncType{}
		for _, c := range strings.TrimPrefix(params, "-") {
			if c == 'I' {
				f.Params = append(f.Params, i64)
			} else {
				f.Params = append(f.Params, i32)
			}
		}
		if name != "proc_exit" {
			f.Results = []wasm.ValType{i32}
		}
		t[wasiModule+"."+name] = f
	}
	return t
}()

// wasiCalls are the functions that do something; each returns its errno.
var wasiCalls = map[string]func(*instance, []uint64) uint32{
	"args_sizes_get":    twoNoughts,
	"environ_sizes_get": twoNoughts,
	"args_get":          func(*instance, []uint64) uint32 { return 0 },
	"environ_get":       func(*instance, []uint64) uint32 { return 0 },
	"sched_yield":       func(*instance, []uint64) uint32 { return 0 },
	"clock_res_get": func(in *instance, s []uint64) uint32 {
		return in.put64(uint32(s[1]), 1)
	},
	"clock_time_get": func(in *instance, s []uint64) uint32 {
		return in.put64(uint32(s[2]), uint64(in.run.at.UnixNano()))
	},
	"random_get":    randomGet,
	"fd_write":      fdWrite,
	"fd_fdstat_get": fdStat,
	"poll_oneoff":   pollOneoff,
	"proc_exit": func(in *instance, s []uint64) uint32 {
		in.stop(FaultTrap, "proc_exit was called")
		return 0
	},
}

func twoNoughts(in *instance, s []uint64) uint32 {
	if !in.mem.WriteUint32Le(uint32(s[0]), 0) || !in.mem.WriteUint32Le(uint32(s[1]), 0) {
		return wasiInvalid
	}
	return 0
}

func (in *instance) put64(at uint32, v uint64) uint32 {
	if !in.mem.WriteUint64Le(at, v) {
		return wasiInvalid
	}
	return 0
}

// randomGet fills from a source that the order and the plugin seed: a replay
// sees the same. It does so in pieces, so that the clock is looked at.
func randomGet(in *instance, s []uint64) uint32 {
	const piece = 4 << 10
	at, n := uint32(s[0]), uint32(s[1])
	if _, ok := in.mem.Read(at, n); !ok {
		return wasiInvalid
	}
	for n > 0 {
		part := min(n, piece)
		in.charge(4 * uint64(part))
		b, _ := in.mem.Read(at, part)  // inside: memory does not shrink
		_, _ = in.run.random().Read(b) // never fails (math/rand)
		at, n = at+part, n-part
	}
	return 0
}

func fdWrite(in *instance, s []uint64) uint32 {
	fd, vec, n := uint32(s[0]), uint32(s[1]), uint32(s[2])
	if fd != 1 && fd != 2 {
		return wasiBadFile
	}
	total := uint32(0)
	for i := uint32(0); i < min(n, 64); i++ {
		at, ok1 := in.mem.ReadUint32Le(vec + 8*i)
		size, ok2 := in.mem.ReadUint32Le(vec + 8*i + 4)
		if !ok1 || !ok2 {
			return wasiInvalid
		}
		in.charge(uint64(size))
		b, ok := in.mem.Read(at, size)
		if !ok {
			return wasiInvalid
		}
		in.run.write(b)
		total += size
	}
	if !in.mem.WriteUint32Le(uint32(s[3]), total) {
		return wasiInvalid
	}
	return 0
}

// fdStat says of the three standard files that they are character devices.
func fdStat(in *instance, s []uint64) uint32 {
	if uint32(s[0]) > 2 {
		return wasiBadFile
	}
	var b [24]byte
	b[0] = 2
	if !in.mem.Write(uint32(s[1]), b[:]) {
		return wasiInvalid
	}
	return 0
}

// pollOneoff says that everything waited for has happened. Time stands still:
// who sleeps in a loop until later burns fuel.
func pollOneoff(in *instance, s []uint64) uint32 {
	from, to, n := uint32(s[0]), uint32(s[1]), uint32(s[2])
	if n == 0 || n > 64 {
		return wasiInvalid
	}
	in.charge(uint64(n) * 128)
	for i := range n {
		sub, ok := in.mem.Read(from+48*i, 48)
		if !ok {
			return wasiInvalid
		}
		var ev [32]byte
		copy(ev[:8], sub[:8]) // userdata
		ev[10] = sub[8]       // type
		if !in.mem.Write(to+32*i, ev[:]) {
			return wasiInvalid
		}
	}
	if !in.mem.WriteUint32Le(uint32(s[3]), n) {
		return wasiInvalid
	}
	return 0
}

// hostModules offers what a guest imports, and no more: each module has a Runtime
// of its own. A function finds the instance that calls it in the context.
func hostModules(ctx context.Context, rt wazero.Runtime, imported []api.FunctionDefinition) error {
	builders := map[string]wazero.HostModuleBuilder{}
	for _, f := range imported {
		module, name, _ := f.Import()
		b := builders[module]
		if b == nil {
			b = rt.NewHostModuleBuilder(module)
			builders[module] = b
		}
		b.NewFunctionBuilder().WithGoFunction(hostFunction(module, name), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	for _, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hostFunction is one function that guests may import: checkABI has seen to it that
// there are no others, and that their types are right.
func hostFunction(module, name string) api.GoFunc {
	switch module + "." + name {
	case wasm.DefaultYieldModule + "." + wasm.DefaultYieldName:
		return func(ctx context.Context, _ []uint64) { caller(ctx).yield() }
	case hostModule + ".log":
		return func(ctx context.Context, s []uint64) {
			in := caller(ctx)
			if b := in.text(s[1], s[2]); b != nil {
				in.run.log(uint32(s[0]), b)
			}
		}
	case hostModule + ".fail":
		return func(ctx context.Context, s []uint64) {
			in := caller(ctx)
			b := in.text(s[1], s[2])
			in.stop(FaultFailed, string(b[:min(len(b), 1<<10)]))
		}
	case "env.jsFunctionProxy": // of the JavaScript engine only: checkABI refuses it to plugins
		return func(ctx context.Context, _ []uint64) {
			caller(ctx).stop(FaultTrap, "a call that the engine does not know")
		}
	}
	return wasiFunction(name)
}

func wasiFunction(name string) api.GoFunc {
	do, ok := wasiCalls[name]
	errno := uint32(wasiNoSys)
	if strings.HasPrefix(name, "fd_") {
		errno = wasiBadFile
	}
	return func(ctx context.Context, s []uint64) {
		in := caller(ctx)
		in.charge(0)
		v := errno
		if ok {
			v = do(in, s)
		}
		if len(s) > 0 {
			s[0] = uint64(v)
		}
	}
}

// text reads a text that a guest points to; nil where that lies outside.
func (in *instance) text(at, n uint64) []byte {
	in.charge(uint64(uint32(n)))
	b, ok := in.mem.Read(uint32(at), uint32(n))
	if !ok {
		return nil
	}
	return b[:min(len(b), in.owner.code.limits.Log)]
}

var le = binary.LittleEndian
