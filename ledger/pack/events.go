package pack

import (
	_ "embed" // the dictionary of orders

	"github.com/klauspost/compress/s2"
)

// orderWords are two invented orders with the names that those of shops' platforms have, the
// commonest last. They are never changed: what was packed with them is read with them. Others
// get a number of their own.
//
//go:embed orders.json
var orderWords []byte

var orderDict = s2.MakeDict(orderWords, nil)

// PackEvent appends an event's bytes, compressed, to dst. What events of a platform have in
// common is mostly names, and as many bytes as what differs.
func (p *Packer) PackEvent(dst, b []byte) []byte {
	if s2.MaxEncodedLen(len(b)) < 0 {
		return append(append(dst, packStored), b...)
	}
	dst, room := roomFor(append(dst, packOrder), b)
	return dst[:len(dst)+len(orderDict.Encode(room, b))]
}
