package sandbox

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"

	"github.com/tetratelabs/wazero/experimental"
)

// snapshot is a guest's state to which it is set back after each call. Pages of
// nothing but noughts are most of it, and need not be kept. The others lie outside of
// Go's heap: a tenant that has its code loaded again and again must not make the
// collector work for all, and what is closed is given back at once.
type snapshot struct {
	size    uint32
	parts   []part // what is no nought, from the lowest address on
	kept    int64  // bytes of them
	region  experimental.LinearMemory
	globals []uint64
}

// part is bytes and where in the memory they belong.
type part struct {
	at    int
	bytes []byte
}

const snapPage = 4096

func (in *instance) snapshot() (s *snapshot, err error) {
	defer func() {
		if r := recover(); r != nil { // the allocator's only way to fail
			s, err = nil, &Fault{FaultHost, fmt.Sprint(r)}
		}
	}()
	s = &snapshot{size: in.mem.Size()}
	all, ok := in.mem.Read(0, s.size)
	if !ok {
		return nil, &Fault{FaultHost, "the memory cannot be read"}
	}
	var nought [snapPage]byte
	for i := 0; i < len(all); i += snapPage {
		if i%copyAtOnce == 0 {
			runtime.Gosched()
		}
		if bytes.Equal(all[i:i+snapPage], nought[:]) {
			continue
		}
		if n := len(s.parts); n > 0 && s.parts[n-1].at+len(s.parts[n-1].bytes) == i {
			s.parts[n-1].bytes = all[s.parts[n-1].at : i+snapPage]
		} else {
			s.parts = append(s.parts, part{i, all[i : i+snapPage]})
		}
		s.kept += snapPage
	}
	if s.kept > 0 {
		s.region = allocate(uint64(s.kept), uint64(s.kept))
		room := s.region.Reallocate(uint64(s.kept))
		for i, p := range s.parts {
			n := len(p.bytes)
			copyInPieces(room, p.bytes)
			s.parts[i].bytes, room = room[:n:n], room[n:]
		}
	}
	for _, g := range in.globals {
		s.globals = append(s.globals, g.Get())
	}
	return s, nil
}

// free gives the memory back. Nothing is restored from it any more.
func (s *snapshot) free() {
	if s != nil && s.region != nil {
		s.region.Free()
		s.region, s.parts = nil, nil
	}
}

// restore sets a guest back. It reports false where its memory has grown: then
// it must be thrown away.
func (in *instance) restore(s *snapshot) bool {
	if in.mem.Size() < s.size {
		if _, ok := in.mem.Grow((s.size - in.mem.Size()) / 65536); !ok {
			return false
		}
	}
	if in.mem.Size() != s.size {
		return false
	}
	all, ok := in.mem.Read(0, s.size)
	if !ok {
		return false
	}
	at := 0
	for _, p := range s.parts {
		clearInPieces(all[at:p.at])
		copyInPieces(all[p.at:], p.bytes)
		at = p.at + len(p.bytes)
	}
	clearInPieces(all[at:])
	for i, g := range in.globals {
		g.Set(s.globals[i])
	}
	return true
}

// copyAtOnce is how much is copied or cleared at once, in bytes: neither can be stopped
// before its end, so that the collector, and with it every mail, would wait for 30 MiB.
const copyAtOnce = 1 << 20

// copyInPieces is copy, between whose pieces others get the processor where they wait.
func copyInPieces(to, from []byte) {
	for len(from) > copyAtOnce {
		copy(to, from[:copyAtOnce])
		to, from = to[copyAtOnce:], from[copyAtOnce:]
		runtime.Gosched()
	}
	copy(to, from)
}

// clearInPieces is clear, likewise.
func clearInPieces(b []byte) {
	for len(b) > copyAtOnce {
		clear(b[:copyAtOnce])
		b = b[copyAtOnce:]
		runtime.Gosched()
	}
	clear(b)
}

// bytes is what it holds.
func (s *snapshot) bytes() int64 { return s.kept + int64(len(s.parts))*40 + 1024 }

func (s *snapshot) same(o *snapshot) bool {
	return s.size == o.size && slices.Equal(s.globals, o.globals) &&
		slices.EqualFunc(s.parts, o.parts, func(a, b part) bool { return a.at == b.at && bytes.Equal(a.bytes, b.bytes) })
}
