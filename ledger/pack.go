package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
)

// Packer compresses content before it is sealed. The first byte says how:
// stored, S2, or S2 with the dictionary whose number follows. A dictionary is
// made from a mail of an invented order, one for each template set and locale,
// and stays in the ledger as long as anything was packed with it.
type Packer struct {
	mu   sync.RWMutex
	name map[string]dictionary
	byID map[uint32]*s2.Dict
}

type dictionary struct {
	id uint32
	d  *s2.Dict
}

const (
	packStored = iota
	packS2
	packDict
)

// ErrPacked says that packed content cannot be read.
var ErrPacked = errors.New("stored content is damaged")

// errDictionary: another instance may have made the dictionary meanwhile.
var errDictionary = fmt.Errorf("%w: its dictionary is not there", ErrPacked)

// Pack appends b, compressed, to dst.
func (p *Packer) Pack(dst, b []byte, dict string) []byte {
	p.mu.RLock()
	d := p.name[dict]
	p.mu.RUnlock()
	need := s2.MaxEncodedLen(len(b))
	if need < 0 {
		return append(append(dst, packStored), b...)
	}
	if d.d != nil {
		dst = append(dst, packDict)
		dst = binary.BigEndian.AppendUint32(dst, d.id)
	} else {
		dst = append(dst, packS2)
	}
	dst = slices.Grow(dst, need)
	room := dst[len(dst) : len(dst)+need]
	if d.d != nil {
		return dst[:len(dst)+len(d.d.Encode(room, b))]
	}
	return dst[:len(dst)+len(s2.Encode(room, b))]
}

// scratch holds a plain text and its packed form on their way to a seal:
// together twice a mail, which need not be garbage after each.
type scratch struct{ plain, packed []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

const maxUnpacked = 32 << 20

// Unpack gives what was packed; ErrPacked says that it is damaged.
func (p *Packer) Unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, ErrPacked
	}
	how, b := b[0], b[1:]
	var d *s2.Dict
	switch how {
	case packStored:
		return b, nil
	case packDict:
		if len(b) < 4 {
			return nil, ErrPacked
		}
		p.mu.RLock()
		d = p.byID[binary.BigEndian.Uint32(b)]
		p.mu.RUnlock()
		if d == nil {
			return nil, errDictionary
		}
		b = b[4:]
	}
	if n, err := s2.DecodedLen(b); err != nil || n > maxUnpacked {
		return nil, ErrPacked
	}
	if d != nil {
		return d.Decode(nil, b)
	}
	return s2.Decode(nil, b)
}

// Add makes a stored dictionary known. It says no where body is none.
func (p *Packer) Add(id uint32, body []byte) bool {
	d := s2.NewDict(body)
	if d == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID == nil {
		p.byID, p.name = map[uint32]*s2.Dict{}, map[string]dictionary{}
	}
	p.byID[id] = d
	return true
}

// Name has a known dictionary used for what is packed under a name.
func (p *Packer) Name(name string, id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name[name] = dictionary{id, p.byID[id]}
}

// MakeDictionary makes a dictionary of a sample.
func MakeDictionary(sample []byte) ([]byte, error) {
	made := s2.MakeDict(sample, []byte("</table>"))
	if made == nil {
		return nil, errors.New("the sample is too short for a dictionary")
	}
	return made.Bytes(), nil
}
