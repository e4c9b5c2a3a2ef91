package plugins

import (
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// region is a guest's memory outside of Go's heap: reserved to its maximum, taken
// page by page as it is touched, and given back at once when the instance goes.
// On the heap it would wait for a collection, and growing would copy it.
type region struct {
	all []byte
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
	return r.all[:size:len(r.all)]
}

// Free gives the memory back.
func (r *region) Free() {
	if r.all != nil {
		_ = syscall.Munmap(r.all) // it was mapped by us
		r.all = nil
	}
}
