// Package mailgun hands mails to Mailgun's MIME endpoint, so that the bytes stay ours: header,
// Message-ID, DKIM signature and both readings of the mail.
//
// mailgun-go builds its request and sends it in one call, reads an answer without bound and drops
// its header: it leaves no room for a commit point before the first byte, nor for the proof that
// none was written. So only the tests use it (RATIONALE.md, "Providers over HTTP").
package mailgun

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "mailgun", Carries: waxwing.Email, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Asked: "events, by variable `waxwing_ref`", Settles: settles, Most: Most, Batch: 1},
		Example: `type: mailgun
domain: mg.example.com
key: "${MAILGUN_KEY}"
region: eu`}
}

// Settings are the keys of a domain at Mailgun, which carries mails as they are.
type Settings struct {
	// Domain is the sending domain as Mailgun knows it.
	Domain string `yaml:"domain" want:"the sending domain, such as mg.example.com"`
	// Key is a sending key of the domain, or the account's API key.
	Key config.Secret `yaml:"key" want:"the sending key, as \"${VAR}\" or \"file:/path\""`
	// EventsKey is one that may read the domain's events, by which Mailgun is asked what became of a
	// mail whose answer was lost: a sending key may not. Left out, key is tried.
	EventsKey config.Secret `yaml:"events_key,omitempty"`
	// Region is where the domain was made: us or eu.
	Region string `yaml:"region,omitempty" default:"us" enum:"us,eu"`
	// SigningKey is the account's HTTP webhook signing key, by which Mailgun's callbacks are known.
	// Without it none are taken.
	SigningKey config.Secret `yaml:"signing_key,omitempty"`
	// BaseURL is where the API is; only a stand-in needs another than the region's.
	BaseURL string `yaml:"base_url,omitempty"`
	config.Pool
}

// Check reports what Mailgun would refuse.
func (s *Settings) Check(r *config.Report) {
	httpsend.Need(r, "domain", s.Domain, "the sending domain, such as mg.example.com")
	if s.Domain != "" && !config.IsHost(s.Domain) {
		r.Fail("domain", fmt.Sprintf("%s %s is no domain", r.Path("domain"), r.Quote("domain")), "Write the sending domain as Mailgun's page has it, such as mg.example.com")
	}
	httpsend.CheckBase(r, "base_url", s.BaseURL, "Mailgun's own of the region")
}

// Open makes the provider of this name, which connects when there is something to send.
func (s *Settings) Open(name string, _ *slog.Logger) (*Provider, error) {
	return New(s, httpsend.Config{Name: name, Connections: s.Connections, Dial: s.Dial(httpsend.ConnectTimeout)})
}

// Most is the largest mail that Mailgun takes, in bytes.
const Most = 25 << 20

// New is Open with the rest of what a provider over HTTP has.
func New(s *Settings, c httpsend.Config) (*Provider, error) {
	base := s.BaseURL
	if base == "" {
		base = map[string]string{"": "https://api.mailgun.net", "us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}[s.Region]
	}
	base, err := httpsend.Base(base)
	if err != nil {
		return nil, err
	}
	if !config.IsHost(s.Domain) {
		return nil, fmt.Errorf("domain is none")
	}
	c.Kind = "mailgun"
	auth := basic(s.Key)
	events := auth
	if s.EventsKey != "" {
		events = basic(s.EventsKey)
	}
	clock := c.Clock
	if clock == nil {
		clock = waxwing.SystemClock
	}
	domain := base + "/v3/" + s.Domain
	return &Provider{Sender: httpsend.New(c, &protocol{url: domain + "/messages.mime", auth: auth}), events: domain + "/events", auth: events, clock: clock}, nil
}

func basic(key waxwing.Secret) waxwing.Secret {
	return waxwing.Secret("Basic " + base64.StdEncoding.EncodeToString([]byte("api:"+key.Reveal())))
}

type protocol struct {
	url  string
	auth waxwing.Secret
}

// Request is a form of several parts (RFC 7578). Its boundary follows from the mail, so that
// offering it again writes the same bytes.
func (p *protocol) Request(_ context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	if err := httpsend.CheckMail(out, Most); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(out.Data)
	mark := "waxwing-" + hex.EncodeToString(sum[:16])
	body := make([]byte, 0, len(out.Data)+1024)
	for _, f := range [][2]string{
		{"to", out.To},
		// Links and pictures stay as they were rendered and signed.
		{"o:tracking", "no"}, {"o:tracking-clicks", "no"}, {"o:tracking-opens", "no"},
		// By this a mail is found again among the events.
		{"v:waxwing", out.IdempotencyKey},
		{"v:waxwing_ref", out.Reference()},
	} {
		body = fmt.Appendf(body, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", mark, f[0], f[1])
	}
	body = fmt.Appendf(body, "--%s\r\nContent-Disposition: form-data; name=\"message\"; filename=\"message.eml\"\r\nContent-Type: message/rfc822\r\n\r\n", mark)
	body = append(append(body, out.Data...), "\r\n--"+mark+"--\r\n"...)
	return &httpsend.Request{URL: p.url, Body: body, Header: http.Header{
		"Content-Type": {"multipart/form-data; boundary=" + mark}, "Authorization": {p.auth.Reveal()}}}, nil
}

// Judge reads what Mailgun says of a mail. A recipient on its list of bounces is accepted
// here; that the mail is then dropped, its events tell.
func (p *protocol) Judge(a *waxwing.Attempt, ans *httpsend.Answer) {
	var said struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	}
	readable := ans.JSON(&said)
	err := ans.Error("")
	what := strings.ToLower(said.Message)
	switch {
	case ans.Status/100 == 2 && readable && said.ID != "":
		httpsend.Accept(a, strings.Trim(said.ID, "<>"))
	case ans.Status == http.StatusBadRequest && (strings.HasPrefix(what, "'to' parameter") || strings.HasPrefix(what, "to parameter")):
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case ans.Status == http.StatusBadRequest && setUp(what):
		httpsend.Leave(a, err)
	case ans.Status == http.StatusBadRequest, ans.Status == http.StatusUnprocessableEntity:
		// What Mailgun dislikes about it, the next provider may not.
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	default:
		ans.ByStatus(a, err)
	}
}

// setUp reports an answer that is about the account or its domain: a sandbox that sends to
// authorised recipients only, an account that is disabled, a domain that is not verified or over
// its limit.
func setUp(what string) bool {
	for _, s := range []string{"sandbox", "not allowed to send", "disabled", "unverified", "activate your mailgun account", "limit exceeded", "domain not found"} {
		if strings.Contains(what, s) {
			return true
		}
	}
	return false
}
