package callback

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SignatureVersion 1 is what a topic signs by unless told otherwise
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Certificates fetches and keeps the certificates that SNS signs with. It is safe for concurrent use.
type Certificates struct {
	roots  *x509.CertPool
	client *http.Client

	fetches sync.Mutex // one is fetched at a time
	mu      sync.Mutex
	known   map[string]*x509.Certificate
	failed  map[string]time.Time
}

const (
	maxCertificate = 64 << 10
	fetchTimeout   = 5 * time.Second
	mostKnown      = 16 // certificates, and addresses that failed
	failedFor      = time.Minute
)

// NewCertificates returns none yet. dial opens connections, to public addresses only if it is to be
// safe; roots and c are the system's where they are nil.
func NewCertificates(dial func(ctx context.Context, network, addr string) (net.Conn, error), roots *x509.CertPool, c *tls.Config) *Certificates {
	return &Certificates{roots: roots, known: map[string]*x509.Certificate{}, failed: map[string]time.Time{},
		client: &http.Client{Timeout: fetchTimeout,
			Transport: &http.Transport{DialContext: dial, TLSClientConfig: c, TLSHandshakeTimeout: fetchTimeout, ResponseHeaderTimeout: fetchTimeout,
				DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// certificateAddress is what SNS writes, letter by letter: no reading of addresses comes before it.
var certificateAddress = regexp.MustCompile(`^https://sns\.([a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2})\.amazonaws\.com/[A-Za-z0-9_-]{1,128}\.pem$`)

// of gives the certificate at an address of a region's SNS, checked for now. ErrUnavailable: it
// could not be fetched.
func (c *Certificates) of(ctx context.Context, address, region string, now time.Time) (*x509.Certificate, error) {
	m := certificateAddress.FindStringSubmatch(address)
	if m == nil || m[1] != region {
		return nil, fmt.Errorf("%w: its certificate is not at SNS of the topic's region", ErrForged)
	}
	if k, err := c.kept(address, now); k != nil || err != nil {
		return k, err
	}
	if !c.fetches.TryLock() {
		return nil, fmt.Errorf("%w: another certificate is fetched", waxwing.ErrUnavailable)
	}
	defer c.fetches.Unlock()
	k, err := c.fetch(ctx, address, region, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if len(c.failed) >= mostKnown {
			clear(c.failed)
		}
		if !errors.Is(err, waxwing.ErrUnavailable) {
			c.failed[address] = now
		}
		return nil, err
	}
	if len(c.known) >= mostKnown {
		clear(c.known)
	}
	c.known[address] = k
	return k, nil
}

// kept gives a certificate that is known; nil: it must be fetched.
func (c *Certificates) kept(address string, now time.Time) (*x509.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.known[address]; k != nil && now.Before(k.NotAfter) {
		return k, nil
	}
	if at, ok := c.failed[address]; ok && now.Sub(at) < failedFor {
		return nil, fmt.Errorf("%w: its certificate was none a moment ago", ErrForged)
	}
	return nil, nil
}

func (c *Certificates) fetch(ctx context.Context, address, region string, now time.Time) (*x509.Certificate, error) {
	raw, err := c.get(ctx, address)
	if err != nil {
		return nil, err
	}
	var leaf *x509.Certificate
	between := x509.NewCertPool()
	for range 5 {
		var b *pem.Block
		if b, raw = pem.Decode(raw); b == nil {
			break
		}
		k, err := x509.ParseCertificate(b.Bytes)
		if err != nil || b.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%w: its certificate cannot be read", ErrForged)
		}
		if leaf == nil {
			leaf = k
		} else {
			between.AddCert(k)
		}
	}
	if leaf == nil {
		return nil, fmt.Errorf("%w: its certificate is none", ErrForged)
	}
	if leaf.VerifyHostname("sns."+region+".amazonaws.com") != nil && leaf.VerifyHostname("sns.amazonaws.com") != nil {
		return nil, fmt.Errorf("%w: its certificate is not of SNS", ErrForged)
	}
	o := x509.VerifyOptions{Roots: c.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err = leaf.Verify(o); err != nil && c.issuer(ctx, leaf, between) {
		_, err = leaf.Verify(o)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: its certificate is of nobody who is trusted", ErrForged)
	}
	return leaf, nil
}

// issuerAddress is where Amazon keeps the certificates of its authorities. What comes from there is
// believed for no more than its own signature.
var issuerAddress = regexp.MustCompile(`^http://crt\.[a-z0-9-]{1,40}\.amazontrust\.com/[A-Za-z0-9_-]{1,64}\.cer$`)

// issuer adds who signed a certificate, which SNS does not send along.
func (c *Certificates) issuer(ctx context.Context, leaf *x509.Certificate, between *x509.CertPool) bool {
	if len(leaf.IssuingCertificateURL) == 0 || !issuerAddress.MatchString(leaf.IssuingCertificateURL[0]) {
		return false
	}
	raw, err := c.get(ctx, leaf.IssuingCertificateURL[0])
	if err != nil {
		return false
	}
	k, err := x509.ParseCertificate(raw)
	if err == nil {
		between.AddCert(k)
	}
	return err == nil
}

// get fetches at most maxCertificate bytes. No error holds the address.
func (c *Certificates) get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, ErrForged
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: SNS cannot be reached", waxwing.ErrUnavailable)
	}
	defer func() { _ = res.Body.Close() }() // nothing more is read from it
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxCertificate+1))
	switch {
	case res.StatusCode/100 == 5:
		return nil, fmt.Errorf("%w: SNS answers %d", waxwing.ErrUnavailable, res.StatusCode)
	case res.StatusCode != http.StatusOK || len(raw) > maxCertificate:
		return nil, fmt.Errorf("%w: what it names as its certificate is none", ErrForged)
	case err != nil:
		return nil, fmt.Errorf("%w: SNS cannot be reached", waxwing.ErrUnavailable)
	}
	return raw, nil
}

// snsPost is what SNS posts to a subscriber.
type snsPost struct {
	Type, MessageId, TopicArn, Message, Timestamp string //nolint:revive // the names are SNS's
	Subject                                       *string
	Token, SubscribeURL                           string
	SignatureVersion, Signature                   string
	SigningCertURL                                string
}

// signed is the text that the signature is over; "" for a type that SNS does not have.
func (p *snsPost) signed() string {
	var b strings.Builder
	add := func(k, v string) { b.WriteString(k + "\n" + v + "\n") }
	add("Message", p.Message)
	add("MessageId", p.MessageId)
	switch p.Type {
	case "Notification":
		if p.Subject != nil {
			add("Subject", *p.Subject)
		}
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		add("SubscribeURL", p.SubscribeURL)
	default:
		return ""
	}
	add("Timestamp", p.Timestamp)
	if p.Type != "Notification" {
		add("Token", p.Token)
	}
	add("TopicArn", p.TopicArn)
	add("Type", p.Type)
	return b.String()
}

// verify checks the signature of a post of a topic in a region.
func (c *Certificates) verify(ctx context.Context, p *snsPost, region string, now time.Time) error {
	text := p.signed()
	sig, err := base64.StdEncoding.DecodeString(p.Signature)
	if text == "" || err != nil || len(sig) == 0 || p.SignatureVersion != "1" && p.SignatureVersion != "2" {
		return fmt.Errorf("%w: it is not signed as SNS signs", ErrForged)
	}
	k, err := c.of(ctx, p.SigningCertURL, region, now)
	if err != nil {
		return err
	}
	key, ok := k.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: its certificate's key is not RSA", ErrForged)
	}
	how, sum := crypto.SHA256, []byte(nil)
	if p.SignatureVersion == "1" {
		s := sha1.Sum([]byte(text)) //nolint:gosec // see the import
		how, sum = crypto.SHA1, s[:]
	} else {
		s := sha256.Sum256([]byte(text))
		sum = s[:]
	}
	if rsa.VerifyPKCS1v15(key, how, sum, sig) != nil {
		return fmt.Errorf("%w: its signature is wrong", ErrForged)
	}
	return nil
}

// confirm asks for a subscription to begin, at SNS of the topic's region and nowhere else.
func (c *Certificates) confirm(ctx context.Context, p *snsPost, region string) error {
	u, err := url.Parse(p.SubscribeURL)
	if err != nil || u.Scheme != "https" || u.Host != "sns."+region+".amazonaws.com" || u.User != nil || u.Fragment != "" || u.Path != "/" && u.Path != "" {
		return fmt.Errorf("%w: its SubscribeURL is not at SNS of the topic's region", ErrForged)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || q.Get("Action") != "ConfirmSubscription" || q.Get("TopicArn") != p.TopicArn || q.Get("Token") != p.Token {
		return fmt.Errorf("%w: its SubscribeURL is of something else", ErrForged)
	}
	_, err = c.get(ctx, u.String())
	return err
}
