// Package pack makes the ledger's contents small before they are sealed, with dictionaries
// of what the mails of one template set and locale have in common. What it wrote once can
// be read for ever.
package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/waxwinghq/waxwing"
)

// Packer compresses content before it is sealed. The first byte says how:
// stored, S2, S2 with the dictionary whose number follows, that with the
// dictionary's passages taken out first, or S2 with the program's words of orders. A dictionary is of one template set and
// locale, made of nobody's data, and stays in the ledger as long as anything was
// packed with it.
type Packer struct {
	mu   sync.RWMutex
	name map[string]*dictionary
	byID map[uint32]*dictionary
}

const (
	packStored = iota
	packS2
	packDict
	packPassages
	packOrder
)

// ErrDamaged says that packed content can never be read.
var ErrDamaged = errors.New("stored content is damaged")

// ErrDictionary says that content was packed with a dictionary that is not known, which
// another instance may have made meanwhile. It is ErrDamaged to whoever does not ask.
var ErrDictionary = fmt.Errorf("%w: its dictionary is not there", ErrDamaged)

// Pack appends b, compressed, to dst.
func (p *Packer) Pack(dst, b []byte, dict string) []byte {
	return p.pack(dst, b, p.named(dict))
}

// PackMail packs head and mail as one. extents are the stretches of the mail that may be
// passages of the dictionary; those that are not, since the name stands for another one by
// now, are packed like what is between them.
func (p *Packer) PackMail(dst, head, mail []byte, dict string, extents []waxwing.Extent) []byte {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	d := p.named(dict)
	if d == nil || len(extents) == 0 || s2.MaxEncodedLen(len(head)+len(mail)) < 0 {
		sc.left = append(append(sc.left[:0], head...), mail...)
		return p.pack(dst, sc.left, d)
	}
	d.takeOut(sc, head, mail, extents)
	return d.encode(append(dst, packPassages), sc.left)
}

// named is the dictionary of a name; nil: there is none.
func (p *Packer) named(dict string) *dictionary {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.name[dict]
}

func (p *Packer) pack(dst, b []byte, d *dictionary) []byte {
	switch {
	case s2.MaxEncodedLen(len(b)) < 0:
		return append(append(dst, packStored), b...)
	case d != nil:
		return d.encode(append(dst, packDict), b)
	}
	dst, room := roomFor(append(dst, packS2), b)
	return dst[:len(dst)+len(s2.Encode(room, b))]
}

// roomFor makes room behind dst for b's compressed form.
func roomFor(dst, b []byte) (grown, room []byte) {
	need := s2.MaxEncodedLen(len(b))
	dst = slices.Grow(dst, need)
	return dst, dst[len(dst) : len(dst)+need]
}

// scratch holds what is left of a content without its passages, and which these were, so
// that it need not be garbage after each.
type scratch struct {
	left []byte
	kept []waxwing.Extent
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

const maxUnpacked = 32 << 20

// Unpack gives what was packed; ErrDamaged says that it is damaged.
func (p *Packer) Unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, ErrDamaged
	}
	how, b := b[0], b[1:]
	var d *dictionary
	switch how {
	case packStored:
		return b, nil
	case packDict, packPassages:
		if len(b) < 4 {
			return nil, ErrDamaged
		}
		p.mu.RLock()
		d = p.byID[binary.BigEndian.Uint32(b)]
		p.mu.RUnlock()
		if d == nil {
			return nil, ErrDictionary
		}
		b = b[4:]
	case packS2, packOrder:
	default:
		return nil, ErrDamaged
	}
	if n, err := s2.DecodedLen(b); err != nil || n > maxUnpacked {
		return nil, ErrDamaged
	}
	var err error
	switch {
	case how == packOrder:
		b, err = orderDict.Decode(nil, b)
	case d == nil:
		b, err = s2.Decode(nil, b)
	default:
		b, err = d.s2.Decode(nil, b)
	}
	if err != nil {
		return nil, ErrDamaged
	}
	if how == packPassages {
		return d.putBack(b)
	}
	return b, nil
}

// Add makes a stored dictionary known. It says no where body is none.
func (p *Packer) Add(id uint32, body []byte) bool {
	d := readDictionary(id, body)
	if d == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID == nil {
		p.byID, p.name = map[uint32]*dictionary{}, map[string]*dictionary{}
	}
	p.byID[id] = d
	return true
}

// Name has a known dictionary used for what is packed under a name.
func (p *Packer) Name(name string, id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name[name] = p.byID[id]
}
