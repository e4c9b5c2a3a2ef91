package fcm

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/config"
)

// account is a service account's key.
type account struct {
	Project  string `json:"project_id"`
	Email    string `json:"client_email"`
	PEM      string `json:"private_key"`
	TokenURI string `json:"token_uri"`

	key *rsa.PrivateKey
}

// readAccount reads the JSON that Firebase's console gives.
func readAccount(s waxwing.Secret) (*account, error) {
	none := errors.New("account is no service account's key: the JSON file that Firebase's console gives")
	var a account
	if json.Unmarshal([]byte(s.Reveal()), &a) != nil || a.Email == "" || a.Project == "" ||
		strings.Trim(a.Project, "abcdefghijklmnopqrstuvwxyz0123456789-:.") != "" {
		return nil, none
	}
	u, err := url.Parse(a.TokenURI)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && config.IsLoopback(u.Hostname())) {
		return nil, none
	}
	b, _ := pem.Decode([]byte(a.PEM))
	if b == nil {
		return nil, none
	}
	k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, none // its words could quote the key
	}
	var ok bool
	if a.key, ok = k.(*rsa.PrivateKey); !ok {
		return nil, none
	}
	return &a, nil
}

// assertion is the account's word that it wants to send (RFC 7523), good for an hour.
func (a *account) assertion(now time.Time) (string, error) {
	b64 := base64.RawURLEncoding
	claims, err := json.Marshal(map[string]any{"iss": a.Email, "aud": a.TokenURI, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"scope": "https://www.googleapis.com/auth/firebase.messaging"})
	if err != nil {
		return "", err
	}
	text := b64.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + b64.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + b64.EncodeToString(sig), nil
}

// access keeps the token that an account's assertion is changed for, and asks for another before it ends.
type access struct {
	account *account
	clock   waxwing.Clock
	ask     func(context.Context, *httpsend.Request) (*httpsend.Answer, error)
	free    chan struct{} // one asks at a time

	mu    sync.Mutex
	text  waxwing.Secret
	until time.Time
}

// early is how long before its end a token is not used any more.
const early = 5 * time.Minute

func (x *access) kept() (waxwing.Secret, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text, x.text != "" && x.clock().Before(x.until)
}

func (x *access) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text = ""
}

// token is one that is good, asked for if need be.
func (x *access) token(ctx context.Context) (waxwing.Secret, error) {
	if t, ok := x.kept(); ok {
		return t, nil
	}
	select {
	case x.free <- struct{}{}:
		defer func() { <-x.free }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if t, ok := x.kept(); ok { // somebody else asked meanwhile
		return t, nil
	}
	now := x.clock()
	word, err := x.account.assertion(now)
	if err != nil {
		return "", errors.New("the assertion could not be signed")
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {word}}
	ans, err := x.ask(ctx, &httpsend.Request{URL: x.account.TokenURI, Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
	if err != nil {
		return "", fmt.Errorf("asking for a token: %w", err)
	}
	var got struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	if ans.Status != http.StatusOK || !ans.JSON(&got) || got.Token == "" {
		return "", fmt.Errorf("asking for a token: %w", ans.Error(""))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.text, x.until = waxwing.Secret(got.Token), now.Add(time.Duration(min(max(got.Expires, 0), 24*3600))*time.Second-early)
	return x.text, nil
}
