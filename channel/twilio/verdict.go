package twilio

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

func rule(a *waxwing.Attempt, v waxwing.Verdict, f waxwing.Fault, err error) {
	a.Verdict, a.Fault, a.Err = v, f, err
}

// maxWait bounds what a Retry-After may ask for: no header may eat up a
// message's time to live.
const maxWait = time.Hour

// answer is what the API writes; errors have code and message.
type answer struct {
	SID     string `json:"sid"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// judge fills a from an answer's status, headers and (perhaps incomplete) body.
func judge(a *waxwing.Attempt, status int, h http.Header, body []byte, now time.Time) {
	var ans answer
	readable := len(body) <= MaxResponse && json.Unmarshal(body, &ans) == nil
	if !readable {
		ans = answer{}
	}
	a.Code, a.Reply = status, waxwing.PII(strings.ToValidUTF8(string(body[:min(len(body), 512)]), "�"))
	err := fmt.Errorf("twilio: answered %d", status)
	if ans.Code != 0 && status >= 300 {
		err = fmt.Errorf("twilio: answered %d, code %d", status, ans.Code)
	}
	switch {
	case status == http.StatusCreated || status/100 == 2 && sid(ans.SID):
		// 201 says by itself that the message was made; other 2xx are Twilio's
		// only if they name it.
		a.Verdict = waxwing.Accepted
		if sid(ans.SID) {
			a.Ref = ans.SID
		}
		return
	case status/100 == 2 || status == http.StatusSeeOther:
		rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, err)
		return
	case status/100 == 3: // the API does not redirect: this is somebody else
		rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		// Both are documented as refusals: nothing was made.
		rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
		a.RetryAfter = retryAfter(h.Get("Retry-After"), now)
	case status/100 == 4:
		refused(a, status, ans.Code, err)
		return
	default: // 500, 502, 504: it may have been made before something broke
		rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, err)
	}
	a.Bad = true
}

// refused rules on 4xx: a definite no, whose reason Twilio's own code tells
// better than the status.
func refused(a *waxwing.Attempt, status, code int, err error) {
	switch code {
	case 21211, 21214, 21217, 21421, 21610, 21612, 21614, 21635:
		// No such number, not one for texts, unreachable from here, or its owner said STOP.
		rule(a, waxwing.Rejected, waxwing.AddressFault, err)
		return
	case 21408, 21617:
		// A country that the account may not text; a text too long for it.
		rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
		return
	case 21611, 14107, 20429, 63038: // queue full, rate or daily limit
		rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
		a.Bad = true
		return
	case 20003, 20005, 21212, 21601, 21603, 21606, 21659, 21660, 21703, 21704:
		// Log-in, account or sender are not set up right.
		rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
		a.Bad = true
		return
	}
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired:
		rule(a, waxwing.Deferred, waxwing.ProviderFault, err) // the account or the URL, not the message
		a.Bad = true
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly:
		rule(a, waxwing.Deferred, waxwing.TransportFault, err)
	case http.StatusConflict:
		rule(a, waxwing.Deferred, waxwing.RecipientFault, err)
	case http.StatusRequestEntityTooLarge:
		rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	default:
		rule(a, waxwing.Rejected, waxwing.RecipientFault, err)
	}
}

// sid reports whether s has the form of a message's id: SM or MM and 32 hex digits.
func sid(s string) bool {
	return len(s) == 34 && (s[:2] == "SM" || s[:2] == "MM") && strings.Trim(s[2:], "0123456789abcdef") == ""
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3), from 0 to maxWait.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseFloat(v, 64); err == nil {
		switch {
		case !(n > 0): // NaN as well
			return 0
		case n > maxWait.Seconds():
			return maxWait
		}
		return time.Duration(n * float64(time.Second))
	}
	t, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(t.Sub(now), 0), maxWait)
}
