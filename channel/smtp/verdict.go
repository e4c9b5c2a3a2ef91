package smtp

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

// ruling is what an answer means. The zero ruling means: go on.
type ruling struct {
	verdict waxwing.Verdict
	fault   waxwing.Fault
	bad     bool // the server itself should rest
}

var (
	unwell = ruling{waxwing.Deferred, waxwing.ProviderFault, true}
	// confused: a valid reply that makes no sense here. The conversation is
	// over, and nothing was sent.
	confused = ruling{waxwing.Deferred, waxwing.TransportFault, false}
)

// setup reports whether p comes before any message: its faults are the
// provider's.
func setup(p waxwing.Phase) bool {
	switch p {
	case waxwing.PhaseConnect, waxwing.PhaseBanner, waxwing.PhaseEHLO, waxwing.PhaseSTARTTLS,
		waxwing.PhaseHandshake, waxwing.PhaseEHLO2, waxwing.PhaseAuth:
		return true
	}
	return false
}

// judge rules on a valid reply (docs/design/flow.md). code is from
// 200 to 599; enhanced is RFC 3463's code or "".
func judge(p waxwing.Phase, code int, enhanced string) ruling {
	if setup(p) {
		if code == success(p) {
			return ruling{}
		}
		return unwell
	}
	if p == waxwing.PhaseBody { // nothing was asked
		return ruling{waxwing.Deferred, waxwing.TransportFault, code == 421}
	}
	switch code / 100 {
	case 2:
		switch p {
		case waxwing.PhaseDot:
			return ruling{verdict: waxwing.Accepted}
		case waxwing.PhaseData:
			return confused
		}
		return ruling{}
	case 3:
		switch {
		case p == waxwing.PhaseDot:
			return ruling{waxwing.UncertainVerdict, waxwing.TransportFault, false}
		case p == waxwing.PhaseData && code == 354:
			return ruling{}
		}
		return confused
	case 4:
		return ruling{waxwing.Deferred, waxwing.RecipientFault, code == 421}
	}
	return refused(p, code, enhanced)
}

// success is the one code that a phase before MAIL goes on with.
func success(p waxwing.Phase) int {
	switch p {
	case waxwing.PhaseEHLO, waxwing.PhaseEHLO2:
		return 250
	case waxwing.PhaseAuth:
		return 235
	}
	return 220
}

// refused rules on 5xx at MAIL, RCPT, DATA and the dot.
func refused(p waxwing.Phase, code int, enhanced string) ruling {
	late := p == waxwing.PhaseRcpt || p == waxwing.PhaseDot
	// A full mailbox empties again, whatever class the server puts it in.
	if late && strings.HasSuffix(enhanced, ".2.2") || p == waxwing.PhaseRcpt && code == 552 && enhanced == "" {
		return ruling{waxwing.Deferred, waxwing.RecipientFault, false}
	}
	subject := ""
	if strings.HasPrefix(enhanced, "5.") { // else the classes disagree: the basic code counts
		subject = enhanced[2:]
	}
	if !late && (code == 530 || code == 535 || subject == "7.8") {
		return unwell
	}
	r := ruling{waxwing.Rejected, waxwing.RecipientFault, false}
	switch {
	case strings.HasPrefix(subject, "7."):
		r.fault = waxwing.PolicyFault
	case !late || subject == "1.7" || subject == "1.8":
		// 5.1.7 and 5.1.8 speak of the sender's address.
	case strings.HasPrefix(subject, "1."), p == waxwing.PhaseRcpt && (code == 556 || subject == "4.4"):
		r.fault = waxwing.AddressFault // 556 and 5.4.4: no host takes mail for the domain (RFC 7504)
	}
	return r
}

// lost rules on no reply, a broken connection or bytes that are no reply.
// unfit says that the server is at fault rather than the line between: it
// stalled or talked nonsense.
func lost(p waxwing.Phase, unfit bool) ruling {
	switch {
	case setup(p):
		return unwell
	case p == waxwing.PhaseDot:
		return ruling{waxwing.UncertainVerdict, waxwing.TransportFault, unfit}
	}
	return ruling{waxwing.Deferred, waxwing.TransportFault, unfit}
}
