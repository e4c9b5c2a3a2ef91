// Package postmark hands mails to Postmark's Email API. It takes no bytes, so the mail is made
// anew there of ours: subject, both readings, addresses, header fields and, since it is asked to,
// our Message-ID. Our DKIM signature and Date are not kept, nor the MIME that was signed.
package postmark

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/mime"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "postmark", Carries: waxwing.Email, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Asked: "messages, by metadata `waxwing`", Settles: settles, Most: Most, Batch: 1},
		Example: `type: postmark
token: "${POSTMARK_TOKEN}"
stream: outbound`}
}

// Settings are the keys of a server at Postmark, which makes mails of its own of ours.
type Settings struct {
	// Token is the server's API token.
	Token config.Secret `yaml:"token" want:"the server's API token, as \"${VAR}\" or \"file:/path\""`
	// Stream is the message stream that mails go by; it must be a transactional one.
	Stream string `yaml:"stream,omitempty" default:"outbound"`
	// WebhookUser is what the webhooks' addresses at Postmark begin with (https://user:password@host/...).
	// Without it no callbacks are taken.
	WebhookUser string `yaml:"webhook_user,omitempty"`
	// WebhookPassword stands behind it, and is all that callbacks are known by: 16 characters or more.
	WebhookPassword config.Secret `yaml:"webhook_password,omitempty"`
	// BaseURL is where the API is; only a stand-in needs another.
	BaseURL string `yaml:"base_url,omitempty" default:"https://api.postmarkapp.com"`
	config.Pool
}

// Check reports what Postmark would refuse.
func (s *Settings) Check(r *config.Report) {
	switch {
	case (s.WebhookUser == "") != (s.WebhookPassword == ""):
		key, other := "webhook_user", "webhook_password"
		if s.WebhookUser == "" {
			key, other = other, key
		}
		r.Fail(key, r.Path(key)+" is half of what callbacks are known by", "Write "+other+" beside it, or take it out")
	case s.WebhookPassword != "" && len(s.WebhookPassword) < 16:
		r.Fail("webhook_password", r.Path("webhook_password")+" can be guessed: it has fewer than 16 characters", "It is all that callbacks are known by: make one by openssl rand -hex 16")
	}
	httpsend.CheckBase(r, "base_url", s.BaseURL, "Postmark's own, https://api.postmarkapp.com")
}

// Open makes the provider of this name, which connects when there is something to send.
func (s *Settings) Open(name string, _ *slog.Logger) (*Provider, error) {
	return New(s, httpsend.Config{Name: name, Connections: s.Connections, Dial: s.Dial(httpsend.ConnectTimeout)})
}

// Most is the largest mail that Postmark takes, in bytes: its bodies may have 5 MB each.
const Most = 5 << 20

// New is Open with the rest of what a provider over HTTP has.
func New(s *Settings, c httpsend.Config) (*Provider, error) {
	base := s.BaseURL
	if base == "" {
		base = "https://api.postmarkapp.com"
	}
	base, err := httpsend.Base(base)
	if err != nil {
		return nil, err
	}
	c.Kind = "postmark"
	clock := c.Clock
	if clock == nil {
		clock = waxwing.SystemClock
	}
	return &Provider{Sender: httpsend.New(c, &protocol{url: base + "/email", token: s.Token, stream: s.Stream}), messages: base + "/messages/outbound",
		token: s.Token, clock: clock}, nil
}

type protocol struct {
	url, stream string
	token       waxwing.Secret
}

type letter struct {
	From          string
	To            string
	ReplyTo       string `json:",omitempty"`
	Subject       string
	TextBody      string `json:",omitempty"`
	HTMLBody      string `json:"HtmlBody,omitempty"`
	Headers       []mime.Field
	MessageStream string `json:",omitempty"`
	TrackOpens    bool
	TrackLinks    string
	Metadata      map[string]string
}

// Request is the mail's parts as JSON.
func (p *protocol) Request(_ context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	if err := httpsend.CheckMail(out, Most); err != nil {
		return nil, err
	}
	m, err := mime.Split(out.Data)
	if err != nil {
		return nil, httpsend.Refuse(waxwing.PolicyFault, err)
	}
	l := letter{From: shown(m.From), To: shown(mime.Mailbox{Name: m.To.Name, Addr: out.To}), ReplyTo: shown(m.ReplyTo), Subject: m.Subject, TextBody: m.Text,
		HTMLBody: m.HTML, Headers: m.Header, MessageStream: p.stream, TrackLinks: "None", Metadata: map[string]string{"waxwing": out.IdempotencyKey, "waxwing_ref": out.Reference()}}
	if m.MessageID != "" { // X-PM-KeepID has Postmark leave it as it is
		l.Headers = append(l.Headers, mime.Field{Name: "Message-ID", Value: "<" + m.MessageID + ">"}, mime.Field{Name: "X-PM-KeepID", Value: "true"})
	}
	body, err := json.Marshal(l)
	if err != nil {
		return nil, httpsend.Refuse(waxwing.PolicyFault, errors.New("the mail cannot be written as JSON"))
	}
	return &httpsend.Request{URL: p.url, Body: body, Header: http.Header{"Content-Type": {"application/json"}, "X-Postmark-Server-Token": {p.token.Reveal()}}}, nil
}

// shown writes a mailbox with its name in quotation marks, so that no comma in a name makes two.
func shown(m mime.Mailbox) string {
	if m.Addr == "" || m.Name == "" {
		return m.Addr
	}
	return `"` + strings.NewReplacer(`\`, "", `"`, "", "\r", "", "\n", "").Replace(m.Name) + `" <` + m.Addr + ">"
}

// Judge reads what Postmark says of a mail: 422 has a code that tells more than the status.
func (p *protocol) Judge(a *waxwing.Attempt, ans *httpsend.Answer) {
	var said struct {
		ErrorCode int
		Message   string
		MessageID string
	}
	readable := ans.JSON(&said)
	code := ""
	if readable && said.ErrorCode != 0 {
		code = strconv.Itoa(said.ErrorCode)
	}
	err := ans.Error(code)
	switch {
	case ans.Status == http.StatusOK && readable && said.ErrorCode == 0 && said.MessageID != "":
		httpsend.Accept(a, said.MessageID)
	case ans.Status == http.StatusUnprocessableEntity:
		unfit(a, said.ErrorCode, said.Message, err)
	case ans.Status == http.StatusBadRequest:
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	default:
		ans.ByStatus(a, err)
	}
}

// unfit rules on 422, of which nothing was sent.
func unfit(a *waxwing.Attempt, code int, what string, err error) {
	switch code {
	case 406: // inactive: it bounced hard, complained, or was suppressed by hand
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case 300: // an invalid request: whose address it is, only the text tells
		fault := waxwing.PolicyFault
		if strings.Contains(what, "'To'") {
			fault = waxwing.AddressFault
		}
		httpsend.Rule(a, waxwing.Rejected, fault, err)
	case 10, 100, 400, 401, 405, 412, 413, 1221, 1226, 1235:
		// The token, maintenance, a sender that is unknown or not confirmed, no credit, an account
		// that waits for approval or may not send, a stream that is not there or was archived.
		httpsend.Leave(a, err)
	default:
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	}
}
