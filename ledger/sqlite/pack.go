package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
)

// packer compresses content before it is sealed. The first byte says how:
// stored, S2, or S2 with the dictionary whose number follows. A dictionary is
// made from a mail of an invented order, one for each template set and locale,
// and stays in the ledger as long as anything was packed with it.
type packer struct {
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

var errPacked = errors.New("stored content is damaged")

// pack appends b, compressed, to dst.
func (p *packer) pack(dst, b []byte, dict string) []byte {
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

func (p *packer) unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errPacked
	}
	how, b := b[0], b[1:]
	var d *s2.Dict
	switch how {
	case packStored:
		return b, nil
	case packDict:
		if len(b) < 4 {
			return nil, errPacked
		}
		p.mu.RLock()
		d = p.byID[binary.BigEndian.Uint32(b)]
		p.mu.RUnlock()
		if d == nil {
			return nil, errPacked
		}
		b = b[4:]
	}
	if n, err := s2.DecodedLen(b); err != nil || n > maxUnpacked {
		return nil, errPacked
	}
	if d != nil {
		return d.Decode(nil, b)
	}
	return s2.Decode(nil, b)
}

func (p *packer) add(id uint32, body []byte) *s2.Dict {
	d := s2.NewDict(body)
	if d == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID == nil {
		p.byID, p.name = map[uint32]*s2.Dict{}, map[string]dictionary{}
	}
	p.byID[id] = d
	return d
}

func (l *Ledger) loadDictionaries(ctx context.Context) error {
	return l.read(ctx, func(c *conn) error {
		return c.query("SELECT id, body FROM dictionaries", func(r []driver.Value) error {
			l.packer.add(uint32(num(r[0])), append([]byte(nil), blob(r[1])...))
			return nil
		})
	})
}

// Teach makes a dictionary of a sample mail for messages whose Draft names it.
// The sample must come from an invented order. It is stored once: the same
// sample at the next start is the same dictionary.
func (l *Ledger) Teach(ctx context.Context, name string, sample []byte) error {
	made := s2.MakeDict(sample, []byte("</table>"))
	if made == nil {
		return errors.New("the sample is too short for a dictionary")
	}
	body := made.Bytes()
	var id uint32
	err := l.do(ctx, func(t *tx) error {
		var v [1]driver.Value
		found, err := t.c.row("SELECT id FROM dictionaries WHERE body=?", v[:], body)
		if err != nil {
			return fault{err}
		}
		if found {
			id = uint32(num(v[0]))
			return nil
		}
		if _, err := t.c.row("SELECT coalesce(max(id),0)+1 FROM dictionaries", v[:]); err != nil {
			return fault{err}
		}
		id = uint32(num(v[0]))
		_, err = t.exec("INSERT INTO dictionaries (id, body) VALUES (?,?)", int64(id), body)
		return err
	})
	if err != nil {
		return err
	}
	d := l.packer.add(id, body)
	if d == nil {
		return errPacked
	}
	l.packer.mu.Lock()
	l.packer.name[name] = dictionary{id, d}
	l.packer.mu.Unlock()
	return nil
}
