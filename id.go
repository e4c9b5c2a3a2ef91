package waxwing

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// TenantID names a merchant. Every row, key, template and quota belongs to one.
type TenantID string

// Tag stands for the tenant in what others are given, since names may be long and are nobody's
// business: 8 small letters and digits.
func (t TenantID) Tag() string {
	sum := sha256.Sum256([]byte("return path of " + t))
	return tagEncoding.EncodeToString(sum[:5])
}

var tagEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ShopID names one store of a tenant; a tenant may have several of one format.
type ShopID string

// ID names a confirmation or a message: 42 bits of milliseconds since 2020 and
// 22 bits that keep ids of one millisecond apart. Ids of one ledger rise
// strictly, so that new rows go to the end of their tables.
type ID uint64

var idEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// NewID returns an id for the time t that is greater than last.
func NewID(t time.Time, last ID, noise uint32) ID {
	ms := max(t.Sub(idEpoch).Milliseconds(), 0)
	id := ID(ms)<<22 | ID(noise&0xfffff)
	if id <= last {
		id = last + 1
	}
	return id
}

// FirstID is the lowest id that can be made at the time t: ids of a span of time lie from
// that of its begin to that of its end.
func FirstID(t time.Time) ID { return NewID(t, 0, 0) }

// Time returns the millisecond at which the id was made.
func (id ID) Time() time.Time { return idEpoch.Add(time.Duration(id>>22) * time.Millisecond) }

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// String writes the id in 13 characters of Crockford's base 32, in order.
func (id ID) String() string {
	var b [13]byte
	v := uint64(id)
	for i := 12; i >= 0; i-- {
		b[i] = crockford[v&31]
		v >>= 5
	}
	return string(b[:])
}

// MarshalText writes the id as String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// AppendBinary appends the id's eight bytes, most significant first.
func (id ID) AppendBinary(b []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint64(b, uint64(id)), nil
}

var errID = errors.New("not an id: want 13 characters of 0-9 a-z without i l o u")

// ParseID reads what String wrote.
func ParseID(s string) (ID, error) {
	if len(s) != 13 || s[0] > 'f' {
		return 0, fmt.Errorf("%.20q: %w", s, errID)
	}
	var v uint64
	for i := range len(s) {
		d := decodeCrockford(s[i])
		if d < 0 {
			return 0, fmt.Errorf("%.20q: %w", s, errID)
		}
		v = v<<5 | uint64(d)
	}
	return ID(v), nil
}

func decodeCrockford(c byte) int {
	for i := range len(crockford) {
		if crockford[i] == c {
			return i
		}
	}
	return -1
}
