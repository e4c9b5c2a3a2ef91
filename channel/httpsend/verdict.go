package httpsend

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// maxWait bounds what a Retry-After may ask for: no header may eat up a
// message's time to live.
const maxWait = time.Hour

// Rule fills a verdict.
func Rule(a *waxwing.Attempt, v waxwing.Verdict, f waxwing.Fault, err error) {
	a.Verdict, a.Fault, a.Err = v, f, err
}

// Accept fills the verdict of a message that the provider took, by its own id for it ("" none).
func Accept(a *waxwing.Attempt, ref string) {
	a.Verdict, a.Fault, a.Ref, a.Err = waxwing.Accepted, waxwing.NoFault, ref, nil
}

// Leave rules that the provider, as it is set up or as it is, cannot carry anything now: a log-in,
// an account, a sender, a limit.
func Leave(a *waxwing.Attempt, err error) {
	Rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
	a.Bad = true
}

// JSON reads the body into v, and reports whether it is whole and does.
func (ans *Answer) JSON(v any) bool { return ans.Whole && json.Unmarshal(ans.Body, v) == nil }

// Error names the status and, where it is not "", the provider's code.
func (ans *Answer) Error(code string) error {
	if code = safe(code); code != "" {
		return fmt.Errorf("answered %d, code %s", ans.Status, code)
	}
	return fmt.Errorf("answered %d", ans.Status)
}

// safe is a code that cannot hold anything personal: letters, digits and what joins them, but
// no address and no phone number.
func safe(code string) string {
	if len(code) > 64 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:") != "" ||
		strings.Trim(code, "0123456789") == "" && len(code) > 6 {
		return ""
	}
	return code
}

// ByStatus judges an answer by its status alone (RFC 9110): what every provider means by it
// where it says nothing more. A 2xx is uncertain, since who comes here could not read that the
// message was taken; so is a 5xx but 503, since it may have been taken before something broke.
func (ans *Answer) ByStatus(a *waxwing.Attempt, err error) {
	switch status := ans.Status; {
	case status/100 == 2 || status == http.StatusSeeOther:
		Rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, err)
	case status/100 == 3: // no API redirects a POST: this is somebody else
		Leave(a, err)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		// Both are documented as refusals: nothing was made.
		Leave(a, err)
		a.RetryAfter = ans.RetryAfter()
	case status/100 == 4:
		refused(a, status, err)
	default: // 500, 502, 504: it may have been made before something broke
		Rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, err)
		a.Bad = true
	}
}

// refused rules on 4xx, a definite no.
func refused(a *waxwing.Attempt, status int, err error) {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusProxyAuthRequired:
		Leave(a, err) // the account or the URL, not the message
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly:
		Rule(a, waxwing.Deferred, waxwing.TransportFault, err)
	case http.StatusConflict:
		Rule(a, waxwing.Deferred, waxwing.RecipientFault, err)
	case http.StatusRequestEntityTooLarge:
		Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	default:
		Rule(a, waxwing.Rejected, waxwing.RecipientFault, err)
	}
}

// RetryAfter reads the header's seconds or date (RFC 9110, 10.2.3), from 0 to an hour.
func (ans *Answer) RetryAfter() time.Duration {
	v := strings.TrimSpace(ans.Header.Get("Retry-After"))
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
	return min(max(t.Sub(ans.Now), 0), maxWait)
}
