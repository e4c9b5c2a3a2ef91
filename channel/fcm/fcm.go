// Package fcm sends push messages to apps through Firebase Cloud Messaging (HTTP v1). The recipient
// is an app's registration token.
package fcm

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "fcm", Carries: waxwing.Push, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Most: httpsend.MaxNote, Batch: 1},
		Example: `type: fcm
account: "${FIREBASE_ACCOUNT}"`}
}

// Settings are the keys of a project at Firebase, which carries push messages to apps.
type Settings struct {
	// Account is the service account's key: the JSON file that Firebase's console gives.
	Account config.Secret `yaml:"account" want:"the service account's JSON, as \"file:/path\""`
	// BaseURL is where the API is; only a stand-in needs another.
	BaseURL string `yaml:"base_url,omitempty" default:"https://fcm.googleapis.com"`
	config.Pool
}

// Check reports an address that is none. What the key is, Open sees.
func (s *Settings) Check(r *config.Report) {
	httpsend.CheckBase(r, "base_url", s.BaseURL, "Google's own, https://fcm.googleapis.com")
}

// Open makes the provider of this name, which connects when there is something to send.
func (s *Settings) Open(name string, _ *slog.Logger) (*httpsend.Sender, error) {
	return New(s, httpsend.Config{Name: name, Connections: s.Connections, Dial: s.Dial(httpsend.ConnectTimeout)})
}

var errBrowser = errors.New("the recipient is a browser, and no app")

// New is Open with the rest of what a provider over HTTP has.
func New(s *Settings, c httpsend.Config) (*httpsend.Sender, error) {
	base := s.BaseURL
	if base == "" {
		base = "https://fcm.googleapis.com"
	}
	base, err := httpsend.Base(base)
	if err != nil {
		return nil, err
	}
	acc, err := readAccount(s.Account)
	if err != nil {
		return nil, err
	}
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	c.Kind = "fcm"
	p := &protocol{url: base + "/v1/projects/" + acc.Project + "/messages:send", access: &access{account: acc, clock: c.Clock, free: make(chan struct{}, 1)}}
	sender := httpsend.New(c, p)
	p.access.ask = sender.Ask
	return sender, nil
}

type protocol struct {
	url    string
	access *access
}

type (
	notification struct {
		Title string `json:"title"`
		Body  string `json:"body,omitempty"`
	}
	message struct {
		Token        string            `json:"token"`
		Notification notification      `json:"notification"`
		Data         map[string]string `json:"data,omitempty"`
		Android      struct {
			CollapseKey string `json:"collapse_key"`
		} `json:"android"`
		APNS struct {
			Headers map[string]string `json:"headers"`
		} `json:"apns"`
	}
)

// Request is the message with an access token, which is asked for before the commit. Its collapse key
// has a later copy replace one that the device has not shown yet.
func (p *protocol) Request(ctx context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	if strings.HasPrefix(out.To, "{") || strings.HasPrefix(out.To, "wxp1.") {
		return nil, httpsend.Refuse(waxwing.PolicyFault, errBrowser) // what sends to browsers may take it
	}
	if len(out.To) < 20 || len(out.To) > 4096 || strings.Trim(out.To, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:-") != "" {
		return nil, httpsend.Refuse(waxwing.AddressFault, errors.New("the recipient is no registration token"))
	}
	n, err := httpsend.ReadNote(out)
	if err != nil {
		return nil, err
	}
	m := message{Token: out.To, Notification: notification{n.Title, n.Body}, Data: map[string]string{"id": out.IdempotencyKey}}
	if n.URL != "" {
		m.Data["url"] = n.URL
	}
	m.Android.CollapseKey = out.IdempotencyKey
	m.APNS.Headers = map[string]string{"apns-collapse-id": out.IdempotencyKey[:min(len(out.IdempotencyKey), 64)]}
	body, err := json.Marshal(map[string]message{"message": m})
	if err != nil {
		return nil, httpsend.Refuse(waxwing.PolicyFault, errors.New("the message cannot be written as JSON"))
	}
	token, err := p.access.token(ctx)
	if err != nil {
		return nil, err
	}
	return &httpsend.Request{URL: p.url, Body: body, Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token.Reveal()}}}, nil
}

// Judge reads what FCM says of a message: of what kind an error is, its details say.
func (p *protocol) Judge(a *waxwing.Attempt, ans *httpsend.Answer) {
	var said struct {
		Name  string `json:"name"`
		Error struct {
			Status  string `json:"status"`
			Message string `json:"message"`
			Details []struct {
				ErrorCode string `json:"errorCode"`
			} `json:"details"`
		} `json:"error"`
	}
	readable := ans.JSON(&said)
	code := said.Error.Status
	for _, d := range said.Error.Details {
		if d.ErrorCode != "" {
			code = d.ErrorCode
			break
		}
	}
	err := ans.Error(code)
	switch {
	case ans.Status == http.StatusOK && readable && said.Name != "":
		httpsend.Accept(a, said.Name[:min(len(said.Name), 200)])
		return
	case ans.Status == http.StatusUnauthorized:
		p.access.forget() // it may have been taken back before its time
	}
	switch {
	case code == "UNREGISTERED" && ans.Status/100 == 4, code == "SENDER_ID_MISMATCH" && ans.Status/100 == 4:
		// The app is gone from the device, or its token is another project's.
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case ans.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(said.Error.Message), "registration token"):
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case ans.Status == http.StatusBadRequest, ans.Status == http.StatusUnprocessableEntity:
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	default:
		ans.ByStatus(a, err)
	}
}
