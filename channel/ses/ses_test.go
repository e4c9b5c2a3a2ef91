package ses_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/ses"
	"github.com/waxwinghq/waxwing/channel/sink"
)

type letter struct {
	FromEmailAddress string
	Destination      struct{ ToAddresses []string }
	Content          struct{ Raw struct{ Data []byte } }
	EmailTags        []struct{ Name, Value string }
}

// server stands in for SES: it takes what is signed for its region, and answers as SES does.
func server(truth *sink.Truth, plan sink.Plan, on func(sink.Post)) *httptest.Server {
	return httptest.NewServer(&sink.HTTP{Truth: truth, Plan: plan, OnPost: on,
		Read: func(w http.ResponseWriter, p *sink.Post) bool {
			if !signed(p) {
				w.Header().Set("X-Amzn-Errortype", "SignatureDoesNotMatch")
				w.WriteHeader(http.StatusForbidden)
				return false
			}
			var l letter
			if json.Unmarshal(p.Body, &l) != nil || len(l.Destination.ToAddresses) != 1 {
				w.WriteHeader(http.StatusBadRequest)
				return false
			}
			m, err := mail.ReadMessage(bytes.NewReader(l.Content.Raw.Data))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return false
			}
			p.To, p.From, p.Key = l.Destination.ToAddresses[0], l.FromEmailAddress, m.Header.Get("Message-ID")
			return true
		},
		Took: func(w http.ResponseWriter, _ *sink.Post) { _, _ = io.WriteString(w, `{"MessageId":"0107abc-1"}`) }})
}

// signed makes the signature anew of what came.
func signed(p *sink.Post) bool {
	at, err := time.Parse("20060102T150405Z", p.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	req, _ := http.NewRequest(http.MethodPost, "http://localhost"+p.Path, nil)
	req.Header.Set("Content-Type", p.Header.Get("Content-Type"))
	req.ContentLength = int64(len(p.Body))
	sum := sha256.Sum256(p.Body)
	_ = v4.NewSigner().SignHTTP(req.Context(), aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret", SessionToken: p.Header.Get("X-Amz-Security-Token")},
		req, hex.EncodeToString(sum[:]), "ses", "eu-central-1", at)
	// The host is signed, too, but is not in what a Post keeps: the rest of the header is compared.
	want, _, _ := strings.Cut(req.Header.Get("Authorization"), ", Signature=")
	got, signature, _ := strings.Cut(p.Header.Get("Authorization"), ", Signature=")
	return got == want && len(signature) == 64
}

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T, plan sink.Plan) channeltest.World {
		truth := sink.NewTruth()
		srv := server(truth, plan, nil)
		s, err := open(srv.URL, 0)
		if err != nil {
			t.Fatal(err)
		}
		return channeltest.World{Provider: s, Truth: truth, Message: channeltest.Mail, Bad: "ada@x.example,eve@y.example", Stop: srv.Close,
			ID: func(o *waxwing.Outgoing) string {
				return "<m" + strings.TrimPrefix(o.IdempotencyKey, "key-") + "@shop.example>"
			}}
	})
}

func TestBytesStayOurs(t *testing.T) {
	var post sink.Post
	srv := server(nil, nil, func(p sink.Post) { post = p })
	defer srv.Close()
	s, err := ses.New(&ses.Settings{BaseURL: srv.URL, Region: "eu-central-1", AccessKey: "AKIAEXAMPLE", SecretKey: "secret", SessionToken: "session"}, httpsend.Config{Name: "mail"})
	if err != nil {
		t.Fatal(err)
	}
	m := channeltest.Mail(1)
	if a := s.Offer(t.Context(), m, func() error { return nil }); a.Verdict != waxwing.Accepted || a.Ref != "0107abc-1" {
		t.Fatalf("%+v", a)
	}
	var l letter
	if err := json.Unmarshal(post.Body, &l); err != nil || !bytes.Equal(l.Content.Raw.Data, m.Data) || l.FromEmailAddress != m.From || len(l.EmailTags) != 2 {
		t.Errorf("%+v, %v", l, err)
	}
	if post.Header.Get("X-Amz-Security-Token") != "session" || post.Path != "/v2/email/outbound-emails" {
		t.Errorf("%v", post.Header)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// The signature is that of AWS's rules, made here by hand for one request (SigV4).
func TestSignatureByHand(t *testing.T) {
	var host, auth, date string
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, auth, date = r.Host, r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date")
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"MessageId":"1"}`)
	}))
	defer srv.Close()
	s, err := open(srv.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Offer(t.Context(), channeltest.Mail(1), func() error { return nil }); a.Verdict != waxwing.Accepted {
		t.Fatalf("%+v", a)
	}
	_ = s.Close(t.Context())
	if want := byHand(host, date, body); auth != want {
		t.Errorf("got  %s\nwant %s", auth, want)
	}
}

func TestDocumentedAnswers(t *testing.T) {
	left := channeltest.Said{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	policy := channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault}
	unknown := channeltest.Said{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault, Bad: true}
	said := func(status int, kind, message string, want channeltest.Said) channeltest.Said {
		want.Name, want.Status, want.Body = kind+" "+message, status, `{"message":"`+message+`"}`
		want.Head = map[string]string{"X-Amzn-Errortype": kind + ":http://internal.amazon.com/coral/com.amazonaws/"}
		return want
	}
	table := []channeltest.Said{
		said(403, "SignatureDoesNotMatch", "The request signature we calculated does not match", left),
		said(403, "ExpiredTokenException", "The security token included in the request is expired", left),
		said(403, "UnrecognizedClientException", "The security token included in the request is invalid", left),
		said(403, "AccessDeniedException", "User is not authorized to perform ses:SendEmail", left),
		said(400, "AccountSuspendedException", "suspended", left),
		said(400, "SendingPausedException", "paused", left),
		said(400, "MailFromDomainNotVerifiedException", "not verified", left),
		said(400, "LimitExceededException", "daily quota", left),
		said(404, "NotFoundException", "Configuration set <x> does not exist.", left),
		said(400, "MessageRejected", "Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: c1@customer.example", left),
		said(400, "MessageRejected", "Email was rejected for its content", policy),
		said(400, "BadRequestException", "Local address contains control or whitespace", channeltest.Said{Verdict: waxwing.Rejected, Fault: waxwing.AddressFault}),
		said(400, "BadRequestException", "Missing required header 'From'.", policy),
		said(429, "TooManyRequestsException", "Maximum sending rate exceeded.", left),
		said(400, "Throttling", "Rate exceeded", left),
		said(413, "", "Request too large", policy),
		said(500, "InternalFailure", "oops", unknown),
		said(503, "ServiceUnavailable", "resting", left),
	}
	slow := said(429, "TooManyRequestsException", "later", left)
	slow.Name, slow.Wait = "Retry-After", 7*time.Second
	slow.Head["Retry-After"] = "7"
	inBody := channeltest.Said{Name: "kind in the body", Status: 400, Body: `{"__type":"com.amazonaws.ses#SendingPausedException"}`,
		Verdict: left.Verdict, Fault: left.Fault, Bad: true}
	channeltest.Answers(t, func(url string) (channeltest.Provider, error) { return open(url, 0) }, channeltest.Mail(1), append(table, slow, inBody))
}

func TestNoRegion(t *testing.T) {
	for _, s := range []ses.Settings{{}, {Region: "eu/../x"}, {Region: "eu-central-1", BaseURL: "x"}} {
		if _, err := ses.New(&s, httpsend.Config{}); err == nil {
			t.Errorf("accepted %+v", s.Region)
		}
	}
}
