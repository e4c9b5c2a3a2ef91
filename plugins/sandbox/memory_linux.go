package sandbox

import (
	"os"
	"runtime"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// region is a guest's memory outside of Go's heap: reserved to its maximum and
// given back at once when the instance goes. On the heap it would wait for a
// collection, and growing would copy it.
//
// What the guest has of it is there before the guest runs: a page that came only
// at its first touch would stop the guest for as long as thousands of
// instructions take, which no count of instructions can tell.
type region struct {
	all  []byte
	have uint64 // bytes that were made present
}

// allocate reserves a region. The caller's own limit is behind max.
func allocate(_, limit uint64) experimental.LinearMemory {
	b, err := syscall.Mmap(-1, 0, int(max(limit, 1)), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		panic(err) // wazero has no other way; instantiate recovers it
	}
	return &region{all: b}
}

// Reallocate grows in place.
func (r *region) Reallocate(size uint64) []byte {
	if size > uint64(len(r.all)) {
		return nil
	}
	if size > r.have {
		populate(r.all[r.have:size])
		r.have = size
	}
	return r.all[:size:len(r.all)]
}

const (
	adviseHuge     = 14 // MADV_HUGEPAGE
	advisePopulate = 23 // MADV_POPULATE_WRITE, since Linux 5.14
	hugePage       = 2 << 20
)

// populate makes pages present: by calls where the kernel knows them, else by
// touching them. Where much comes at once, huge pages take a fraction of the
// time, and none of it later to find a page. Between two pieces others get the
// processor where they wait for it.
func populate(b []byte) {
	if len(b) >= 2*hugePage {
		_ = syscall.Madvise(b, adviseHuge) // advice
	}
	for known := true; len(b) > 0; runtime.Gosched() {
		piece := b[:min(len(b), 2*hugePage)]
		b = b[len(piece):]
		if known = known && syscall.Madvise(piece, advisePopulate) == nil; known {
			continue
		}
		for i := 0; i < len(piece); i += os.Getpagesize() {
			piece[i] = 0
		}
	}
}

// Free gives the memory back.
func (r *region) Free() {
	if r.all != nil {
		_ = syscall.Munmap(r.all) // it was mapped by us
		r.all = nil
	}
}
