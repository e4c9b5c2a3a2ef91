package shop

import (
	"strings"

	"github.com/waxwinghq/waxwing/payload"
)

// PushKey is the attribute of an order by which a shop passes on where its customer is reached by
// push messages: what /push has answered her browser, or her app's registration token. A leading
// underscore, which hides an attribute in some shops, and the spelling waxwingPush are the same.
const PushKey = "waxwing_push"

// MaxPush is the longest recipient of push messages, in bytes.
const MaxPush = 4096

// Push finds the recipient of push messages among an order's attributes: lists of names and values,
// as Shopify (name) and WooCommerce (key) have them, or objects. "": there is none that can be one.
func Push(attributes ...payload.Value) string {
	for _, v := range attributes {
		if s := PushRecipient(v.First(PushKey, "_"+PushKey, "waxwingPush")); s != "" {
			return s
		}
		if v.Kind() != payload.Array {
			continue
		}
		for _, a := range v.Items() {
			if isPushKey(a.First("name", "key", "label")) {
				if s := PushRecipient(a.Get("value").Text()); s != "" {
					return s
				}
			}
		}
	}
	return ""
}

// isPushKey: people write "Waxwing push", too.
func isPushKey(s string) bool {
	s = strings.Trim(s, " _")
	if len(s) != len(PushKey) {
		return false
	}
	i := len("waxwing")
	return strings.EqualFold(s[:i], PushKey[:i]) && strings.ContainsRune("_- ", rune(s[i])) && strings.EqualFold(s[i+1:], PushKey[i+1:])
}

// PushRecipient gives s where it can be a recipient of push messages, which is visible ASCII and a
// few spaces, as in JSON; else "".
func PushRecipient(s string) string {
	if s = strings.TrimSpace(s); len(s) > MaxPush {
		return ""
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return ""
		}
	}
	return s
}
