// Package httptext sends text messages through any gateway that takes them by HTTP: the
// configuration says what is written, and what of the answer means that a text was taken.
package httptext

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/reach"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "httptext", Carries: waxwing.SMS, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Most: 4 * httpsend.MaxText, Batch: 1},
		Example: `type: httptext
url: https://sms.example/v1/messages
headers: [{name: Authorization, value: "${SMS_TOKEN}"}]
body: '{"to": "{to}", "from": "{from}", "text": "{text}", "ref": "{id}"}'
from: "+4915112345678"
accepted: {statuses: [200, 202], pointer: /status, values: [queued, sent]}
rejected: {statuses: [400], pointer: /error/code, values: [invalid_number]}
ref: /id`,
		Notes: "`{to}`, `{from}`, `{text}` and `{id}` stand in `url` and `body` for what is sent; each is written as its place wants it: " +
			"escaped within JSON, a form, XML or an address, as `content_type` says. `{to_digits}` is the number without its plus.\n\n" +
			"Of an answer, `rejected` is looked at first, then `deferred`, then `accepted`; what none of them fits is judged by its status: " +
			"429 and 503 are tried again, 401, 403 and 404 leave the provider for the next one, and of a 2xx or 5xx it is not known whether the text was taken.\n\n" +
			"The address must be one of the public internet, so that a configuration cannot have the daemon speak to what stands beside it; " +
			"`private: true` lifts that for a gateway in one's own network, for the platform's providers only."}
}

// Settings are the keys of a gateway for texts that is described here and not known to the program.
type Settings struct {
	// URL is where a text is posted to.
	URL string `yaml:"url" want:"the address that texts are posted to"`
	// Method is the request's.
	Method string `yaml:"method,omitempty" default:"POST" enum:"POST,PUT,GET"`
	// Headers go with each request, such as Authorization.
	Headers []Header `yaml:"headers,omitempty"`
	// ContentType is that of the body.
	ContentType string `yaml:"content_type,omitempty" default:"application/json"`
	// Body is what is written, with {to}, {from}, {text} and {id} in it.
	Body string `yaml:"body,omitempty"`
	// From is the number or name that texts come from, for {from}.
	From string `yaml:"from,omitempty"`
	// Accepted is an answer by which the gateway took the text; left out, each 2xx is.
	Accepted *Rule `yaml:"accepted,omitempty"`
	// Deferred is an answer that means "not now", of a text that was not taken.
	Deferred *Rule `yaml:"deferred,omitempty"`
	// Rejected is an answer that means that there is no such number, or none for texts.
	Rejected *Rule `yaml:"rejected,omitempty"`
	// Ref points at the gateway's own id for the text (RFC 6901), such as /id.
	Ref string `yaml:"ref,omitempty"`
	// Private lets the address be one of this machine or its network.
	Private bool `yaml:"private,omitempty" default:"false"`
	config.Pool
}

// Header is one field of each request.
type Header struct {
	// Name is the field's.
	Name string `yaml:"name" want:"the header field's name"`
	// Value may be a secret.
	Value config.Secret `yaml:"value" want:"the header field's value"`
}

// Rule fits an answer by its status and by a value in its JSON.
type Rule struct {
	// Statuses are those that fit; left out, every one does, and for accepted every 2xx.
	Statuses []int `yaml:"statuses,omitempty" min:"200" max:"599"`
	// Pointer names a value in the answer's JSON (RFC 6901), such as /messages/0/status.
	Pointer string `yaml:"pointer,omitempty"`
	// Values are what it may be; left out, it need only be there.
	Values []string `yaml:"values,omitempty"`
}

// Check reports what cannot work, and an address that must not be spoken to.
func (s *Settings) Check(r *config.Report) {
	u, err := url.Parse(s.at("x"))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || strings.ContainsAny(hostOf(s.URL), "{}"):
		r.Fail("url", r.Path("url")+" is no https address", "Write the gateway's address, such as https://sms.example/v1/messages")
	case u.Scheme == "http" && (!s.Private || !config.IsLoopback(u.Hostname())):
		r.Fail("url", r.Path("url")+": customers' numbers would cross the network in the clear", "Use https; http is for a gateway on this host, with private: true")
	}
	if s.Private && strings.HasPrefix(r.Path(""), "tenants.") {
		r.Fail("private", r.Path("private")+" is not for a tenant's own provider", "Take it out, or name the gateway among the platform's providers")
	}
	if s.Body == "" && s.Method != http.MethodGet {
		r.Fail("body", r.Path("body")+" is empty", "Write what the gateway takes, with {to} and {text} in it")
	}
	for i, h := range s.Headers {
		if h.Name == "" || strings.Trim(h.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" || strings.ContainsAny(h.Value.Reveal(), "\r\n\x00") {
			r.Fail(fmt.Sprintf("headers[%d]", i), r.Path(fmt.Sprintf("headers[%d]", i))+" is no header field", "Write a name of letters, digits and -, and a value of one line")
		}
	}
	if t := s.URL + s.Body; !strings.Contains(t, "{to}") && !strings.Contains(t, "{to_digits}") || !strings.Contains(t, "{text}") {
		r.Fail("body", r.Path("body")+" names no {to} or no {text}", "Write both where the gateway wants them")
	}
	for key, p := range s.pointers() {
		if p != "" && p[0] != '/' {
			r.Fail(key, fmt.Sprintf("%s %s does not begin with /", r.Path(key), r.Quote(key)), "Write it as in /messages/0/status (RFC 6901)")
		}
	}
	for key, x := range map[string]*Rule{"deferred": s.Deferred, "rejected": s.Rejected} {
		if x != nil && len(x.Statuses) == 0 && x.Pointer == "" {
			r.Fail(key, r.Path(key)+" fits every answer", "Name statuses, or a pointer with values")
		}
	}
}

func (s *Settings) pointers() map[string]string {
	out := map[string]string{"ref": s.Ref}
	for key, x := range map[string]*Rule{"accepted": s.Accepted, "deferred": s.Deferred, "rejected": s.Rejected} {
		if x != nil {
			out[key+".pointer"] = x.Pointer
		}
	}
	return out
}

// at is the address with v in each place.
func (s *Settings) at(v string) string {
	return strings.NewReplacer("{to}", v, "{to_digits}", v, "{from}", v, "{text}", v, "{id}", v).Replace(s.URL)
}

// hostOf is what stands where an address has its host, so that no message can name it.
func hostOf(s string) string {
	_, rest, _ := strings.Cut(s, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// Open makes the provider of this name, which connects when there is something to send.
func (s *Settings) Open(name string, _ *slog.Logger) (*httpsend.Sender, error) {
	c := httpsend.Config{Name: name, Connections: s.Connections, Dial: s.Dial(httpsend.ConnectTimeout)}
	if c.Dial == nil && !s.Private {
		c.Dial = reach.Guard{}.Dial(httpsend.ConnectTimeout)
	}
	return New(s, c)
}
