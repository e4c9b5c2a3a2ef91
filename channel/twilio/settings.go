package twilio

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "twilio", Carries: waxwing.SMS, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Most: 4 * httpsend.MaxText, Batch: 1},
		Example: `type: twilio
account: AC0123456789abcdef
token: "${TWILIO_TOKEN}"
from: "+15005550006"`}
}

// Settings are the keys of an account at Twilio, which carries texts.
type Settings struct {
	// BaseURL is where Twilio's API is; only a stand-in needs another.
	BaseURL string `yaml:"base_url,omitempty" default:"https://api.twilio.com"`
	// Account is the account SID.
	Account string `yaml:"account" want:"the account SID (AC...)"`
	// Token is the auth token.
	Token config.Secret `yaml:"token" want:"the auth token, as \"${VAR}\" or \"file:/path\""`
	// From is the number that texts come from (+15005550006) or a messaging
	// service (MG...).
	From string `yaml:"from" want:"the number that texts come from, such as \"+15005550006\""`
	// CallbackURL is the address of this daemon's /feedback/... for the provider, as Twilio reaches it.
	// Twilio is asked to post there what becomes of each text; without it, it is not.
	CallbackURL string `yaml:"callback_url,omitempty"`
	config.Pool
}

// Check reports what Twilio would refuse, and a token that others could read.
func (s *Settings) Check(r *config.Report) {
	for _, m := range []struct{ key, value, what string }{
		{"account", s.Account, "the account SID (AC...)"},
		{"from", s.From, `the number that texts come from, such as "+15005550006"`},
	} {
		if m.value == "" {
			r.Fail(m.key, r.Path(m.key)+" is empty", "Write "+m.what)
		}
	}
	if s.From != "" && !sendsFrom(s.From) {
		r.Fail("from", fmt.Sprintf("%s %s is no number that Twilio sends from", r.Path("from"), r.Quote("from")), `Write it with + and the country's code, in quotes: "+15005550006"; or a messaging service: MG and 32 hex digits`)
	}
	if c, err := url.Parse(s.CallbackURL); s.CallbackURL != "" && (err != nil || c.Scheme != "https" || c.Host == "" || c.User != nil || c.RawQuery != "" || c.Fragment != "") {
		r.Fail("callback_url", fmt.Sprintf("%s %s is no https address without user and query", r.Path("callback_url"), r.Quote("callback_url")), "Write it as Twilio reaches it, such as https://mail.example.com/feedback/-/texts")
	}
	u, err := url.Parse(s.BaseURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		r.Fail("base_url", fmt.Sprintf("%s %s is no https address", r.Path("base_url"), r.Quote("base_url")), "Take it out for Twilio's own, https://api.twilio.com")
	case u.Scheme == "http" && !config.IsLoopback(u.Hostname()):
		r.Fail("base_url", r.Path("base_url")+": the token would cross the network in the clear", "Use https; http is for a stand-in on this host")
	}
}

// sendsFrom reports whether s is a number in E.164 or a messaging service.
func sendsFrom(s string) bool {
	if id, ok := strings.CutPrefix(s, "MG"); ok {
		_, err := hex.DecodeString(id)
		return err == nil && len(id) == 32
	}
	digits, ok := strings.CutPrefix(s, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// Open makes the provider of this name, which connects when there is something to send.
// It fails where the settings cannot work.
func (s *Settings) Open(name string, _ *slog.Logger) (*httpsend.Sender, error) {
	return New(Config{Name: name, BaseURL: s.BaseURL, Account: s.Account, Token: s.Token, From: s.From, Callback: s.CallbackURL, Connections: s.Connections, Dial: s.Dial(httpsend.ConnectTimeout)})
}
