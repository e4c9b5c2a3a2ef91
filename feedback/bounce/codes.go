package bounce

import (
	"regexp"
	"strconv"
)

// Some large providers put a code of their own into a reply, which is more exact than the
// words and the status beside it, and stands in one language only. Each has a table that it
// publishes; the codes here are those that mean another thing than their words alone.

// providerCode is the form of one provider's codes. What the groups match, put together, is
// looked up.
type providerCode struct {
	form    *regexp.Regexp
	reasons map[string]Reason
	other   func(code string) Reason // of codes that the table has not; may be nil
}

var providerCodes = []providerCode{
	// Orange and La Poste: "OFR006_102", "LPN007-426", "OUK_513".
	{regexp.MustCompile(`\b(?:lpn|ofr|ouk)(?:\d{3})?[-_]?(\d{3})\b`), map[string]Reason{
		"102": Blocked, "103": Blocked, "104": RateLimited, "305": Security, "401": Blocked, "402": Security,
		"403": Rejected, "405": Rejected, "415": Rejected, "416": UserUnknown, "417": MailboxFull, "418": UserUnknown,
		"420": Suspended, "421": Rejected, "426": Suspended, "505": System, "506": Spam, "510": Blocked, "514": TooLarge, "999": Blocked,
	}, nil},
	// GoDaddy: "... IB607 ...".
	{regexp.MustCompile(`\bib(\d{3})\b`), map[string]Reason{
		"007": RateLimited, "101": RateLimited, "103": Blocked, "104": Blocked, "105": Blocked, "106": Blocked, "108": NoPTR,
		"110": Blocked, "111": Blocked, "112": Blocked, "113": Blocked, "212": Spam, "401": Security, "501": NotCompliant,
		"502": NotCompliant, "504": RateLimited, "506": Rejected, "508": AuthFailure, "510": RateLimited, "605": RateLimited,
		"607": RateLimited, "705": Virus,
	}, nil},
	// Facebook: "RCP-P1 ...".
	{regexp.MustCompile(`\b(pol|msg|rcp|dns|con|int)-([pt]\d)\b`), map[string]Reason{
		"polp5": Virus, "polp6": Spam, "polp7": AuthFailure, "msgp1": TooLarge, "intp2": TooLarge, "msgp2": BadContent,
		"msgp3": NotCompliant, "msgt1": RateLimited, "rcpp1": UserUnknown, "intp1": UserUnknown, "intp3": UserUnknown,
		"intp4": UserUnknown, "rcpp2": Filtered, "rcpp3": Filtered, "rcpt4": Suspended, "rcpt1": System,
		"dnsp1": Rejected, "dnsp2": Rejected, "dnst1": Rejected, "dnsp3": NoPTR, "dnst2": NoPTR,
		"polp1": Blocked, "polp2": Blocked, "polp3": Blocked, "polp4": Blocked, "polt1": Blocked, "polt2": Blocked, "polt3": Blocked,
		"cont1": RateLimited, "cont2": RateLimited, "cont3": RateLimited, "cont4": RateLimited,
	}, nil},
	// Cox: "AUP#CXBL".
	{regexp.MustCompile(`\baup#(cxbl|cxthrt|cxmj|cxdns|cxsndr|cxsmtp|cxcnct|cxmxrt|cdrbl|ipbl|urlbl)`), map[string]Reason{
		"cxbl": Blocked, "cxthrt": Security, "cxmj": Security, "cxdns": NoPTR, "cxsndr": Rejected, "cxsmtp": Rejected,
		"cxcnct": RateLimited, "cxmxrt": RateLimited, "cdrbl": Blocked, "ipbl": Blocked, "urlbl": Spam,
	}, nil},
	// Spectrum: "AUP#I-1330", "AUP#Out-1530".
	{regexp.MustCompile(`\baup#[a-z-]{0,6}(\d{4})\b`), map[string]Reason{
		"1000": Blocked, "1010": Rejected, "1090": System, "1260": Network, "1500": Rejected, "1520": Rejected,
		"1530": TooLarge, "1540": RateLimited, "1550": RateLimited, "1560": Violation,
	}, spectrum},
	// I.UA: a link to a page about the fault.
	{regexp.MustCompile(`\bi\.ua/err/(\d{1,2})\b`), map[string]Reason{
		"1": NoRelay, "2": UserUnknown, "3": Suspended, "4": MailboxFull, "5": RateLimited, "6": NoRelay, "7": Blocked,
		"8": Rejected, "9": Blocked, "10": Filtered,
	}, nil},
}

// spectrum is what Spectrum's ranges of codes mean.
func spectrum(code string) Reason {
	n, err := strconv.Atoi(code)
	switch {
	case err != nil:
		return ""
	case n >= 1020 && n <= 1080:
		return Rejected
	case n >= 1160 && n <= 1190:
		return Violation
	case n >= 1100 && n <= 1250:
		return Blocked
	case n >= 1300 && n <= 1490:
		return RateLimited
	}
	return ""
}

// byProvider is what a provider's own code in a reply means; said is in small letters.
func byProvider(said string) Reason {
	for _, p := range providerCodes {
		m := p.form.FindStringSubmatch(said)
		if m == nil {
			continue
		}
		key := ""
		for _, g := range m[1:] {
			key += g
		}
		if r := p.reasons[key]; r != "" {
			return r
		}
		if p.other != nil {
			if r := p.other(key); r != "" {
				return r
			}
		}
	}
	return ""
}
