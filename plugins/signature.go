package plugins

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// PublicKey is an ed25519 key (RFC 8032) that signs a tenant's plugins.
type PublicKey = ed25519.PublicKey

// ParsePublicKey reads 32 bytes in hex or base64.
func ParsePublicKey(s string) (PublicKey, error) {
	b, err := decodeText(s)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, errors.New("want an ed25519 public key: 32 bytes in hex or base64")
	}
	return b, nil
}

func decodeText(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if b, err := hex.DecodeString(s); err == nil {
		return b, nil
	}
	return base64.StdEncoding.DecodeString(s)
}

// Signed is what a signature covers: the name of the plugin, its manifest and
// its code, so that none can be exchanged for another's.
func Signed(name string, manifest, code []byte) []byte {
	return fmt.Appendf(nil, "waxwing plugin 1\n%s\n%x\n%x\n", name, sha(manifest), sha(code))
}

// signer finds whose signature it is. None given is allowed unless the policy
// asks for one.
func (h *Host) signer(u *Upload) (string, error) {
	keys := h.o.Signers[u.Tenant]
	if u.Signature == "" {
		if h.o.Signed {
			return "", waxwing.Permanent(errors.New("the plugin has no signature, and this daemon takes signed ones only: sign it with waxwing plugin push --sign KEY"))
		}
		return "", nil
	}
	sig, err := decodeText(u.Signature)
	if err == nil {
		for _, name := range sortedKeys(keys) {
			if ed25519.Verify(keys[name], Signed(u.Name, u.Manifest, u.Code), sig) {
				return name, nil
			}
		}
	}
	return "", waxwing.Permanent(fmt.Errorf("the signature is not by any of the tenant's %d plugin keys", len(keys)))
}
