package callback

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // as SNS signs
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const topic = "arn:aws:sns:us-east-1:123456789012:ses-events"

// authority is a certificate authority of the test's.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func certificate(t *testing.T, name string, key any, by *authority) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	parent, signer := c, key
	if by == nil {
		c.IsCA, c.BasicConstraintsValid = true, true
	} else {
		c.DNSNames = []string{name}
		parent, signer = by.cert, by.key
	}
	public := signer.(crypto.Signer).Public()
	if by != nil {
		public = key.(crypto.Signer).Public()
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key, certificate(t, "an authority", key, nil)}
}

// amazon stands in for SNS, which it is wherever one dials.
type amazon struct {
	mu     sync.Mutex
	dialed []string
	asked  []string
	key    *rsa.PrivateKey
	certs  *Certificates
	pages  map[string]func(w http.ResponseWriter)
}

func newAmazon(t *testing.T) *amazon {
	t.Helper()
	a := &amazon{pages: map[string]func(http.ResponseWriter){}}
	var err error
	if a.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	good, bad := newAuthority(t), newAuthority(t)
	page := func(c *x509.Certificate) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		}
	}
	a.pages["/good.pem"] = page(certificate(t, "sns.us-east-1.amazonaws.com", a.key, good))
	a.pages["/forged.pem"] = page(certificate(t, "sns.us-east-1.amazonaws.com", a.key, bad))
	a.pages["/named.pem"] = page(certificate(t, "sns.us-east-1.amazonaws.com.evil.example", a.key, good))
	a.pages["/none.pem"] = func(w http.ResponseWriter) { _, _ = io.WriteString(w, "hello") }
	a.pages["/moved.pem"] = func(w http.ResponseWriter) {
		w.Header().Set("Location", "/good.pem")
		w.WriteHeader(http.StatusFound)
	}
	a.pages["/endless.pem"] = func(w http.ResponseWriter) {
		for {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.asked = append(a.asked, r.URL.String())
		a.mu.Unlock()
		if p := a.pages[r.URL.Path]; p != nil {
			p(w)
		}
	}))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host := certificate(t, "sns.us-east-1.amazonaws.com", key, good)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{host.Raw}, PrivateKey: key}}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(good.cert)
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		a.mu.Lock()
		a.dialed = append(a.dialed, addr)
		a.mu.Unlock()
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	a.certs = NewCertificates(dial, roots, &tls.Config{RootCAs: roots, Time: func() time.Time { return now }})
	return a
}

// sign makes the post that SNS would.
func (a *amazon) sign(t *testing.T, p snsPost) string {
	t.Helper()
	var err error
	var sig []byte
	if p.SignatureVersion == "1" {
		s := sha1.Sum([]byte(p.signed())) //nolint:gosec // as SNS signs
		sig, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA1, s[:])
	} else {
		s := sha256.Sum256([]byte(p.signed()))
		sig, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, s[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Signature = base64.StdEncoding.EncodeToString(sig)
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sesBounce(to string) string {
	return fmt.Sprintf(`{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":%q,"action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},"mail":{"tags":{"waxwing_ref":[%q]}}}`, to, ours)
}

func notification(id string) snsPost {
	return snsPost{Type: "Notification", MessageId: id, TopicArn: topic, Message: sesBounce("anna@example.com"), Timestamp: now.Format(time.RFC3339Nano),
		SignatureVersion: "2", SigningCertURL: "https://sns.us-east-1.amazonaws.com/good.pem"}
}

// TestSNS: what SNS did not sign, for this topic and lately, by a certificate of its own, leaves nothing.
func TestSNS(t *testing.T) {
	a := newAmazon(t)
	d, b := deskOf(SES(topic, a.certs))
	with := func(change func(p *snsPost)) string {
		p := notification("n")
		change(&p)
		return a.sign(t, p)
	}
	signed := a.sign(t, notification("n"))
	at := func(url string) string { return with(func(p *snsPost) { p.SigningCertURL = url }) }
	for name, body := range map[string]string{
		"another topic":             with(func(p *snsPost) { p.TopicArn += "2" }),
		"old":                       with(func(p *snsPost) { p.Timestamp = now.Add(-snsRepeats - tolerance - time.Second).Format(time.RFC3339) }),
		"no time":                   with(func(p *snsPost) { p.Timestamp = "" }),
		"altered":                   strings.Replace(signed, "anna@", "Anna@", 1),
		"another recipient":         with(func(p *snsPost) { p.Message = sesBounce("bob@example.com") }),
		"another version":           with(func(p *snsPost) { p.SignatureVersion = "3" }),
		"another type":              with(func(p *snsPost) { p.Type = "Other" }),
		"a forged certificate":      at("https://sns.us-east-1.amazonaws.com/forged.pem"),
		"a certificate of another":  at("https://sns.us-east-1.amazonaws.com/named.pem"),
		"no certificate":            at("https://sns.us-east-1.amazonaws.com/none.pem"),
		"a certificate without end": at("https://sns.us-east-1.amazonaws.com/endless.pem"),
		"a certificate that moved":  at("https://sns.us-east-1.amazonaws.com/moved.pem"),
		"not JSON":                  "{",
	} {
		if s := post(d, "-/mail", nil, "", body); s != 403 || len(b.told) != 0 {
			t.Errorf("%s: %d %v", name, s, b.told)
		}
	}
	for i, v := range []string{"1", "2"} {
		if s := post(d, "-/mail", nil, "", with(func(p *snsPost) { p.MessageId, p.SignatureVersion = v, v })); s != 204 || len(b.told) != i+1 || b.told[i].Class != "hard" {
			t.Errorf("version %s: %d %+v", v, s, b.told)
		}
	}
	if s := post(d, "-/mail", nil, "", with(func(p *snsPost) { p.MessageId = "1" })); s != 403 || len(b.told) != 2 {
		t.Errorf("a replay: %d", s)
	}
	fetched := 0
	for _, u := range a.asked {
		if u == "/good.pem" {
			fetched++
		}
	}
	if fetched != 1 {
		t.Errorf("its certificate was fetched %d times", fetched)
	}
}

// TestNowhereElse: no certificate is fetched from, and no subscription confirmed at, what only looks
// like SNS.
func TestNowhereElse(t *testing.T) {
	a := newAmazon(t)
	d, b := deskOf(SES(topic, a.certs))
	addresses := []string{
		"https://sns.us-east-1.amazonaws.com.evil.example/%s", "https://sns.us-east-1.amazonaws.com@evil.example/%s", "https://user@sns.us-east-1.amazonaws.com/%s",
		"https://sns.us-east-1.amazonaws.com:8443/%s", "http://sns.us-east-1.amazonaws.com/%s", "https://sns.us-east-1.amazonaws.com%%2eevil.example/%s",
		"https://sns.us-east-1%%2eamazonaws.com/%s", "https://evil.example/sns.us-east-1.amazonaws.com/%s", "https://evil.example#sns.us-east-1.amazonaws.com/%s",
		"https://sns.eu-west-1.amazonaws.com/%s", "https://s3.us-east-1.amazonaws.com/%s", "https://xsns.us-east-1.amazonaws.com/%s", "//sns.us-east-1.amazonaws.com/%s",
		"https://sns.us-east-1.amazonaws.com./%s", "https:\\\\sns.us-east-1.amazonaws.com/%s", "https://127.0.0.1/%s", "file:///%s", "",
	}
	for _, u := range addresses {
		p := notification("n")
		p.SigningCertURL = u
		if strings.Contains(u, "%") {
			p.SigningCertURL = fmt.Sprintf(u, "good.pem")
		}
		if s := post(d, "-/mail", nil, "", a.sign(t, p)); s != 403 || len(b.told) != 0 {
			t.Errorf("%s: %d", p.SigningCertURL, s)
		}
	}
	for _, u := range []string{"https://sns.us-east-1.amazonaws.com/good.pem?x=1", "https://sns.us-east-1.amazonaws.com/../good.pem", "https://sns.us-east-1.amazonaws.com/good.pem#x", "https://sns.us-east-1.amazonaws.com/good.txt"} {
		p := notification("n")
		p.SigningCertURL = u
		if s := post(d, "-/mail", nil, "", a.sign(t, p)); s != 403 {
			t.Errorf("%s: %d", u, s)
		}
	}
	if len(a.dialed) != 0 {
		t.Fatalf("dialed %v", a.dialed)
	}
	subscribe := func(change func(p *snsPost)) int {
		p := notification("s")
		p.Type, p.Token, p.Message = "SubscriptionConfirmation", "t1", "You have chosen to subscribe"
		p.SubscribeURL = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=t1"
		change(&p)
		return post(d, "-/mail", nil, "", a.sign(t, p))
	}
	query := "?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=t1"
	for _, u := range append(addresses, "https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&TopicArn="+topic+"&Token=t1", "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=t1") {
		if strings.Contains(u, "%s") {
			u = fmt.Sprintf(u, query)
		}
		if s := subscribe(func(p *snsPost) { p.SubscribeURL = u }); s != 403 {
			t.Errorf("%s: %d", u, s)
		}
	}
	if s := subscribe(func(p *snsPost) { p.TopicArn += "2" }); s != 403 {
		t.Errorf("another topic's: %d", s)
	}
	if s := subscribe(func(p *snsPost) { p.Type = "UnsubscribeConfirmation"; p.MessageId = "u" }); s != 204 {
		t.Errorf("the end of it: %d", s)
	}
	if len(a.asked) != 1 || a.asked[0] != "/good.pem" {
		t.Fatalf("asked %v", a.asked)
	}
	if s := subscribe(func(*snsPost) {}); s != 204 || len(a.asked) != 2 || !strings.HasPrefix(a.asked[1], "/?Action=ConfirmSubscription") {
		t.Errorf("%d, asked %v", s, a.asked)
	}
}

func TestSESMeans(t *testing.T) {
	bounced := func(kind, rest string) string {
		typ, sub, _ := strings.Cut(kind, "/")
		return fmt.Sprintf(`{"notificationType":"Bounce","bounce":{"bounceType":%q,"bounceSubType":%q,"bouncedRecipients":[{"emailAddress":"a@b.example"%s}]}}`, typ, sub, rest)
	}
	for event, want := range map[string]string{
		bounced("Permanent/General", ""): "bounced hard user-unknown",
		bounced("Permanent/General", `,"status":"5.7.1","diagnosticCode":"550 5.7.1 blocked by policy"`): "bounced policy blocked",
		bounced("Permanent/NoEmail", ""):                                                                                    "bounced hard user-unknown",
		bounced("Permanent/Suppressed", ""):                                                                                 "bounced hard user-unknown",
		bounced("Permanent/OnAccountSuppressionList", ""):                                                                   "bounced policy rejected",
		bounced("Transient/MailboxFull", ""):                                                                                "bounced full mailbox-full",
		bounced("Transient/MessageTooLarge", ""):                                                                            "bounced content too-large",
		bounced("Transient/ContentRejected", ""):                                                                            "bounced content content",
		bounced("Transient/General", ""):                                                                                    "  ",
		bounced("Transient/General", `,"action":"failed","diagnosticCode":"550 5.1.1 user unknown"`):                        "bounced soft unknown",
		bounced("Undetermined/Undetermined", `,"action":"failed"`):                                                          "bounced soft unknown",
		`{"eventType":"Delivery","delivery":{"recipients":["a@b.example"]}}`:                                                "delivered  ",
		`{"eventType":"Complaint","complaint":{"complaintFeedbackType":"abuse","complainedRecipients":[{}]}}`:               "complained  abuse",
		`{"eventType":"Complaint","complaint":{"complaintFeedbackType":"not-spam","complainedRecipients":[{}]}}`:            "  ",
		`{"eventType":"Complaint","complaint":{"complaintSubType":"OnAccountSuppressionList","complainedRecipients":[{}]}}`: "bounced policy rejected",
		`{"eventType":"Reject","mail":{"destination":["a@b.example"]},"reject":{"reason":"Bad content"}}`:                   "bounced content virus",
	} {
		var e sesEvent
		if err := json.Unmarshal([]byte(event), &e); err != nil {
			t.Fatal(err)
		}
		all := e.read()
		if len(all) != 1 || meaning(all[0]) != want {
			t.Errorf("%s: %+v, want %q", event, all, want)
		}
	}
	for _, none := range []string{`{"eventType":"DeliveryDelay"}`, `{"eventType":"Open"}`, `{}`} {
		var e sesEvent
		if err := json.Unmarshal([]byte(none), &e); err != nil || len(e.read()) != 0 {
			t.Errorf("%s: %v", none, err)
		}
	}
}
