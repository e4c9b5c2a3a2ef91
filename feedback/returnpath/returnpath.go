// Package returnpath writes and reads the address that one message comes back to (VERP): behind
// a + in the tenant's return_path stand which tenant, which message, and the beginning of the
// message's token, a keyed hash that only its tenant's ledger can make. So whoever has not seen
// a message cannot tell anything of it.
package returnpath

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

// MaxLocal is how long the local part of a return_path may be: with what stands behind it, it
// stays within RFC 5321's 64 bytes (4.5.3.1.1).
const MaxLocal = 64 - 1 - tagLength - idLength - TokenLength

// TokenLength is how many characters of a message's token an address has: 100 bits.
const TokenLength = waxwing.ReferenceToken

const tagLength, idLength = 8, 13

// Path is what an address says. Nothing of it is to be believed before the token was checked.
type Path struct {
	Tag     string // of the tenant: see Tag
	Message waxwing.ID
	Token   string // the first TokenLength characters of the message's
}

// Tag stands for a tenant in an address, since names may be long and are nobody's business.
func Tag(t waxwing.TenantID) string { return t.Tag() }

// Write makes the address of a message of a tenant whose return_path is base. A token that is
// shorter than TokenLength, or a base without @, give base as it is.
func Write(base string, t waxwing.TenantID, id waxwing.ID, token string) string {
	local, domain, ok := strings.Cut(base, "@")
	if !ok || len(token) < TokenLength {
		return base
	}
	return local + "+" + Tag(t) + id.String() + token[:TokenLength] + "@" + domain
}

// Read reads an address, in whatever case servers wrote it. ok: it has the form of one.
func Read(address string) (p Path, ok bool) {
	local, _, found := strings.Cut(strings.ToLower(address), "@")
	i := strings.LastIndexByte(local, '+')
	if !found || i < 0 {
		return p, false
	}
	return ReadReference(local[i+1:])
}

// ReadReference reads a waxwing.Outgoing's Reference, which says what an address says.
func ReadReference(s string) (p Path, ok bool) {
	if len(s) != tagLength+idLength+TokenLength {
		return p, false
	}
	id, err := waxwing.ParseID(s[tagLength : tagLength+idLength])
	if err != nil {
		return p, false
	}
	return Path{s[:tagLength], id, s[tagLength+idLength:]}, true
}
