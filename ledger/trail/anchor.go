package trail

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Anchor is a signed head of a chain, kept apart from the ledger: whatever
// stood before it cannot be changed or cut off unseen.
type Anchor struct {
	Instance int64  `json:"instance"`
	Seq      uint64 `json:"seq"`
	At       int64  `json:"at"` // Unix milliseconds
	Head     string `json:"head"`
	Key      string `json:"key"` // the public key, hex
	Sig      string `json:"sig"`
}

// Sign makes an anchor of the chain's head (Ed25519, RFC 8032).
func (c *Chain) Sign(key ed25519.PrivateKey, at time.Time) Anchor {
	a := Anchor{Instance: c.Instance, Seq: c.Seq, At: at.UnixMilli(), Head: hex.EncodeToString(c.Head[:]),
		Key: hex.EncodeToString(key.Public().(ed25519.PublicKey))}
	a.Sig = hex.EncodeToString(ed25519.Sign(key, a.signed()))
	return a
}

func (a *Anchor) signed() []byte {
	return fmt.Appendf(nil, "waxwing anchor v1\n%d\n%d\n%d\n%s\n", a.Instance, a.Seq, a.At, a.Head)
}

// Verify checks the signature with the ledger's public key.
func (a *Anchor) Verify(pub ed25519.PublicKey) error {
	sig, err := hex.DecodeString(a.Sig)
	if err != nil || !ed25519.Verify(pub, a.signed(), sig) {
		return fmt.Errorf("anchor of chain %d at entry %d: the signature is wrong", a.Instance, a.Seq)
	}
	return nil
}

// ReadAnchors reads one anchor a line. A last line without its end, which a
// crash can leave, is passed over. With an error come those before the fault.
func ReadAnchors(r io.Reader) ([]Anchor, error) {
	var out []Anchor
	br := bufio.NewReader(r)
	for n := 1; ; n++ {
		b, err := br.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("anchors: %w", err)
		}
		if len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		var a Anchor
		if err := json.Unmarshal(b, &a); err != nil {
			return out, fmt.Errorf("anchors, line %d: %w", n, err)
		}
		out = append(out, a)
	}
}
