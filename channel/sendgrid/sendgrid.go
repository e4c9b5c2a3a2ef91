// Package sendgrid hands mails to SendGrid's v3 Mail Send. It takes no bytes, so the mail is made
// anew there of ours: subject, both readings, addresses and the header fields that it allows. Our
// DKIM signature and Date are not kept, nor the MIME that was signed: SendGrid writes its own.
package sendgrid

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/mime"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "sendgrid", Carries: waxwing.Email, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Most: Most, Batch: 1},
		Example: `type: sendgrid
key: "${SENDGRID_KEY}"`}
}

// Settings are the keys of an account at SendGrid, which makes mails of its own of ours.
type Settings struct {
	// Key is an API key that may send mails.
	Key config.Secret `yaml:"key" want:"the API key, as \"${VAR}\" or \"file:/path\""`
	// Region is global, or eu for a subuser of the region EU.
	Region string `yaml:"region,omitempty" default:"global" enum:"global,eu"`
	// WebhookKey is the verification key of the signed event webhook, as SendGrid's page shows it
	// (base64): a public key, no secret. Without it no callbacks are taken.
	WebhookKey string `yaml:"webhook_key,omitempty"`
	// BaseURL is where the API is; only a stand-in needs another than the region's.
	BaseURL string `yaml:"base_url,omitempty"`
	config.Pool
}

// Check reports what SendGrid would refuse.
func (s *Settings) Check(r *config.Report) {
	if s.WebhookKey != "" && s.EventKey() == nil {
		r.Fail("webhook_key", r.Path("webhook_key")+" is no public key of ECDSA over P-256", "Copy the verification key of the signed event webhook from SendGrid's page (MFkw...)")
	}
	httpsend.CheckBase(r, "base_url", s.BaseURL, "SendGrid's own of the region")
}

// EventKey is the webhook's verification key; nil: there is none, or it is none.
func (s *Settings) EventKey() *ecdsa.PublicKey {
	der, err := base64.StdEncoding.DecodeString(s.WebhookKey)
	if err != nil {
		return nil
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if k, ok := key.(*ecdsa.PublicKey); err == nil && ok && k.Curve == elliptic.P256() {
		return k
	}
	return nil
}

// Open makes the provider of this name, which connects when there is something to send.
func (s *Settings) Open(name string, _ *slog.Logger) (*httpsend.Sender, error) {
	return New(s, httpsend.Config{Name: name, Connections: s.Connections, Dial: s.Dial(httpsend.ConnectTimeout)})
}

// Most is the largest mail that SendGrid takes, in bytes.
const Most = 20 << 20

// New is Open with the rest of what a provider over HTTP has.
func New(s *Settings, c httpsend.Config) (*httpsend.Sender, error) {
	base := s.BaseURL
	if base == "" {
		base = map[string]string{"": "https://api.sendgrid.com", "global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}[s.Region]
	}
	base, err := httpsend.Base(base)
	if err != nil {
		return nil, err
	}
	c.Kind = "sendgrid"
	return httpsend.New(c, &protocol{url: base + "/v3/mail/send", auth: "Bearer " + s.Key}), nil
}

type protocol struct {
	url  string
	auth waxwing.Secret
}

type (
	mailbox struct {
		Email string `json:"email"`
		Name  string `json:"name,omitempty"`
	}
	recipients struct {
		To []mailbox `json:"to"`
	}
	content struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	enabled struct {
		Enable bool `json:"enable"`
	}
	tracking struct {
		Click        enabled `json:"click_tracking"`
		Open         enabled `json:"open_tracking"`
		Subscription enabled `json:"subscription_tracking"`
	}
	letter struct {
		Personalizations []recipients      `json:"personalizations"`
		From             mailbox           `json:"from"`
		ReplyTo          *mailbox          `json:"reply_to,omitempty"`
		Subject          string            `json:"subject"`
		Content          []content         `json:"content"`
		Headers          map[string]string `json:"headers,omitempty"`
		CustomArgs       map[string]string `json:"custom_args,omitempty"`
		Tracking         tracking          `json:"tracking_settings"`
	}
)

// Request is the mail's parts as JSON; encoding/json writes the keys of a map in their order, so
// that offering it again writes the same bytes.
func (p *protocol) Request(_ context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	if err := httpsend.CheckMail(out, Most); err != nil {
		return nil, err
	}
	m, err := mime.Split(out.Data)
	if err != nil {
		return nil, httpsend.Refuse(waxwing.PolicyFault, err)
	}
	l := letter{Personalizations: []recipients{{To: []mailbox{{out.To, m.To.Name}}}}, From: mailbox{m.From.Addr, m.From.Name},
		Subject: m.Subject, Headers: map[string]string{}, CustomArgs: map[string]string{"waxwing": out.IdempotencyKey, "waxwing_ref": out.Reference()}}
	if m.ReplyTo.Addr != "" {
		l.ReplyTo = &mailbox{m.ReplyTo.Addr, m.ReplyTo.Name}
	}
	if m.Text != "" { // text before HTML, or it is refused
		l.Content = append(l.Content, content{"text/plain", m.Text})
	}
	if m.HTML != "" {
		l.Content = append(l.Content, content{"text/html", m.HTML})
	}
	for _, f := range m.Header {
		if f.Name != "Content-Language" { // of the parts that SendGrid writes
			l.Headers[f.Name] = f.Value
		}
	}
	if m.MessageID != "" {
		l.Headers["Message-ID"] = "<" + m.MessageID + ">"
	}
	body, err := json.Marshal(l)
	if err != nil {
		return nil, httpsend.Refuse(waxwing.PolicyFault, errors.New("the mail cannot be written as JSON"))
	}
	return &httpsend.Request{URL: p.url, Body: body, Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {p.auth.Reveal()}}}, nil
}

// Judge reads what SendGrid says of a mail. A recipient on one of its suppression lists is
// accepted here; that the mail is then dropped, its events tell.
func (p *protocol) Judge(a *waxwing.Attempt, ans *httpsend.Answer) {
	var said struct {
		Errors []struct {
			Field   string `json:"field"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	var field, what string
	if ans.JSON(&said) && len(said.Errors) > 0 {
		field, what = said.Errors[0].Field, strings.ToLower(said.Errors[0].Message)
	}
	err := ans.Error("")
	switch {
	case ans.Status == http.StatusAccepted: // the only answer of a mail that was taken; its body is empty
		httpsend.Accept(a, ref(ans.Header.Get("X-Message-Id")))
	case ans.Status == http.StatusBadRequest && strings.HasPrefix(field, "personalizations") && strings.Contains(field, ".to"):
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case ans.Status == http.StatusBadRequest && (strings.HasPrefix(field, "from") || strings.Contains(what, "authorization") || strings.Contains(what, "maximum credits")):
		httpsend.Leave(a, err)
	case ans.Status == http.StatusBadRequest, ans.Status == http.StatusUnprocessableEntity:
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	case ans.Status == http.StatusNotAcceptable: // what this program asked for, not the mail
		httpsend.Leave(a, err)
	default:
		ans.ByStatus(a, err)
	}
}

// ref is the provider's id, if it is of the form of one.
func ref(s string) string {
	if len(s) > 200 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return ""
	}
	return s
}
