// Package vonage sends text messages through Vonage's SMS API, whose answers are 200 with a
// status of each part of the text inside.
package vonage

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "vonage", Carries: waxwing.SMS, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Most: 4 * httpsend.MaxText, Batch: 1},
		Example: `type: vonage
key: abcd1234
secret: "${VONAGE_SECRET}"
from: Acme`}
}

// Settings are the keys of an account at Vonage, which carries texts.
type Settings struct {
	// Key is the API key.
	Key string `yaml:"key" want:"the API key"`
	// Secret is the API secret.
	Secret config.Secret `yaml:"secret" want:"the API secret, as \"${VAR}\" or \"file:/path\""`
	// SignatureSecret is the account's signature secret, by which signed delivery receipts are known.
	// Without it none are taken.
	SignatureSecret config.Secret `yaml:"signature_secret,omitempty"`
	// From is the number that texts come from, or a name of at most 11 letters and digits where
	// the country allows one.
	From string `yaml:"from" want:"the number or name that texts come from"`
	// BaseURL is where the API is; only a stand-in needs another.
	BaseURL string `yaml:"base_url,omitempty" default:"https://rest.nexmo.com"`
	config.Pool
}

// Check reports what Vonage would refuse.
func (s *Settings) Check(r *config.Report) {
	httpsend.Need(r, "key", s.Key, "the API key")
	httpsend.Need(r, "from", s.From, "the number or name that texts come from")
	if s.From != "" && !httpsend.E164(s.From) && !sender(s.From) {
		r.Fail("from", fmt.Sprintf("%s %s is no number and no name that texts come from", r.Path("from"), r.Quote("from")),
			`Write the number with + and the country's code, in quotes: "+447700900000"; or a name of 3 to 11 letters and digits`)
	}
	httpsend.CheckBase(r, "base_url", s.BaseURL, "Vonage's own, https://rest.nexmo.com")
}

func sender(s string) bool {
	return len(s) >= 3 && len(s) <= 11 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ") == ""
}

// Open makes the provider of this name, which connects when there is something to send.
func (s *Settings) Open(name string, _ *slog.Logger) (*httpsend.Sender, error) {
	return New(s, httpsend.Config{Name: name, Connections: s.Connections, Dial: s.Dial(httpsend.ConnectTimeout)})
}

// New is Open with the rest of what a provider over HTTP has.
func New(s *Settings, c httpsend.Config) (*httpsend.Sender, error) {
	base := s.BaseURL
	if base == "" {
		base = "https://rest.nexmo.com"
	}
	base, err := httpsend.Base(base)
	if err != nil {
		return nil, err
	}
	c.Kind = "vonage"
	return httpsend.New(c, &protocol{url: base + "/sms/json", set: *s}), nil
}

type protocol struct {
	url string
	set Settings
}

// Request is a form, in which numbers have no plus.
func (p *protocol) Request(_ context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	if err := httpsend.CheckText(out); err != nil {
		return nil, err
	}
	v := url.Values{"api_key": {p.set.Key}, "api_secret": {p.set.Secret.Reveal()}, "from": {strings.TrimPrefix(p.set.From, "+")},
		"to": {strings.TrimPrefix(out.To, "+")}, "text": {string(out.Data)}}
	if !gsm7(string(out.Data)) {
		v.Set("type", "unicode")
	}
	if ref := out.Reference(); len(ref) <= 100 { // by which reports name the text; the API does not look for copies
		v.Set("client-ref", ref)
	}
	return &httpsend.Request{URL: p.url, Body: []byte(v.Encode()), Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}, nil
}

// gsm7 reports whether a text fits the alphabet that texts are written in by default (3GPP TS 23.038).
func gsm7(s string) bool {
	return strings.Trim(s, "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"+
		"abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€") == ""
}

// Judge reads what Vonage says of a text: a long one has several parts, each with a status. Some
// parts taken and others not leave open what the customer sees.
func (p *protocol) Judge(a *waxwing.Attempt, ans *httpsend.Answer) {
	var said struct {
		Messages []struct {
			Status string `json:"status"`
			ID     string `json:"message-id"`
		} `json:"messages"`
	}
	readable := ans.JSON(&said) && len(said.Messages) > 0
	switch {
	case ans.Status == http.StatusOK && readable:
		first := said.Messages[0]
		for _, m := range said.Messages[1:] {
			if m.Status != first.Status {
				httpsend.Rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, ans.Error("parts"))
				return
			}
		}
		inside(a, ans, first.Status, first.ID)
	case ans.Status == http.StatusBadRequest || ans.Status == http.StatusUnprocessableEntity:
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, ans.Error(""))
	default:
		ans.ByStatus(a, ans.Error(""))
	}
}

// inside rules on the status within an answer.
func inside(a *waxwing.Attempt, ans *httpsend.Answer, status, id string) {
	err := ans.Error(status)
	switch status {
	case "0":
		if id == "" {
			httpsend.Rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, err)
			return
		}
		httpsend.Accept(a, id)
	case "1", "4", "8", "9", "10", "11", "14", "15", "29":
		// Throttled; credentials, account, credit, binds, no HTTP, signature, sender; a trial that
		// sends to numbers of its list only.
		httpsend.Leave(a, err)
	case "6", "7", "34": // no such number, barred, no longer in use
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case "2", "3", "12", "22", "23", "32", "33":
		// A parameter that is missing or wrong, a text too long, a destination that is not allowed.
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	default: // 5: something broke while the text was processed; what is not documented may be anything
		httpsend.Rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, err)
		a.Bad = status == "5"
	}
}
