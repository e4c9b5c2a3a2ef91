package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

var b64 = base64.RawURLEncoding

// seal encrypts plain for a browser (RFC 8291, by RFC 8188's aes128gcm): theirs and auth are what its
// subscription has, ours and salt must be of one message only.
func seal(plain []byte, theirs *ecdh.PublicKey, auth []byte, ours *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	shared, err := ours.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	mine := ours.PublicKey().Bytes()
	info := "WebPush: info\x00" + string(theirs.Bytes()) + string(mine)
	secret, err := hkdf.Key(sha256.New, shared, auth, info, 32)
	if err != nil {
		return nil, err
	}
	prk, err := hkdf.Extract(sha256.New, secret, salt)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, 16+4+1+len(mine)+len(plain)+1+gcm.Overhead()), salt...)
	out = binary.BigEndian.AppendUint32(out, recordSize)
	out = append(append(out, byte(len(mine))), mine...)
	return gcm.Seal(out, nonce, append(append(make([]byte, 0, len(plain)+1), plain...), 2), nil), nil // 2: the last record
}

// recordSize is that of the one record that a message is.
const recordSize = 4096

// once makes the key and the salt of one message to one browser. They follow from the message, so
// that offering it again writes the same bytes; another plain text has others.
func once(secret, plain []byte, id, endpoint string) (*ecdh.PrivateKey, []byte, error) {
	sum := sha256.Sum256(plain)
	for try := range 8 { // nearly each 32 bytes are a key
		b, err := hkdf.Key(sha256.New, secret, []byte(id), fmt.Sprintf("waxwing webpush %d %x %s", try, sum, endpoint), 48)
		if err != nil {
			return nil, nil, err
		}
		if key, err := ecdh.P256().NewPrivateKey(b[:32]); err == nil {
			return key, b[32:], nil
		}
	}
	return nil, nil, errors.New("no key could be made")
}

// token is a VAPID token for a push service (RFC 8292), valid until a time at most 24 h ahead.
func token(key *ecdsa.PrivateKey, origin, subject string, until time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Aud string `json:"aud"`
		Exp int64  `json:"exp"`
		Sub string `json:"sub"`
	}{origin, until.Unix(), subject})
	if err != nil {
		return "", err
	}
	text := b64.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + b64.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64.EncodeToString(sig[:]), nil
}
