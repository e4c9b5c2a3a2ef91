//go:build wasip1

package waxwing

import (
	"fmt"
	"unsafe"
)

//go:wasmimport ww_1 log
func hostLog(level int32, text unsafe.Pointer, n uint32)

//go:wasmimport ww_1 fail
func hostFail(code int32, text unsafe.Pointer, n uint32)

// given and answer stay reachable until the host has read them.
var given, answer []byte

//go:wasmexport ww_abi_1
func abi() {}

//go:wasmexport ww_alloc
func alloc(n uint32) unsafe.Pointer {
	given = make([]byte, max(n, 1))
	return unsafe.Pointer(&given[0])
}

//go:wasmexport ww_personalise_1
func personalise(p unsafe.Pointer, n uint32) uint64 { return serve("personalise", p, n) }

//go:wasmexport ww_recommend_1
func recommend(p unsafe.Pointer, n uint32) uint64 { return serve("recommend", p, n) }

//go:wasmexport ww_predict_delay_1
func predictDelay(p unsafe.Pointer, n uint32) uint64 { return serve("predict_delay", p, n) }

//go:wasmexport ww_filter_1
func filter(p unsafe.Pointer, n uint32) uint64 { return serve("filter", p, n) }

//go:wasmexport ww_normalise_1
func normalise(p unsafe.Pointer, n uint32) uint64 { return serve("normalise", p, n) }

// The codes of ww_1.fail.
const (
	failed   int32 = 1 // the plugin returned an error
	panicked int32 = 2
)

func serve(hook string, p unsafe.Pointer, n uint32) uint64 {
	defer func() {
		if r := recover(); r != nil {
			fail(panicked, "panic: "+fmt.Sprint(r))
		}
	}()
	out, err := Call(hook, unsafe.Slice((*byte)(p), n))
	if err != nil {
		fail(failed, err.Error())
	}
	answer = out
	return uint64(uintptr(unsafe.Pointer(&answer[0])))<<32 | uint64(len(answer))
}

func fail(code int32, s string) {
	hostFail(code, unsafe.Pointer(unsafe.StringData(s)), uint32(len(s)))
	panic(s) // the host does not return
}

func writeLog(level int32, s string) {
	if s != "" {
		hostLog(level, unsafe.Pointer(unsafe.StringData(s)), uint32(len(s)))
	}
}
