package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// KeySize is the size of every key in bytes: AES-256.
const KeySize = 32

// Key is a data, tenant or master key. It hides itself.
type Key [KeySize]byte

// String hides the key.
func (Key) String() string { return "key [redacted]" }

// GoString hides the key.
func (Key) GoString() string { return "key [redacted]" }

// NewKey makes a random key.
func NewKey() (k Key) {
	_, _ = rand.Read(k[:]) // never fails (crypto/rand)
	return k
}

// ParseKey reads 32 bytes in hex or base64, padded or not, of either alphabet:
// the forms that package config calls good.
func ParseKey(s waxwing.Secret) (k Key, err error) {
	t := strings.TrimSpace(s.Reveal())
	b, err := hex.DecodeString(t)
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if err == nil && len(b) == KeySize {
			break
		}
		b, err = e.DecodeString(t)
	}
	if err != nil || len(b) != KeySize {
		return k, errors.New("a master key is 32 bytes in hex or base64: openssl rand -hex 32 makes one")
	}
	copy(k[:], b)
	return k, nil
}

// Sealer seals and opens with one key: AES-256-GCM, random nonce in front.
type Sealer struct{ aead cipher.AEAD }

// Sealer returns the key's sealer.
func (k *Key) Sealer() Sealer {
	b, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err) // the size is fixed
	}
	g, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		panic(err) // the block size is AES's
	}
	return Sealer{g}
}

// Seal appends the sealed plain text to dst. The same aad must be given to
// Open: it ties the content to its place, so that rows cannot be swapped.
func (s Sealer) Seal(dst, plain []byte, aad string) []byte {
	return s.aead.Seal(dst, nil, plain, []byte(aad))
}

// ErrSeal says that content was changed, swapped, or sealed by another key.
var ErrSeal = errors.New("sealed content does not open: wrong key, or it was changed")

// Open appends the plain text to dst.
func (s Sealer) Open(dst, sealed []byte, aad string) ([]byte, error) {
	b, err := s.aead.Open(dst, nil, sealed, []byte(aad))
	if err != nil {
		return nil, ErrSeal
	}
	return b, nil
}

// TenantKey is a tenant's key with what is derived from it.
type TenantKey struct {
	wrap  Sealer
	index sync.Pool // of *keyed
	token sync.Pool
}

// NewTenantKey derives the parts of a tenant's key.
func NewTenantKey(k Key) *TenantKey {
	t := &TenantKey{wrap: k.Sealer()}
	index, token := k.derive("index"), k.derive("token")
	t.index.New = func() any { return &keyed{mac: hmac.New(sha256.New, index[:])} }
	t.token.New = func() any { return &keyed{mac: hmac.New(sha256.New, token[:])} }
	return t
}

// keyed hashes with one key, and makes no garbage: a state that is reset costs half of a new
// one, and what it reads and writes stays beside it.
type keyed struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

// mostText is how long a text is kept that the next one may be written over.
const mostText = 4 << 10

// hash hashes the text.
func (k *keyed) hash() [sha256.Size]byte {
	k.mac.Write(k.text)
	k.mac.Sum(k.sum[:0])
	k.mac.Reset()
	if cap(k.text) > mostText {
		k.text = nil
	}
	return k.sum
}

func (k *Key) derive(label string) (d Key) {
	m := hmac.New(sha256.New, k[:])
	m.Write([]byte("waxwing/" + label))
	m.Sum(d[:0])
	return d
}

// Derive makes a key for another purpose than the ledger's own. Its labels are
// apart from those that the ledger derives its parts by.
func (k *Key) Derive(label string) Key { return k.derive("for/" + label) }

// Wrap seals a data key under the tenant's.
func (t *TenantKey) Wrap(data *Key, aad string) []byte { return t.wrap.Seal(nil, data[:], aad) }

// Unwrap opens what Wrap sealed.
func (t *TenantKey) Unwrap(wrapped []byte, aad string) (k Key, err error) {
	b, err := t.wrap.Open(nil, wrapped, aad)
	if err != nil || len(b) != KeySize {
		return k, fmt.Errorf("data key: %w", ErrSeal)
	}
	copy(k[:], b)
	return k, nil
}

// Hash is a keyed hash by which rows are found.
type Hash = store.Hash

// Index hashes a kind of lookup and its value.
func (t *TenantKey) Index(kind string, parts ...string) (h Hash) {
	m := t.index.Get().(*keyed)
	m.text = append(m.text[:0], kind...)
	for _, p := range parts {
		m.text = append(append(m.text, 0), p...)
	}
	sum := m.hash()
	t.index.Put(m)
	copy(h[:], sum[:])
	return h
}

var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Token names a message towards the outside: the left side of its Message-ID
// and its idempotency key. It is the same for each try and tells nothing.
func (t *TenantKey) Token(message waxwing.ID) string {
	m := t.token.Get().(*keyed)
	m.text, _ = message.AppendBinary(m.text[:0]) // never fails
	sum := m.hash()
	t.token.Put(m)
	return tokenEncoding.EncodeToString(sum[:20])
}

// NormaliseEmail is the form in which an address is hashed: trimmed, lower
// case. Lookups, suppression and erasure all use it.
func NormaliseEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// NormalisePhone keeps digits and a leading plus.
func NormalisePhone(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= '0' && r <= '9' || r == '+' && b.Len() == 0 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// NormalisePerson hashes an e-mail address or a phone number alike. Where push messages go is
// neither, and stays as it is: it has letters, and is longer than any number.
func NormalisePerson(s string) string {
	if len(s) > 64 && (s[0] == '{' || !strings.Contains(s, "@")) {
		return s
	}
	if strings.Contains(s, "@") {
		return NormaliseEmail(s)
	}
	return NormalisePhone(s)
}

// NormaliseOrder is the form in which an order number is hashed: "#1001" and
// "1001" are one.
func NormaliseOrder(s string) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s), "#"))
}
