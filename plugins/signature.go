package plugins

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
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

// Signed is what a signature covers: whose plugin it is, its name, a number that
// only rises, its manifest and its code, so that none can be exchanged for
// another's, nor an old one be put again by whoever has no more than an API key.
// Its first line keeps the key's other uses apart. Each text stands on a line of
// its own, and none can hold a line break (Go's quotes).
func Signed(t waxwing.TenantID, name string, number int64, manifest, code []byte) []byte {
	return fmt.Appendf(nil, "waxwing plugin signature 2\n%q\n%q\n%d\n%x\n%x\n", string(t), name, number, sha(manifest), sha(code))
}

const signatureForm = "2:"

// FormatSignature is how a signature is sent and kept: its form, its number, its bytes.
func FormatSignature(number int64, sig []byte) string {
	return signatureForm + strconv.FormatInt(number, 10) + ":" + base64.StdEncoding.EncodeToString(sig)
}

// MostNumber is the largest that a signature may have: what JSON's readers hold exactly.
const MostNumber = 1 << 53

// parseSignature reads what FormatSignature wrote.
func parseSignature(s string) (number int64, sig []byte, err error) {
	s = strings.TrimSpace(s)
	if _, err := decodeText(s); err == nil {
		return 0, nil, errors.New("the signature is of an older form, which covers neither the tenant nor a number: sign it again with waxwing plugin sign or push --sign")
	}
	rest, ok := strings.CutPrefix(s, signatureForm)
	num, text, two := strings.Cut(rest, ":")
	if ok && two {
		number, err = strconv.ParseInt(num, 10, 64)
		if err == nil && strconv.FormatInt(number, 10) == num && number > 0 && number <= MostNumber {
			if sig, err = base64.StdEncoding.DecodeString(text); err == nil {
				return number, sig, nil
			}
		}
	}
	return 0, nil, fmt.Errorf("the signature %.40q cannot be read: send it as waxwing plugin sign prints it", s)
}

// signer finds whose signature it is, and its number. None given is allowed
// unless the policy asks for one.
func (x *putting) signer() (who string, number int64, err error) {
	h, u := x.h, x.u
	keys := h.set.Load().Signers[u.Tenant]
	if u.Signature == "" {
		if h.o.Signed {
			return "", 0, waxwing.Permanent(errors.New("the plugin has no signature, and this daemon takes signed ones only: sign it with waxwing plugin push --sign KEY"))
		}
		return "", 0, nil
	}
	number, sig, err := parseSignature(u.Signature)
	if err != nil {
		return "", 0, waxwing.Permanent(err)
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if ed25519.Verify(keys[name], Signed(u.Tenant, u.Name, number, u.Manifest, u.Code), sig) {
			return name, number, nil
		}
	}
	return "", 0, waxwing.Permanent(fmt.Errorf("the signature is not by any of the tenant's %d plugin keys for this tenant, name, number, manifest and code", len(keys)))
}

// newer refuses a signed plugin whose number does not rise: it is an old one, put
// again. A file of the configuration is where the operator wants it.
func (x *putting) newer() error {
	u, number := x.u, x.rec.Number
	if number == 0 || u.ofOperator() {
		return nil
	}
	last, err := x.h.o.Store.PluginNumber(context.Background(), u.Tenant, u.Name)
	if err != nil || number > last {
		return err
	}
	return waxwing.Permanent(fmt.Errorf("the signature has the number %d, and %s was put with %d already: sign it again with a greater one "+
		"(waxwing plugin sign --number, the time in seconds by default)", number, u.Name, last))
}
