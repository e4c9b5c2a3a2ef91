package callback

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/feedback/inbound"
)

const (
	token = "abcdefghijklmnopqrst"
	other = "zyxwvutsrqponmlkjihg" // of bolt's message
)

var (
	now     = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	message = waxwing.NewID(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 0, 7)
	theirs  = waxwing.NewID(time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), 0, 7)
	ours    = (&waxwing.Outgoing{Tenant: "acme", Message: message, IdempotencyKey: token + "uvwxyz234567"}).Reference()
	bolts   = (&waxwing.Outgoing{Tenant: "bolt", Message: theirs, IdempotencyKey: other + "uvwxyz234567"}).Reference()
)

// books are a ledger of two tenants' messages, of one each.
type books struct {
	by   []string
	to   string
	told []inbound.Told
	err  error
	asks int
}

func (b *books) Checks(t waxwing.TenantID, id waxwing.ID, s string) bool {
	return t == "acme" && id == message && s == token || t == "bolt" && id == theirs && s == other
}

func (b *books) Offered(_ context.Context, t waxwing.TenantID, id waxwing.ID) (string, []string, error) {
	b.asks++
	if t == "acme" && id == message || t == "bolt" && id == theirs {
		return b.to, b.by, b.err
	}
	return "", nil, waxwing.ErrNotFound
}

func (b *books) Tell(_ context.Context, t *inbound.Told) error {
	if b.err == nil {
		b.told = append(b.told, *t)
	}
	return b.err
}

func deskOf(p Provider) (*Desk, *books) {
	b := &books{by: []string{"mail", "acme/mine"}, to: "Anna@example.com"}
	d := NewDesk(b, []string{"hard", "complaint"}, slog.New(slog.DiscardHandler))
	d.now = func() time.Time { return now }
	d.Use(map[string]Door{"-/mail": {p, "mail", ""}, "acme/mine": {p, "acme/mine", "acme"}, "-/spare": {p, "spare", ""}}, []waxwing.TenantID{"acme", "bolt"})
	return d, b
}

func post(d *Desk, at string, h http.Header, query, body string) int {
	r := httptest.NewRequest(http.MethodPost, "/feedback/"+at+"?"+query, nil)
	r.Header = h
	t, p, _ := strings.Cut(at, "/")
	r.SetPathValue("tenant", t)
	r.SetPathValue("provider", p)
	status, _ := d.Take(r, []byte(body))
	return status
}

func mailgunBody(key string, at time.Time, tok, event string) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(key))
	_, _ = h.Write([]byte(stamp + tok))
	return fmt.Sprintf(`{"signature":{"timestamp":%q,"token":%q,"signature":"%x"},"event-data":%s}`, stamp, tok, h.Sum(nil), event)
}

func mailgunFailed(ref, to string) string {
	return fmt.Sprintf(`{"event":"failed","severity":"permanent","reason":"bounce","recipient":%q,"user-variables":{"waxwing_ref":%q},"message":{"headers":{"message-id":"%suvwxyz234567@acme.example"}},"delivery-status":{"code":550,"message":"5.1.1 no such user","bounce-type":"hard"}}`, to, ref, token)
}

const fifty = "0123456789abcdef0123456789abcdef0123456789abcdef00"

// TestMailgun: what is not believed, or is of something else, is answered alike and leaves nothing.
func TestMailgun(t *testing.T) {
	d, b := deskOf(Mailgun("key"))
	tok := func(n int) string { return fifty + strconv.Itoa(n) }
	good := mailgunBody("key", now, tok(0), mailgunFailed(ours, "anna@example.com"))
	for i, c := range []struct {
		name, at, body string
		status         int
	}{
		{"another key", "-/mail", mailgunBody("other", now, tok(1), mailgunFailed(ours, "anna@example.com")), 406},
		{"too old", "-/mail", mailgunBody("key", now.Add(-mailgunRepeats-tolerance-time.Second), tok(2), mailgunFailed(ours, "anna@example.com")), 406},
		{"from the future", "-/mail", mailgunBody("key", now.Add(tolerance+time.Second), tok(3), mailgunFailed(ours, "anna@example.com")), 406},
		{"no JSON", "-/mail", `{"signature":`, 406},
		{"an array", "-/mail", `[]`, 406},
		{"of nobody", "-/mail", mailgunBody("key", now, tok(4), mailgunFailed("", "anna@example.com")), 406},
		{"a reference that was made up", "-/mail", mailgunBody("key", now, tok(5), mailgunFailed(ours[:21]+strings.Repeat("a", 20), "anna@example.com")), 406},
		{"another's message at a tenant's own", "acme/mine", mailgunBody("key", now, tok(6), mailgunFailed(bolts, "anna@example.com")), 406},
		{"another recipient", "-/mail", mailgunBody("key", now, tok(7), mailgunFailed(ours, "bob@example.com")), 406},
		{"a provider that it was not offered to", "-/spare", mailgunBody("key", now, tok(8), mailgunFailed(ours, "anna@example.com")), 406},
		{"another Message-ID", "-/mail", mailgunBody("key", now, tok(9), strings.Replace(mailgunFailed(ours, "anna@example.com"), token, other, 1)), 406},
		{"no such provider", "-/none", good, 404},
		{"no such tenant", "none/mail", good, 404},
	} {
		if s := post(d, c.at, nil, "", c.body); s != c.status || len(b.told) != 0 {
			t.Errorf("%d %s: %d, told %v", i, c.name, s, b.told)
		}
	}
	b.err = waxwing.ErrUnavailable
	if s := post(d, "-/mail", nil, "", good); s != 503 {
		t.Errorf("not recorded: %d", s)
	}
	b.err = nil
	if s := post(d, "-/mail", nil, "", good); s != 204 || len(b.told) != 1 {
		t.Fatalf("%d %v", s, b.told)
	}
	if x := b.told[0]; x.Tenant != "acme" || x.Message != message || x.By != "mail" || x.Kind != waxwing.Bounced || x.Class != "hard" || x.Reason != "user-unknown" || !x.Suppress || !json.Valid(x.Evidence) {
		t.Errorf("%+v", x)
	}
	if s := post(d, "-/mail", nil, "", good); s != 406 || len(b.told) != 1 {
		t.Errorf("a replay: %d %v", s, b.told)
	}
	if s := post(d, "-/mail", nil, "", mailgunBody("key", now, fifty, strings.Replace(mailgunFailed(ours, "x"), "permanent", "temporary", 1))); s != 204 || len(b.told) != 1 {
		t.Errorf("what is only late: %d %v", s, b.told)
	}
	if s := post(d, "acme/mine", nil, "", mailgunBody("key", now.Add(-mailgunRepeats), tok(20), mailgunFailed(strings.ToUpper(ours), "ANNA@example.com"))); s != 204 || len(b.told) != 2 {
		t.Errorf("a repeated one at a tenant's own: %d %v", s, b.told)
	}
}

// TestUnknownAsksTheLedger: the ledger is asked of what has no reference, too.
func TestUnknownAsksTheLedger(t *testing.T) {
	d, b := deskOf(Mailgun("key"))
	for i, ref := range []string{ours, bolts, "", ours[:40] + "a"} {
		b.asks = 0
		post(d, "acme/mine", nil, "", mailgunBody("key", now, fifty+strconv.Itoa(i), mailgunFailed(ref, "bob@example.com")))
		if b.asks != 1 {
			t.Errorf("%q: asked %d times", ref, b.asks)
		}
	}
}

func TestMailgunMeans(t *testing.T) {
	for event, want := range map[string]string{
		`{"event":"delivered"}`:                  "delivered  ",
		`{"event":"complained"}`:                 "complained  abuse",
		`{"event":"opened","user-variables":[]}`: "  ",
		`{"event":"accepted"}`:                   "  ",
		`{"event":"failed","severity":"temporary","delivery-status":{"code":450}}`:                                  "  ",
		`{"event":"failed","severity":"permanent","reason":"suppress-bounce"}`:                                      "bounced hard user-unknown",
		`{"event":"failed","severity":"permanent","reason":"suppress-complaint"}`:                                   "bounced policy rejected",
		`{"event":"failed","severity":"permanent","reason":"old"}`:                                                  "bounced soft expired",
		`{"event":"failed","severity":"permanent","reason":"espblock"}`:                                             "bounced policy blocked",
		`{"event":"failed","severity":"permanent","delivery-status":{"code":"552","message":"5.2.2 mailbox full"}}`: "bounced full mailbox-full",
		`{"event":"failed","severity":"permanent","delivery-status":{"code":550,"bounce-type":"hard"}}`:             "bounced hard user-unknown",
		`{"event":"failed","severity":"permanent","reason":"generic"}`:                                              "bounced soft unknown",
	} {
		var e mailgunEvent
		if err := json.Unmarshal([]byte(event), &e); err != nil {
			t.Errorf("%s: %v", event, err)
		}
		if got := meaning(e.read()); got != want {
			t.Errorf("%s: %q, want %q", event, got, want)
		}
	}
}

func meaning(e Event) string { return fmt.Sprintf("%s %s %s", e.Kind, e.Class, e.Reason) }

func TestSendGrid(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d, b := deskOf(SendGrid(&key.PublicKey))
	signed := func(key *ecdsa.PrivateKey, at time.Time, body string) http.Header {
		stamp := strconv.FormatInt(at.Unix(), 10)
		sum := sha256.Sum256([]byte(stamp + body))
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return http.Header{"X-Twilio-Email-Event-Webhook-Timestamp": {stamp}, "X-Twilio-Email-Event-Webhook-Signature": {base64.StdEncoding.EncodeToString(sig)}}
	}
	body := fmt.Sprintf(`[{"event":"processed"},{"event":"bounce","type":"bounce","email":"bob@example.com","waxwing_ref":%q},{"event":"bounce","type":"bounce","status":"5.1.1","reason":"550 no such user","email":"anna@example.com","waxwing_ref":%q}]`, ours, ours)
	good := signed(key, now, body)
	for name, c := range map[string]struct {
		h    http.Header
		body string
	}{
		"forged":       {signed(forger, now, body), body},
		"altered":      {good, strings.Replace(body, "anna", "Anna", 1)},
		"old":          {signed(key, now.Add(-sendGridRepeats-tolerance-time.Second), body), body},
		"not signed":   {nil, body},
		"another time": {http.Header{"X-Twilio-Email-Event-Webhook-Timestamp": {"1777895999"}, "X-Twilio-Email-Event-Webhook-Signature": good["X-Twilio-Email-Event-Webhook-Signature"]}, body},
		"no array":     {signed(key, now, "{}"), "{}"},
	} {
		if s := post(d, "-/mail", c.h, "", c.body); s != 204 || len(b.told) != 0 {
			t.Errorf("%s: %d %v", name, s, b.told)
		}
	}
	for range 2 {
		if s := post(d, "-/mail", good, "", body); s != 204 || len(b.told) != 1 || b.told[0].Reason != "user-unknown" {
			t.Errorf("%d %+v", s, b.told)
		}
	}
	for event, want := range map[string]string{
		`{"event":"delivered"}`:                     "delivered  ",
		`{"event":"deferred","reason":"450 later"}`: "  ",
		`{"event":"open"}`:                          "  ",
		`{"event":"spamreport"}`:                    "complained  abuse",
		`{"event":"bounce","type":"blocked","reason":"550 5.1.1 unknown user"}`:        "bounced policy blocked",
		`{"event":"bounce","type":"blocked","reason":"552 5.2.2 mailbox full"}`:        "bounced full mailbox-full",
		`{"event":"bounce","type":"bounce","bounce_classification":"Invalid Address"}`: "bounced hard user-unknown",
		`{"event":"bounce","type":"bounce","bounce_classification":"Reputation"}`:      "bounced policy blocked",
		`{"event":"bounce","type":"bounce"}`:                                           "bounced soft unknown",
		`{"event":"dropped","reason":"Bounced Address"}`:                               "bounced hard user-unknown",
		`{"event":"dropped","reason":"Unsubscribed Address"}`:                          "bounced policy rejected",
		`{"event":"dropped","reason":"Invalid SMTPAPI header"}`:                        "bounced policy policy",
	} {
		var e sendGridEvent
		if err := json.Unmarshal([]byte(event), &e); err != nil {
			t.Fatal(err)
		}
		if got := meaning(e.read()); got != want {
			t.Errorf("%s: %q, want %q", event, got, want)
		}
	}
}

func TestPostmark(t *testing.T) {
	d, b := deskOf(Postmark("hook", "0123456789abcdef"))
	basic := func(user, password string) http.Header {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header
	}
	body := fmt.Sprintf(`{"RecordType":"SpamComplaint","TypeCode":512,"Email":"anna@example.com","Metadata":{"waxwing_ref":%q}}`, ours)
	for name, h := range map[string]http.Header{"nobody": nil, "another password": basic("hook", "0123456789abcdeF"), "another user": basic("", "0123456789abcdef"), "a part": basic("hook", "0123456789")} {
		if s := post(d, "-/mail", h, "", body); s != 403 || len(b.told) != 0 {
			t.Errorf("%s: %d %v", name, s, b.told)
		}
	}
	h := basic("hook", "0123456789abcdef")
	if s := post(d, "-/mail", h, "", strings.Replace(body, "anna", "bob", 1)); s != 403 || len(b.told) != 0 {
		t.Errorf("another recipient: %d", s)
	}
	if s := post(d, "-/mail", h, "", body); s != 204 || len(b.told) != 1 || b.told[0].Class != "complaint" || b.told[0].Reason != "abuse" || !b.told[0].Suppress {
		t.Errorf("%d %+v", s, b.told)
	}
	for event, want := range map[string]string{
		`{"RecordType":"Delivery"}`:                                                  "delivered  ",
		`{"RecordType":"Open"}`:                                                      "  ",
		`{"RecordType":"Bounce","TypeCode":1}`:                                       "bounced hard user-unknown",
		`{"RecordType":"Bounce","TypeCode":2}`:                                       "  ",
		`{"RecordType":"Bounce","TypeCode":64}`:                                      "  ",
		`{"RecordType":"Bounce","TypeCode":256}`:                                     "  ",
		`{"RecordType":"Bounce","TypeCode":512}`:                                     "bounced policy spam",
		`{"RecordType":"Bounce","TypeCode":4096,"Details":"552 5.2.2 mailbox full"}`: "bounced full mailbox-full",
		`{"RecordType":"Bounce","TypeCode":4096,"Details":"550 5.1.1 user unknown"}`: "bounced soft suspended",
		`{"RecordType":"Bounce","TypeCode":8192}`:                                    "bounced content virus",
		`{"RecordType":"Bounce","TypeCode":100000}`:                                  "bounced hard user-unknown",
		`{"RecordType":"Bounce","TypeCode":100001}`:                                  "complained  abuse",
		`{"RecordType":"Bounce","TypeCode":100006}`:                                  "bounced policy blocked",
		`{"RecordType":"Bounce","TypeCode":100009}`:                                  "bounced policy auth-failure",
	} {
		var e postmarkPost
		if err := json.Unmarshal([]byte(event), &e); err != nil {
			t.Fatal(err)
		}
		if got := meaning(e.read()); got != want {
			t.Errorf("%s: %q, want %q", event, got, want)
		}
	}
}

// TestTwilioSignature is held to the examples of Twilio's documentation and of its libraries.
func TestTwilioSignature(t *testing.T) {
	for caller, want := range map[string]string{"+14158675309": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "+14158675310": "GvWf1cFY/Q7PnoempGyD5oXAezc="} {
		v := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {caller}, "Digits": {"1234"}, "From": {caller}, "To": {"+18005551212"}}
		got := twilio{"https://mycompany.com/myapp.php", "12345"}.sign("foo=1&bar=2", v)
		if s := base64.StdEncoding.EncodeToString(got); s != want {
			t.Errorf("%s: %s", caller, s)
		}
	}
}

func TestTwilio(t *testing.T) {
	p := Twilio("https://mail.example/feedback/-/mail", "token").(twilio)
	d, b := deskOf(p)
	b.to = "+4915112345678"
	v := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"undelivered"}, "ErrorCode": {"30005"}, "To": {"+4915112345678"}}
	q := "waxwing_ref=" + ours
	h := http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(p.sign(q, v))}}
	for name, c := range map[string][2]string{"another query": {"waxwing_ref=" + bolts, v.Encode()}, "more": {q, v.Encode() + "&x=1"}, "altered": {q, strings.Replace(v.Encode(), "30005", "30006", 1)}, "no form": {q, "%zz"}} {
		if s := post(d, "-/mail", h, c[0], c[1]); s != 403 || len(b.told) != 0 {
			t.Errorf("%s: %d %v", name, s, b.told)
		}
	}
	if s := post(d, "-/mail", h, q, v.Encode()); s != 204 || len(b.told) != 1 || b.told[0].Class != "hard" {
		t.Errorf("%d %+v", s, b.told)
	}
	if s := post(d, "-/mail", h, q, v.Encode()); s != 403 || len(b.told) != 1 {
		t.Errorf("a replay: %d", s)
	}
	for code, want := range map[int]string{30003: "suspended", 30004: "rejected", 30005: "user-unknown", 30006: "no-mail", 30007: "filtered", 30008: "unknown", 30034: "policy", 0: "unknown"} {
		if got := string(twilioReason(code)); got != want {
			t.Errorf("%d: %s", code, got)
		}
	}
}

func TestVonage(t *testing.T) {
	x := Vonage("secret").(vonage)
	d, b := deskOf(x)
	b.to = "+4915112345678"
	bearer := func(alg, body, secret string, at time.Time) http.Header {
		sum := sha256.Sum256([]byte(body))
		text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+alg+`","typ":"JWT"}`)) + "." +
			base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"jti":"1","iss":"Vonage","payload_hash":"%x"}`, at.Unix(), sum))
		h := hmac.New(sha256.New, []byte(secret))
		_, _ = h.Write([]byte(text))
		return http.Header{"Authorization": {"Bearer " + text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))}}
	}
	body := fmt.Sprintf(`{"msisdn":"4915112345678","status":"failed","err-code":"3","client-ref":%q}`, ours)
	good := bearer("HS256", body, "secret", now)
	for name, c := range map[string]struct {
		h    http.Header
		body string
	}{
		"not signed": {nil, body}, "forged": {bearer("HS256", body, "guess", now), body}, "altered": {good, strings.Replace(body, `"3"`, `"1"`, 1)},
		"old": {bearer("HS256", body, "secret", now.Add(-vonageRepeats-tolerance-time.Second)), body}, "none": {bearer("none", body, "secret", now), body},
	} {
		if s := post(d, "-/mail", c.h, "", c.body); s != 204 || len(b.told) != 0 {
			t.Errorf("%s: %d %v", name, s, b.told)
		}
	}
	if s := post(d, "-/mail", good, "", body); s != 204 || len(b.told) != 1 || b.told[0].Class != "hard" {
		t.Errorf("%d %+v", s, b.told)
	}
	v := url.Values{"msisdn": {"4915112345678"}, "status": {"delivered"}, "err-code": {"0"}, "client-ref": {ours}, "timestamp": {strconv.FormatInt(now.Unix(), 10)}, "scts": {"a=b&c"}}
	h := hmac.New(sha256.New, []byte("secret"))
	_, _ = h.Write([]byte("&client-ref=" + ours + "&err-code=0&msisdn=4915112345678&scts=a_b_c&status=delivered&timestamp=" + v.Get("timestamp")))
	v.Set("sig", strings.ToUpper(hex.EncodeToString(h.Sum(nil))))
	if s := post(d, "-/mail", nil, "", strings.Replace(v.Encode(), "delivered", "rejected", 1)); s != 204 || len(b.told) != 1 {
		t.Errorf("an altered form: %d %v", s, b.told)
	}
	if s := post(d, "-/mail", nil, "", v.Encode()); s != 204 || len(b.told) != 2 || b.told[1].Kind != waxwing.Delivered {
		t.Errorf("a form: %d %v", s, b.told)
	}
	for code, want := range map[int]string{1: "unknown", 2: "suspended", 3: "user-unknown", 4: "rejected", 6: "spam", 8: "network", 10: "content", 13: "policy", 15: "system", 99: "unknown"} {
		if got := string(vonageReason(code)); got != want {
			t.Errorf("%d: %s", code, got)
		}
	}
}

// TestReplaysForget: memory of replays is bounded, and ends after a day.
func TestReplaysForget(t *testing.T) {
	var s seen
	key := func(i int) [32]byte { return sha256.Sum256([]byte(strconv.Itoa(i))) }
	for i := range mostSeen + 10 {
		s.add(key(i), now)
	}
	if len(s.at) != mostSeen || s.has(key(9), now) || !s.has(key(10), now) || s.has(key(10), now.Add(seenFor)) {
		t.Errorf("%d", len(s.at))
	}
}

// FuzzBodies: whatever a body is, it is read or refused, and no event is bounced without a class.
func FuzzBodies(f *testing.F) {
	f.Add([]byte(mailgunFailed(ours, "a@b.example")))
	f.Add([]byte(`{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"a@b.example"}]}}`))
	f.Add([]byte(`{"RecordType":"Bounce","TypeCode":1,"Metadata":{}}`))
	f.Add([]byte(`{"event":"bounce","type":"blocked"}`))
	f.Add([]byte(`a=1&a=2&sig=00`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var events []Event
		var m mailgunEvent
		if json.Unmarshal(body, &m) == nil {
			events = append(events, m.read())
		}
		var s sendGridEvent
		if json.Unmarshal(body, &s) == nil {
			events = append(events, s.read())
		}
		var p postmarkPost
		if json.Unmarshal(body, &p) == nil {
			events = append(events, p.read())
		}
		var x sesEvent
		if json.Unmarshal(body, &x) == nil {
			events = append(events, x.read()...)
		}
		for _, e := range events {
			if (e.Kind == waxwing.Bounced) != (e.Class != "") || len(e.Said.Words) > maxWords {
				t.Errorf("%+v", e)
			}
		}
		r := &Request{Header: http.Header{"Authorization": {"Bearer " + string(body)}, "X-Twilio-Signature": {string(body)}}, Query: string(body), Body: body, Now: now}
		for _, p := range []Provider{Mailgun("k"), Twilio("https://a.example", "k"), Vonage("k"), Postmark("u", "p"), SES("arn:aws:sns:eu-central-1:123456789012:x", NewCertificates(nil, nil, nil))} {
			if _, _, err := p.Events(t.Context(), r); !errors.Is(err, ErrForged) {
				t.Errorf("%T: %v", p, err)
			}
		}
	})
}
