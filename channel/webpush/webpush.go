// Package webpush sends push messages to browsers (RFC 8030), encrypted for each (RFC 8291) and
// signed by the merchant's key (RFC 8292). The recipient is a subscription, as a browser gives it, or
// sealed by what a shop's page subscribes at.
package webpush

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/reach"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "webpush", Carries: waxwing.Push, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Most: httpsend.MaxNote, Batch: 1},
		Example: `type: webpush
key: "${VAPID_KEY}"
subject: mailto:webmaster@shop.example`}
}

// Settings are the keys of what sends to browsers, which carries push messages.
type Settings struct {
	// Key is the VAPID private key: 32 bytes of P-256 as base64url. Browsers subscribe with its
	// public key, so another one loses them all.
	Key config.Secret `yaml:"key" want:"the VAPID private key, as \"${VAR}\" or \"file:/path\""`
	// Subject is how push services reach whoever sends: mailto: or https:.
	Subject string `yaml:"subject" want:"how push services reach you, such as mailto:webmaster@shop.example"`
	// TTL is for how long a push service keeps a message for a browser that is off.
	TTL config.Duration `yaml:"ttl,omitempty" default:"24h" min:"0s" max:"28d"`
	// Urgency is what a device may save its battery by (RFC 8030, 5.3).
	Urgency string `yaml:"urgency,omitempty" default:"normal" enum:"very-low,low,normal,high"`
	config.Pool
}

// Check reports what push services would refuse. What the key is, Open sees.
func (s *Settings) Check(r *config.Report) {
	if u, err := url.Parse(s.Subject); err != nil || u.Scheme != "mailto" && u.Scheme != "https" {
		r.Fail("subject", fmt.Sprintf("%s %s is neither mailto: nor https:", r.Path("subject"), r.Quote("subject")), "Write how push services reach you, such as mailto:webmaster@shop.example")
	}
}

var errKey = errors.New("key is no VAPID private key: the 32 bytes of a key of P-256, as base64url")

// readKey reads a private key of P-256.
func readKey(s waxwing.Secret) (*ecdsa.PrivateKey, error) {
	b, err := b64.DecodeString(strings.TrimRight(strings.TrimSpace(s.Reveal()), "="))
	if err != nil || len(b) != 32 {
		return nil, errKey
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b)
	if err != nil {
		return nil, errKey
	}
	return key, nil
}

// Open makes the provider of this name, which connects when there is something to send. Whoever
// subscribes names the address, so it reaches the public internet only.
func (s *Settings) Open(name string, _ *slog.Logger) (*httpsend.Sender, error) {
	return New(s, httpsend.Config{Name: name, Connections: s.Connections, Dial: reach.Guard{}.Dial(10 * time.Second)})
}

// New is Open with the rest of what a provider over HTTP has. Without a TTL it is 24 h.
func New(s *Settings, c httpsend.Config) (*httpsend.Sender, error) {
	key, err := readKey(s.Key)
	if err != nil {
		return nil, err
	}
	pub, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, errKey
	}
	raw, err := key.Bytes()
	if err != nil {
		return nil, errKey
	}
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	x, err := newSealer(raw)
	if err != nil {
		return nil, errKey
	}
	c.Kind, c.Theirs = "webpush", true
	return httpsend.New(c, &protocol{set: *s, key: key, secret: raw, sealer: x, public: b64.EncodeToString(pub), clock: c.Clock, tokens: map[string]signed{}}), nil
}

type protocol struct {
	set    Settings
	key    *ecdsa.PrivateKey
	secret []byte
	sealer *sealer
	public string
	clock  waxwing.Clock
	mu     sync.Mutex
	tokens map[string]signed // by origin
}

// signed is a token that is used again for an hour, as RFC 8292 (section 2) lets one.
type signed struct {
	text waxwing.Secret
	made time.Time
}

// Subscription is where a browser is reached: what PushSubscription.toJSON gives. Outgoing.To has it
// as it is, or sealed by Subscriptions.
type Subscription struct {
	Endpoint string `json:"endpoint"`
	Keys     struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// Request is the message, sealed for the browser. Its topic has a push service that still keeps an
// earlier copy put this one in its place (RFC 8030, 5.4).
func (p *protocol) Request(_ context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	to, err := p.recipient(out)
	switch {
	case errors.Is(err, errForeign):
		return nil, httpsend.Refuse(waxwing.PolicyFault, err) // others may know it
	case err != nil:
		return nil, httpsend.Refuse(waxwing.AddressFault, err)
	}
	if _, err := httpsend.ReadNote(out); err != nil {
		return nil, err
	}
	ours, salt, err := once(p.secret, out.Data, out.IdempotencyKey, to.endpoint)
	if err != nil {
		return nil, err
	}
	body, err := seal(out.Data, to.theirs, to.auth, ours, salt)
	if err != nil {
		return nil, httpsend.Refuse(waxwing.AddressFault, errSubscription)
	}
	t, err := p.token(to.origin)
	if err != nil {
		return nil, err
	}
	topic := sha256.Sum256([]byte(out.IdempotencyKey))
	return &httpsend.Request{URL: to.endpoint, Body: body, Accepts: "*/*", Header: http.Header{
		"Authorization": {"vapid t=" + t + ", k=" + p.public}, "Content-Encoding": {"aes128gcm"}, "Content-Type": {"application/octet-stream"},
		"Ttl": {strconv.Itoa(int(p.set.TTL.D().Seconds()))}, "Urgency": {p.urgency()}, "Topic": {b64.EncodeToString(topic[:24])}}}, nil
}

func (p *protocol) urgency() string {
	if p.set.Urgency == "" {
		return "normal"
	}
	return p.set.Urgency
}

// maxTokens is how many push services are remembered: there are a handful, but a subscription may name any.
const maxTokens = 64

// token is one for the push service at origin.
func (p *protocol) token(origin string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	if t, ok := p.tokens[origin]; ok && now.Sub(t.made) < time.Hour && !now.Before(t.made) {
		return t.text.Reveal(), nil
	}
	text, err := token(p.key, origin, p.set.Subject, now.Add(12*time.Hour))
	if err != nil {
		return "", errors.New("the token could not be signed")
	}
	if len(p.tokens) >= maxTokens {
		clear(p.tokens)
	}
	p.tokens[origin] = signed{waxwing.Secret(text), now}
	return text, nil
}

// Judge reads what a push service says (RFC 8030, 5; RFC 8292, 4.2).
func (p *protocol) Judge(a *waxwing.Attempt, ans *httpsend.Answer) {
	err := ans.Error("")
	switch ans.Status {
	case http.StatusCreated, http.StatusAccepted:
		httpsend.Accept(a, "") // Location is the message's address: whoever knows it may delete it
	case http.StatusNotFound, http.StatusGone: // unsubscribed, or the subscription is over
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	default:
		ans.ByStatus(a, err)
	}
}
