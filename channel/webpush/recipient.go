package webpush

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// recipientPrefix is what a sealed subscription begins with.
const recipientPrefix = "wxp1."

// sealer makes of subscriptions what a shop passes on with its orders: shorter than what browsers
// give, so that it fits where attributes end at 500 characters, of no use to whoever reads it, and for
// one tenant alone. It keeps nothing, and is as good as the VAPID key, which subscriptions are bound to.
type sealer struct {
	gcm   cipher.AEAD
	nonce []byte // key
}

// newSealer makes one of a VAPID private key's 32 bytes.
func newSealer(vapid []byte) (*sealer, error) {
	keys, err := hkdf.Key(sha256.New, vapid, nil, "waxwing push subscriptions", 64)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	return &sealer{gcm, keys[32:]}, err
}

// seal gives the same for the same subscription, so that what is suppressed stays so.
func (x *sealer) seal(tenant waxwing.TenantID, s *target) string {
	plain := bytes.Join([][]byte{s.theirs.Bytes(), s.auth, []byte(s.endpoint)}, nil)
	m := hmac.New(sha256.New, x.nonce)
	m.Write([]byte(string(tenant) + "\x00"))
	m.Write(plain)
	nonce := m.Sum(nil)[:x.gcm.NonceSize()]
	return recipientPrefix + b64.EncodeToString(x.gcm.Seal(nonce, nonce, plain, []byte(tenant)))
}

// open reads what seal has made for this tenant.
func (x *sealer) open(tenant waxwing.TenantID, recipient string) (*target, error) {
	raw, err := b64.DecodeString(strings.TrimPrefix(recipient, recipientPrefix))
	n := x.gcm.NonceSize()
	if err != nil || len(raw) < n {
		return nil, errForeign
	}
	plain, err := x.gcm.Open(nil, raw[:n], raw[n:], []byte(tenant))
	if err != nil || len(plain) < pointSize+authSize {
		return nil, errForeign
	}
	return newTarget(string(plain[pointSize+authSize:]), plain[:pointSize], plain[pointSize:pointSize+authSize])
}

// The sizes of what a subscription has, in bytes (RFC 8291, 3.1 and 3.2).
const (
	pointSize = 65
	authSize  = 16
)

// target is a subscription that a message can be sealed for.
type target struct {
	endpoint string
	origin   string // of the push service
	theirs   *ecdh.PublicKey
	auth     []byte
}

var (
	errSubscription = errors.New("the recipient is no subscription of a browser")
	// errForeign: another provider may know what to do with it.
	errForeign = errors.New("the recipient was not sealed by this VAPID key for this tenant, and is no browser's subscription")
)

// newTarget checks the parts of a subscription.
func newTarget(endpoint string, point, auth []byte) (*target, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && config.IsLoopback(u.Hostname())) {
		return nil, errSubscription
	}
	theirs, err := ecdh.P256().NewPublicKey(point)
	if err != nil || len(auth) != authSize {
		return nil, errSubscription
	}
	return &target{endpoint, u.Scheme + "://" + u.Host, theirs, auth}, nil
}

// readSubscription reads what PushSubscription.toJSON gives.
func readSubscription(raw string) (*target, error) {
	var sub Subscription
	if len(raw) > maxSubscription || json.Unmarshal([]byte(raw), &sub) != nil {
		return nil, errSubscription
	}
	point, err := b64.DecodeString(strings.TrimRight(sub.Keys.P256dh, "="))
	if err != nil {
		return nil, errSubscription
	}
	auth, err := b64.DecodeString(strings.TrimRight(sub.Keys.Auth, "="))
	if err != nil {
		return nil, errSubscription
	}
	return newTarget(sub.Endpoint, point, auth)
}

// maxSubscription is the longest that is read, in bytes; browsers give some 400.
const maxSubscription = 4096

// recipient reads where a message goes.
func (p *protocol) recipient(out *waxwing.Outgoing) (*target, error) {
	switch {
	case strings.HasPrefix(out.To, recipientPrefix):
		return p.sealer.open(out.Tenant, out.To)
	case len(out.To) >= leastToken && len(out.To) <= maxSubscription && strings.Trim(out.To, tokenSigns) == "":
		return nil, errForeign
	}
	return readSubscription(out.To)
}

// What an app's registration token is like, which is for whoever sends to apps.
const (
	leastToken = 20
	tokenSigns = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:-"
)
