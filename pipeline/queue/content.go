package queue

import (
	"encoding/binary"

	"github.com/waxwinghq/waxwing"
)

// A message that carries content is a byte that says so and how, the id's eight, and the content
// as the ledger keeps it: packed, and sealed under a key that the ledger alone has, and destroys
// when its person is erased. What a later program writes has the id in the same place, so that it
// does as a reference.
const (
	carriedV1   = 1
	carriedHead = 1 + 8
)

// MostCarried is how many bytes a content has that is carried. What is larger goes as a reference:
// brokers have limits of 256 KiB and more.
const MostCarried = 128 << 10

// Carrying is a message of an id and its sealed content.
func Carrying(id waxwing.ID, sealed []byte) []byte {
	b := make([]byte, 0, carriedHead+len(sealed))
	b = binary.BigEndian.AppendUint64(append(b, carriedV1), uint64(id))
	return append(b, sealed...)
}

// Carried reads a message: one that carries content, or a reference, which is an id in text, and
// has none. Whoever can write to a broker can write anything: the ledger decides what it is worth.
// The content is the payload's memory.
func Carried(payload []byte) (id waxwing.ID, sealed []byte, err error) {
	if len(payload) < carriedHead || payload[0] >= ' ' { // an id in text begins with a digit or letter
		err = id.UnmarshalText(payload)
		return id, nil, err
	}
	id = waxwing.ID(binary.BigEndian.Uint64(payload[1:]))
	if payload[0] == carriedV1 && len(payload)-carriedHead <= MostCarried {
		sealed = payload[carriedHead:]
	}
	return id, sealed, nil
}
