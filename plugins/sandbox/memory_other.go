//go:build !linux

package sandbox

import "github.com/tetratelabs/wazero/experimental"

type region struct{ all []byte }

func allocate(_, limit uint64) experimental.LinearMemory { return &region{all: make([]byte, limit)} }

// Reallocate grows in place.
func (r *region) Reallocate(size uint64) []byte {
	if size > uint64(len(r.all)) {
		return nil
	}
	return r.all[:size:len(r.all)]
}

// Free drops the memory.
func (r *region) Free() { r.all = nil }
