// Package dkim signs e-mails (RFC 6376; RFC 8463 for Ed25519), relaxed for
// header and body. The same message, key and time give the same bytes.
package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Key is a private key of a domain.
type Key struct {
	rsa *rsa.PrivateKey
	ed  ed25519.PrivateKey
}

// Errors of ParseKey and New. They hold nothing of the key.
var (
	ErrPEM   = errors.New("DKIM key: no PEM block with a private key")
	ErrKey   = errors.New("DKIM key: want RSA of 2048 bits or more, or Ed25519, in PKCS#1 or PKCS#8")
	ErrName  = errors.New("DKIM: domain and selector must be host names in A-labels")
	ErrShape = errors.New("DKIM: the message has no header, or one that cannot be read")
)

// ParseKey reads a private key in PEM: "RSA PRIVATE KEY" (PKCS#1) or "PRIVATE
// KEY" (PKCS#8).
func ParseKey(secret waxwing.Secret) (*Key, error) {
	b, _ := pem.Decode([]byte(secret.Reveal()))
	if b == nil {
		return nil, ErrPEM
	}
	var key any
	var err error
	switch b.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	default:
		return nil, ErrPEM
	}
	if err != nil {
		return nil, ErrKey
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() >= 2048 {
			return &Key{rsa: k}, nil
		}
	case ed25519.PrivateKey:
		return &Key{ed: k}, nil
	}
	return nil, ErrKey
}

// Record returns the TXT record that belongs at SELECTOR._domainkey.DOMAIN.
func (k *Key) Record() string {
	if k.ed != nil {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(k.ed.Public().(ed25519.PublicKey))
	}
	der, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	if err != nil { // an RSA key that was parsed can be written
		return ""
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

func (k *Key) algorithm() string {
	if k.ed != nil {
		return "ed25519-sha256"
	}
	return "rsa-sha256"
}

func (k *Key) sign(sum [32]byte) ([]byte, error) {
	if k.ed != nil {
		return ed25519.Sign(k.ed, sum[:]), nil
	}
	return rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA256, sum[:])
}

// signed are the fields that a signature covers. Each is named once more than
// it occurs, so that none can be added later (RFC 6376, 8.15).
var signed = []string{
	"from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version", "content-type",
	"content-transfer-encoding", "content-language", "auto-submitted", "feedback-id",
}

// Signer signs for one domain by one key or more, each of a selector of its own. It is
// safe for concurrent use.
type Signer struct {
	domain string
	keys   []named
}

// named is a key and the selector that its public half is published under.
type named struct {
	selector string
	key      *Key
}

// New returns a Signer. The domain should be the From address's own, or one
// above it, so that the signature counts for DMARC.
func New(domain, selector string, key *Key) (*Signer, error) {
	if !hostname(domain) {
		return nil, ErrName
	}
	return (&Signer{domain: domain}).With(selector, key)
}

// With returns a Signer that signs by one more key, in a field of its own behind those of s:
// during a rotation, or Ed25519 beside RSA. A receiver that knows either accepts the mail.
// The selector is that of no other key of s, or ErrName.
func (s *Signer) With(selector string, key *Key) (*Signer, error) {
	if !hostname(selector) {
		return nil, ErrName
	}
	for _, k := range s.keys {
		if strings.EqualFold(k.selector, selector) {
			return nil, ErrName
		}
	}
	return &Signer{domain: s.domain, keys: append(s.keys[:len(s.keys):len(s.keys)], named{selector, key})}, nil
}

// Room is how many bytes Append adds at most, and hardly less.
func (s *Signer) Room() int {
	n := 0
	for _, k := range s.keys {
		n += 720 + len(s.domain) + len(k.selector)
		if k.key.rsa != nil {
			n += k.key.rsa.Size() * 7 / 5
		}
	}
	return n
}

// hostname reports whether s is made of sub-domains (RFC 6376, 3.1; RFC 5321, 4.1.2): ASCII
// letters, digits and inner hyphens. An underscore is let pass: there are such domains in DNS.
func hostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for l := range strings.SplitSeq(s, ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for i := range len(l) {
			c := l[i] | 0x20
			if (c < 'a' || c > 'z') && (l[i] < '0' || l[i] > '9') && l[i] != '-' && l[i] != '_' {
				return false
			}
		}
	}
	return true
}

// Append appends to dst the DKIM-Signature fields, each with its CRLF, that belong
// before message, which has CRLF line ends. at becomes the signatures' t=.
func (s *Signer) Append(dst, message []byte, at time.Time) ([]byte, error) {
	fields, body, err := split(message)
	if err != nil {
		return dst, err
	}
	canon := make([]byte, 0, 2048) // of what is signed but for the signature's own field
	names := make([]byte, 0, 512)
	col := 3
	for i, name := range signed {
		times := 1
		for k := len(fields) - 1; k >= 0; k-- { // from the last one up (RFC 6376, 5.4.2)
			if fields[k].is(name) {
				canon = append(relaxField(canon, fields[k].raw), '\r', '\n')
				times++
			}
		}
		for t := range times {
			if i+t > 0 {
				names, col = append(names, ':'), col+1
			}
			if col+len(name) > 74 {
				names, col = append(names, "\r\n "...), 1
			}
			names, col = append(names, name...), col+len(name)
		}
	}
	sum := hashBody(body)
	start := len(dst)
	for _, k := range s.keys {
		begin := len(dst)
		dst = fmt.Appendf(dst, "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n d=%s;\r\n s=%s; t=%d;\r\n h=",
			k.key.algorithm(), s.domain, k.selector, at.Unix())
		dst = append(append(dst, names...), ";\r\n bh="...)
		dst = base64.StdEncoding.AppendEncode(dst, sum[:])
		dst = append(dst, ";\r\n b="...)
		// The fields are the same for each key; only this one's own is written over the last one's.
		sig, err := k.key.sign(sha256.Sum256(relaxField(canon, dst[begin:])))
		if err != nil {
			return dst[:start], fmt.Errorf("DKIM: sign: %w", err)
		}
		b64 := base64.StdEncoding.EncodeToString(sig)
		for n := 72; len(b64) > n; n = 75 {
			dst = append(append(dst, b64[:n]...), "\r\n "...)
			b64 = b64[n:]
		}
		dst = append(append(dst, b64...), '\r', '\n')
	}
	return dst, nil
}

// field is one header field with its folds, without its last CRLF.
type field struct {
	raw  []byte
	name []byte
}

func (f field) is(name string) bool {
	return len(f.name) == len(name) && bytes.EqualFold(f.name, []byte(name))
}

// split cuts the message into its fields and its body.
func split(b []byte) (fields []field, body []byte, err error) {
	fields = make([]field, 0, 24)
	for len(b) > 0 {
		if len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
			return fields, b[2:], nil
		}
		end := 0
		for {
			n := bytes.Index(b[end:], []byte("\r\n"))
			if n < 0 {
				return nil, nil, ErrShape
			}
			end += n + 2
			if end >= len(b) || b[end] != ' ' && b[end] != '\t' {
				break
			}
		}
		colon := bytes.IndexByte(b[:end], ':')
		if colon <= 0 {
			return nil, nil, ErrShape
		}
		fields = append(fields, field{b[:end-2], bytes.TrimRight(b[:colon], " \t")})
		b = b[end:]
	}
	if len(fields) == 0 {
		return nil, nil, ErrShape
	}
	return fields, nil, nil
}

// relaxField appends a field in relaxed form (RFC 6376, 3.4.2), without CRLF.
func relaxField(dst, raw []byte) []byte {
	colon := bytes.IndexByte(raw, ':')
	for _, c := range bytes.TrimRight(raw[:colon], " \t") {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	dst = append(dst, ':')
	space := false
	first := true
	for _, c := range raw[colon+1:] {
		switch c {
		case ' ', '\t':
			space = true
		case '\r', '\n':
		default:
			if space && !first {
				dst = append(dst, ' ')
			}
			dst, space, first = append(dst, c), false, false
		}
	}
	return dst
}

// hashBody returns the SHA-256 of the body in relaxed form (RFC 6376, 3.4.4).
func hashBody(b []byte) (sum [32]byte) {
	h := sha256.New()
	buf := make([]byte, 0, 4096)
	blank := 0 // empty lines held back: those at the end do not count
	for len(b) > 0 {
		line := b
		if n := bytes.Index(b, []byte("\r\n")); n >= 0 {
			line, b = b[:n], b[n+2:]
		} else {
			b = nil
		}
		line = bytes.TrimRight(line, " \t")
		if len(line) == 0 {
			blank++
			continue
		}
		for ; blank > 0; blank-- {
			buf = append(buf, '\r', '\n')
		}
		buf = append(relaxLine(buf, line), '\r', '\n')
		if len(buf) > 3000 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	h.Write(buf)
	h.Sum(sum[:0])
	return sum
}

// relaxLine appends the line with each run of spaces and tabs as one space.
func relaxLine(dst, line []byte) []byte {
	if bytes.IndexByte(line, '\t') < 0 && !bytes.Contains(line, []byte("  ")) {
		return append(dst, line...)
	}
	space := false
	for _, c := range line {
		if c == ' ' || c == '\t' {
			space = true
			continue
		}
		if space {
			dst, space = append(dst, ' '), false
		}
		dst = append(dst, c)
	}
	return dst
}
