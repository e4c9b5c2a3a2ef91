// Package ses hands mails to Amazon SES (API v2, SendEmail with Content.Raw), so that the bytes
// stay ours but for the Message-ID and Date, which SES writes over.
//
// The SDK's client signs, sends and reads in one call, and rewinds a body to send it again: it
// leaves no room for a commit point before the first byte. So only its signer is used
// (RATIONALE.md, "Providers over HTTP").
package ses

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "ses", Carries: waxwing.Email, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Most: Most, Batch: 1},
		Example: `type: ses
region: eu-central-1
access_key: AKIAEXAMPLE
secret_key: "${SES_SECRET}"`}
}

// Settings are the keys of an account at Amazon SES, which carries mails as they are.
type Settings struct {
	// Region is the one whose SES sends, such as eu-central-1.
	Region string `yaml:"region" want:"the region, such as eu-central-1"`
	// AccessKey is the id of a key that may ses:SendEmail.
	AccessKey string `yaml:"access_key" want:"the access key's id (AKIA...)"`
	// SecretKey is that key's secret.
	SecretKey config.Secret `yaml:"secret_key" want:"the secret key, as \"${VAR}\" or \"file:/path\""`
	// SessionToken goes with a temporary key (ASIA...), which is not renewed here.
	SessionToken config.Secret `yaml:"session_token,omitempty"`
	// ConfigurationSet is the one to send by, where there is one.
	ConfigurationSet string `yaml:"configuration_set,omitempty"`
	// TopicARN is the SNS topic that the configuration set publishes its events to, and that this
	// daemon is subscribed to. Without it no callbacks are taken.
	TopicARN string `yaml:"topic_arn,omitempty"`
	// BaseURL is where the API is; only a stand-in, or an endpoint within a VPC, needs another than the region's.
	BaseURL string `yaml:"base_url,omitempty"`
	config.Pool
}

// Check reports what SES would refuse.
func (s *Settings) Check(r *config.Report) {
	httpsend.Need(r, "access_key", s.AccessKey, "the access key's id (AKIA...)")
	if !region(s.Region) {
		r.Fail("region", fmt.Sprintf("%s %s is no region", r.Path("region"), r.Quote("region")), "Write it as in eu-central-1")
	}
	if s.TopicARN != "" && !topic.MatchString(s.TopicARN) {
		r.Fail("topic_arn", fmt.Sprintf("%s %s is no topic of SNS", r.Path("topic_arn"), r.Quote("topic_arn")), "Write it as in arn:aws:sns:eu-central-1:123456789012:ses-events")
	}
	httpsend.CheckBase(r, "base_url", s.BaseURL, "SES's own of the region")
}

// topic is a topic's name of a partition whose hosts are below amazonaws.com.
var topic = regexp.MustCompile(`^arn:aws(-us-gov)?:sns:[a-z0-9-]{1,40}:[0-9]{12}:[A-Za-z0-9_-]{1,256}$`)

func region(s string) bool {
	return s != "" && len(s) < 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Open makes the provider of this name, which connects when there is something to send.
func (s *Settings) Open(name string, _ *slog.Logger) (*httpsend.Sender, error) {
	return New(s, httpsend.Config{Name: name, Connections: s.Connections, Dial: s.Dial(httpsend.ConnectTimeout)})
}

// Most is the largest mail that SES takes by this API, in bytes, before it is written as base64.
const Most = 40 << 20 / 4 * 3

// New is Open with the rest of what a provider over HTTP has.
func New(s *Settings, c httpsend.Config) (*httpsend.Sender, error) {
	if !region(s.Region) {
		return nil, errors.New("region is none")
	}
	base := s.BaseURL
	if base == "" {
		base = "https://email." + s.Region + ".amazonaws.com"
	}
	base, err := httpsend.Base(base)
	if err != nil {
		return nil, err
	}
	c.Kind = "ses"
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	return httpsend.New(c, &protocol{url: base + "/v2/email/outbound-emails", set: *s, clock: c.Clock, signer: v4.NewSigner()}), nil
}

type protocol struct {
	url    string
	set    Settings
	clock  waxwing.Clock
	signer *v4.Signer
}

type (
	tag struct{ Name, Value string }
	raw struct{ Data []byte }
	// letter is the body of SendEmail.
	letter struct {
		FromEmailAddress     string
		Destination          struct{ ToAddresses []string }
		Content              struct{ Raw raw }
		EmailTags            []tag  `json:",omitempty"`
		ConfigurationSetName string `json:",omitempty"`
	}
)

// Request is the mail as base64 in JSON, signed for now (SigV4).
func (p *protocol) Request(ctx context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	if err := httpsend.CheckMail(out, Most); err != nil {
		return nil, err
	}
	l := letter{FromEmailAddress: out.From, ConfigurationSetName: p.set.ConfigurationSet}
	l.Destination.ToAddresses = []string{out.To}
	l.Content.Raw.Data = out.Data
	if k := out.IdempotencyKey; k != "" && len(k) <= 256 && strings.Trim(k, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.@") == "" {
		l.EmailTags = []tag{{"waxwing", k}, {"waxwing_ref", out.Reference()}} // by which its events are known
	}
	body, err := json.Marshal(l)
	if err != nil {
		return nil, httpsend.Refuse(waxwing.PolicyFault, errors.New("the mail cannot be written as JSON"))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, nil)
	if err != nil {
		return nil, errors.New("the request's address is none")
	}
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = int64(len(body)) // is signed, too
	sum := sha256.Sum256(body)
	key := aws.Credentials{AccessKeyID: p.set.AccessKey, SecretAccessKey: p.set.SecretKey.Reveal(), SessionToken: p.set.SessionToken.Reveal()}
	if err := p.signer.SignHTTP(ctx, key, req, hex.EncodeToString(sum[:]), "ses", p.set.Region, p.clock()); err != nil {
		return nil, errors.New("the request could not be signed")
	}
	return &httpsend.Request{URL: p.url, Body: body, Header: req.Header}, nil
}

// Judge reads what SES says of a mail: of what kind an error is, its header or body says.
func (p *protocol) Judge(a *waxwing.Attempt, ans *httpsend.Answer) {
	var said struct {
		MessageID string `json:"MessageId"`
		Type      string `json:"__type"`
		Message   string `json:"message"`
	}
	readable := ans.JSON(&said)
	kind := said.Type
	if h := ans.Header.Get("X-Amzn-Errortype"); h != "" {
		kind, _, _ = strings.Cut(h, ":") // a URI of its namespace may follow
	}
	if _, after, ok := strings.Cut(kind, "#"); ok {
		kind = after
	}
	err := ans.Error(kind)
	switch {
	case ans.Status == http.StatusOK && readable && said.MessageID != "":
		httpsend.Accept(a, said.MessageID)
	case ans.Status/100 != 4 || ans.Status == http.StatusTooManyRequests:
		ans.ByStatus(a, err)
	default:
		refused(a, ans, kind, strings.ToLower(said.Message), err)
	}
}

// refused rules on 4xx: nothing was sent.
func refused(a *waxwing.Attempt, ans *httpsend.Answer, kind, what string, err error) {
	switch kind {
	case "MessageRejected":
		// In the sandbox, and from a sender that is not verified, it is rejected for that.
		if strings.Contains(what, "not verified") {
			httpsend.Leave(a, err)
			return
		}
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	case "AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException", "LimitExceededException",
		"NotFoundException", "TooManyRequestsException", "ThrottlingException", "Throttling", "AccessDeniedException", "UnrecognizedClientException",
		"InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "ExpiredTokenException", "ExpiredToken", "RequestExpired", "OptInRequired", "NotAuthorized":
		// The account, its key, its limits or its sender.
		httpsend.Leave(a, err)
		a.RetryAfter = ans.RetryAfter()
	case "BadRequestException":
		switch {
		case strings.Contains(what, "local address contains") || strings.Contains(what, "invalid recipient") || strings.Contains(what, "domain contains"):
			httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
		default:
			httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
		}
	default:
		if ans.Status == http.StatusBadRequest || ans.Status == http.StatusUnprocessableEntity {
			httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
			return
		}
		ans.ByStatus(a, err)
	}
}
