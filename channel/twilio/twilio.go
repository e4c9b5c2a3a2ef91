// Package twilio sends text messages through Twilio's Messages API.
package twilio

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
)

// Config says whose account sends, and how.
type Config struct {
	Name    string // the provider's name, for Attempt.Provider
	BaseURL string // "" means https://api.twilio.com
	Account string // AC...
	Token   waxwing.Secret
	// From is the account's sending number (E.164) or messaging service (MG...);
	// "": the one that a message names.
	From string
	// Callback is where Twilio posts what becomes of a text, without a query; "": nowhere.
	Callback string
	// Connections, Timeout, ConnectTimeout, Guard, TLSConfig, Dial and Clock are those of
	// httpsend.Config.
	Connections    int
	Timeout        time.Duration
	ConnectTimeout time.Duration
	Guard          time.Duration
	TLSConfig      *tls.Config
	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	Clock          waxwing.Clock
}

// New returns a Sender, or an error if the configuration cannot work.
func New(c Config) (*httpsend.Sender, error) {
	if c.BaseURL == "" {
		c.BaseURL = "https://api.twilio.com"
	}
	base, err := httpsend.Base(c.BaseURL)
	if err != nil {
		return nil, err
	}
	if c.Account == "" || strings.Trim(c.Account, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return nil, errors.New("account must be letters and digits (AC...)")
	}
	p := &protocol{url: base + "/2010-04-01/Accounts/" + c.Account + "/Messages.json", from: c.From, callback: c.Callback,
		auth: waxwing.Secret("Basic " + base64.StdEncoding.EncodeToString([]byte(c.Account+":"+c.Token.Reveal())))}
	return httpsend.New(httpsend.Config{Kind: "twilio", Name: c.Name, Connections: c.Connections, Timeout: c.Timeout, ConnectTimeout: c.ConnectTimeout,
		Guard: c.Guard, TLSConfig: c.TLSConfig, Dial: c.Dial, Clock: c.Clock}, p), nil
}

// protocol is Twilio's Messages API.
type protocol struct {
	url, from, callback string
	auth                waxwing.Secret
}

// Request is a form.
func (p *protocol) Request(_ context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	if err := httpsend.CheckText(out); err != nil {
		return nil, err
	}
	from := p.from
	if from == "" {
		from = out.From
	}
	v := url.Values{"To": {out.To}, "Body": {string(out.Data)}}
	if p.callback != "" {
		v.Set("StatusCallback", p.callback+"?"+url.Values{"waxwing_ref": {out.Reference()}}.Encode())
	}
	if strings.HasPrefix(from, "MG") {
		v.Set("MessagingServiceSid", from)
	} else {
		v.Set("From", from)
	}
	return &httpsend.Request{URL: p.url, Body: []byte(v.Encode()), Header: http.Header{
		"Content-Type":  {"application/x-www-form-urlencoded"},
		"Authorization": {p.auth.Reveal()},
		// Twilio's Messages API does not promise to look at it; stand-ins count by it.
		"Idempotency-Key": {out.IdempotencyKey},
	}}, nil
}
