package twilio

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
)

// answer is what the API writes; errors have code and message.
type answer struct {
	SID  string `json:"sid"`
	Code int    `json:"code"`
}

// Judge reads what Twilio says of a message.
func (p *protocol) Judge(a *waxwing.Attempt, got *httpsend.Answer) {
	var ans answer
	if !got.JSON(&ans) {
		ans = answer{}
	}
	switch {
	case got.Status == http.StatusCreated || got.Status/100 == 2 && sid(ans.SID):
		// 201 says by itself that the message was made; other 2xx are Twilio's
		// only if they name it.
		if !sid(ans.SID) {
			ans.SID = ""
		}
		httpsend.Accept(a, ans.SID)
	case got.Status/100 == 4 && got.Status != http.StatusTooManyRequests:
		refused(a, got, ans.Code)
	default:
		got.ByStatus(a, got.Error(text(ans.Code, got.Status)))
	}
}

func text(code, status int) string {
	if code == 0 || status < 300 {
		return ""
	}
	return strconv.Itoa(code)
}

// refused rules on 4xx: a definite no, whose reason Twilio's own code tells
// better than the status.
func refused(a *waxwing.Attempt, got *httpsend.Answer, code int) {
	err := got.Error(text(code, got.Status))
	switch code {
	case 21211, 21214, 21217, 21421, 21610, 21612, 21614, 21635:
		// No such number, not one for texts, unreachable from here, or its owner said STOP.
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case 21408, 21617:
		// A country that the account may not text; a text too long for it.
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	case 21611, 14107, 20429, 63038: // queue full, rate or daily limit
		httpsend.Leave(a, err)
	case 20003, 20005, 21212, 21601, 21603, 21606, 21659, 21660, 21703, 21704:
		// Log-in, account or sender are not set up right.
		httpsend.Leave(a, err)
	default:
		got.ByStatus(a, err)
	}
}

// sid reports whether s has the form of a message's id: SM or MM and 32 hex digits.
func sid(s string) bool {
	return len(s) == 34 && (s[:2] == "SM" || s[:2] == "MM") && strings.Trim(s[2:], "0123456789abcdef") == ""
}
