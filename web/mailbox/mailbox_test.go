package mailbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// hostileMail tries what a mail can try.
const hostileMail = "From: \"<b>Acme</b>\" <orders@acme.example>\r\nTo: a@b.example\r\nSubject: =?utf-8?q?<script>alert(1)</script>?=\r\n" +
	"Content-Language: en\r\nMessage-ID: <m1@acme.example>\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n" +
	"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nna=C3=AFve </textarea><script>alert(2)</script>\r\n" +
	"--x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"<html><head><style>@media (prefers-color-scheme: dark) {p{color:red}}</style></head><body onload=3D\"alert(3)\">" +
	"<img src=3D\"https://pictures.example/mug.svg\"><img src=3D\"https://tracker.example/x.gif\"><script>alert(4)</script>" +
	"<a href=3D\"javascript:alert(5)\">x</a></body></html>\r\n--x--\r\n"

// fakeBooks is a ledger of fixed views.
type fakeBooks struct{ views []waxwing.ConfirmationView }

func (f *fakeBooks) List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error) {
	if q.Tenant != "acme" {
		return nil, nil
	}
	return f.views, nil
}

func (f *fakeBooks) Get(ctx context.Context, _ waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error) {
	for i := range f.views {
		if f.views[i].ID == id {
			v := f.views[i]
			return &v, nil
		}
	}
	return nil, waxwing.ErrNotFound
}

func (f *fakeBooks) Raw(context.Context, waxwing.TenantID, waxwing.ID) (string, string, []byte, error) {
	return "plain", "", []byte("{}"), nil
}

func testMailbox(t *testing.T, b *fakeBooks) (*Mailbox, *http.ServeMux) {
	t.Helper()
	m := New(Config{PicturesAt: "https://pictures.example/", Formats: map[string]waxwing.Format{"plain": {
		Normalise: func(string, []byte) (*waxwing.Order, error) {
			return &waxwing.Order{Number: "#7", Customer: waxwing.Customer{FirstName: "<i>Zoë</i>", Email: "a@b.example"}}, nil
		}}}})
	m.Open(configtest.With(map[string]config.Tenant{"acme": {Name: "Acme", From: "orders@acme.example", Brand: config.Brand{Color: "#112233"}},
		"other": {Name: "Other"}}), b)
	mux := http.NewServeMux()
	for pattern, h := range m.Pages() {
		mux.Handle(pattern, h)
	}
	return m, mux
}

func visit(t *testing.T, h http.Handler, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	res := w.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// view is a confirmation whose answer was lost once.
func view(state waxwing.State) waxwing.ConfirmationView {
	id, now := waxwing.NewID(time.Now().Add(time.Second), 0, 0), time.Now().Add(time.Second)
	return waxwing.ConfirmationView{ID: id, Shop: "shopify", State: state, Created: now, Messages: []waxwing.MessageView{{ID: id + 1, N: 1,
		Channel: waxwing.Email, State: state, To: "a@b.example", MessageID: "m1@acme.example", Locale: "en", Attempts: []waxwing.AttemptView{
			{N: 1, Provider: "mail", Verdict: waxwing.UncertainVerdict, Phase: waxwing.PhaseDot, Began: now, Ended: now.Add(3 * time.Millisecond)},
			{N: 2, Provider: "mail", Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot, Code: 250, Reply: "2.0.0 <b>ok</b>"}}}},
		Trail: []waxwing.TrailEntry{
			{Seq: 1, At: now, Confirmation: id, To: waxwing.Received, Cause: "accepted", Detail: map[string]string{"source": "webhook", "shop": "shopify"}},
			{Seq: 2, At: now, Message: id + 1, From: waxwing.Dot, To: waxwing.Uncertain, Cause: "verdict", Detail: map[string]string{"attempt": "1", "provider": "mail", "verdict": "uncertain", "phase": "dot"}},
			{Seq: 3, At: now, Message: id + 1, From: waxwing.Uncertain, To: waxwing.Queued, Cause: "possible_duplicate"},
			{Seq: 4, At: now, Message: id + 1, From: waxwing.Dot, To: waxwing.Sent, Cause: "verdict", Detail: map[string]string{"attempt": "2", "provider": "mail", "verdict": "accepted", "phase": "dot", "code": "250"}},
		}}
}

func TestMailboxFeed(t *testing.T) {
	b := &fakeBooks{views: []waxwing.ConfirmationView{view(waxwing.Sent)}}
	m, mux := testMailbox(t, b)
	for range 2 {
		m.Take(Letter{Channel: waxwing.Email, ID: "m1@acme.example", From: "orders@acme.example", To: "a@b.example", Data: []byte(hostileMail), At: time.Now()})
	}
	_, body := visit(t, mux, "/mailbox/feed?since=0")
	var p struct {
		Version int
		Counts  counts
		Rows    []row
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Counts.Accepted != 1 || p.Counts.Sent != 1 || len(p.Rows) != 2 {
		t.Fatalf("%s", body)
	}
	one, two := p.Rows[0], p.Rows[1]
	if one.Brand != "Acme" || one.Color != "#112233" || one.Order != "#7" || one.State != waxwing.Sent || one.Locale != "en" ||
		fmt.Sprint(one.Badges) != "[answer lost]" || fmt.Sprint(two.Badges) != "[possible duplicate]" {
		t.Errorf("%s", body)
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "<i>") {
		t.Errorf("tags in JSON: %s", body)
	}
	if _, body = visit(t, mux, fmt.Sprintf("/mailbox/feed?since=%d", p.Version)); !strings.Contains(body, `"rows":[]`) {
		t.Errorf("nothing changed: %s", body)
	}
}

// A mail that comes back to an address of its own is its tenant's by the From that readers see, also where no order is known.
func TestMailboxSender(t *testing.T) {
	m, mux := testMailbox(t, &fakeBooks{})
	m.Take(Letter{Channel: waxwing.Email, ID: "m9@acme.example", From: "bounces+x@mail.acme.example", To: "a@b.example", Data: []byte(hostileMail), At: time.Now()})
	if _, body := visit(t, mux, "/mailbox/feed?since=0"); !strings.Contains(body, "#112233") {
		t.Errorf("no brand: %s", body)
	}
}

// An order without a letter has a row of its own, until there is a letter.
func TestMailboxPending(t *testing.T) {
	v := view(waxwing.Held)
	v.Reason, v.Messages, v.Trail = "payment pending", nil, v.Trail[:1]
	b := &fakeBooks{views: []waxwing.ConfirmationView{v}}
	m, mux := testMailbox(t, b)
	at := time.Now().Add(5 * time.Second)
	m.list.mu.Lock()
	m.list.discover(t.Context(), m.list.tenants[0])
	for _, f := range m.list.files {
		m.list.renew(t.Context(), f, at)
		m.list.show(f, at)
	}
	m.list.looked = at
	m.list.mu.Unlock()
	_, body := visit(t, mux, "/mailbox/feed?since=0")
	if !strings.Contains(body, `"state":"held"`) || !strings.Contains(body, "payment pending") || !strings.Contains(body, `"letter":false`) {
		t.Fatalf("%s", body)
	}
	if res, _ := visit(t, mux, "/mailbox/letters/1/html"); res.StatusCode != http.StatusNotFound {
		t.Errorf("the HTML of nothing: %s", res.Status)
	}
	b.views[0] = view(waxwing.Sent)
	b.views[0].ID = v.ID
	m.Take(Letter{Channel: waxwing.Email, ID: "m1@acme.example", From: "orders@acme.example", To: "a@b.example", Data: []byte(hostileMail), At: time.Now()})
	if _, body = visit(t, mux, "/mailbox/feed?since=0"); strings.Count(body, `"gone":true`) != 1 {
		t.Errorf("the row of the waiting order stays: %s", body)
	}
}

func TestMailboxTrail(t *testing.T) {
	b := &fakeBooks{views: []waxwing.ConfirmationView{view(waxwing.Sent)}}
	m, mux := testMailbox(t, b)
	m.Take(Letter{Channel: waxwing.Email, ID: "m1@acme.example", From: "orders@acme.example", Data: []byte(hostileMail), At: time.Now()})
	visit(t, mux, "/mailbox/feed")
	_, body := visit(t, mux, "/mailbox/letters/1/trail")
	for _, want := range []string{"Order accepted by webhook", "its answer was lost", "possible duplicate", "took the message", "code 250",
		`"took_ms":3`, `2.0.0 \u003cb\u003eok`, "dot → sent"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
}

// A hostile mail reaches the browser only where nothing can run.
func TestMailboxRunsNothing(t *testing.T) {
	m, mux := testMailbox(t, &fakeBooks{})
	m.Take(Letter{Channel: waxwing.Email, ID: "m1@acme.example", From: "orders@acme.example", Data: []byte(hostileMail), At: time.Now()})
	m.Take(Letter{Channel: waxwing.SMS, ID: "k", From: "+1", To: "+2", Data: []byte("<script>alert(6)</script>"), At: time.Now()})
	for _, scheme := range []string{"", "light", "dark", "<x>"} {
		res, body := visit(t, mux, "/mailbox/letters/1/html?scheme="+strings.ReplaceAll(strings.ReplaceAll(scheme, "<", "%3C"), ">", "%3E"))
		csp := res.Header.Get("Content-Security-Policy")
		for _, want := range []string{"sandbox;", "default-src 'none'", "img-src 'self'", "style-src 'unsafe-inline'", "frame-ancestors 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("no %s in %s", want, csp)
			}
		}
		if strings.Contains(csp, "script-src") || strings.Contains(csp, "allow-") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s", csp)
		}
		if !strings.Contains(body, "/mailbox/pictures/mug.svg") || strings.Contains(body, "scheme:<x>") {
			t.Errorf("%s", body)
		}
		switch asks := strings.Contains(body, "prefers-color-scheme"); {
		case scheme == "dark" && (asks || !strings.Contains(body, "min-width: 0px")), scheme == "light" && (asks || !strings.Contains(body, "max-width: 0px")):
			t.Errorf("%s is not settled: %s", scheme, body)
		}
	}
	for path, ct := range map[string]string{"/mailbox/letters/1/source": "text/plain; charset=utf-8", "/mailbox/letters/2/source": "text/plain; charset=utf-8",
		"/mailbox/letters/1": "application/json", "/mailbox/letters/2": "application/json", "/mailbox/letters/1/trail": "application/json"} {
		res, body := visit(t, mux, path)
		if res.Header.Get("Content-Type") != ct || res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "sandbox;") {
			t.Errorf("%s: %v", path, res.Header)
		}
		if ct == "application/json" && strings.Contains(body, "<script") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if _, body := visit(t, mux, "/mailbox/letters/1"); !strings.Contains(body, "naïve") || !strings.Contains(body, `"has_html":true`) {
		t.Errorf("%s", body)
	}
}

// The page takes no content into its HTML, and may run its own script only.
func TestMailboxPage(t *testing.T) {
	_, mux := testMailbox(t, &fakeBooks{})
	res, body := visit(t, mux, "/")
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'; script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s", csp)
	}
	if !strings.Contains(body, `sandbox=""`) || strings.Contains(body, "style=") || strings.Contains(body, "onclick") || strings.Contains(body, "https://") {
		t.Error("the page needs more than its policy allows")
	}
	_, script := visit(t, mux, "/mailbox/app.js")
	for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "srcdoc", "new Function"} {
		if strings.Contains(script, never) {
			t.Errorf("%s makes HTML or code of what comes from outside", never)
		}
	}
	for _, path := range []string{"/mailbox/app.css", "/mailbox/icon.svg", "/mailbox/pictures/mug.svg"} {
		if res, _ := visit(t, mux, path); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	for _, path := range []string{"/mailbox/pictures/none.svg", "/mailbox/pictures/..%2Fapp.js", "/mailbox/letters/1", "/mailbox/letters/0/html", "/mailbox/letters/x/trail"} {
		if res, _ := visit(t, mux, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}
