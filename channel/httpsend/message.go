package httpsend

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
)

// MaxText is the most characters of a text message.
const MaxText = 1600

// CheckText refuses a text that no provider must be asked to carry: to a number that is not in
// E.164 form, or that is empty, longer than MaxText characters, or not UTF-8.
func CheckText(out *waxwing.Outgoing) error {
	if !E164(out.To) {
		return Refuse(waxwing.AddressFault, errors.New("the number is not in E.164 form"))
	}
	if n := utf8.RuneCount(out.Data); n == 0 || n > MaxText || !utf8.Valid(out.Data) {
		return Refuse(waxwing.PolicyFault, errors.New("the text is empty, longer than 1,600 characters, or not UTF-8"))
	}
	return nil
}

// CheckMail refuses a mail whose envelope a provider could read as something else, and one
// larger than most bytes.
func CheckMail(out *waxwing.Outgoing, most int) error {
	if _, err := address.Envelope(out.To); err != nil {
		return Refuse(waxwing.AddressFault, errors.New("the recipient's address is none"))
	}
	if _, err := address.Envelope(out.From); err != nil {
		return Refuse(waxwing.PolicyFault, errors.New("the sender's address is none"))
	}
	if len(out.Data) == 0 || len(out.Data) > most {
		return Refuse(waxwing.PolicyFault, errors.New("the mail is empty or larger than the provider takes"))
	}
	return nil
}

// E164 wants a plus and 7 to 15 digits, the first of which is not 0 (ITU-T E.164).
func E164(s string) bool {
	return len(s) >= 8 && len(s) <= 16 && s[0] == '+' && s[1] != '0' && strings.Trim(s[1:], "0123456789") == ""
}

// Base is the address of an API, without a slash at its end; an error where it is no http or
// https address, or has a user, a query or a fragment.
func Base(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("base_url must be http or https, with a host, without user or query")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}
