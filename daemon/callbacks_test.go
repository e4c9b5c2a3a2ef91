package daemon

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// mailgunStand takes what is posted to Mailgun, and keeps by recipient what it was asked to give back.
type mailgunStand struct {
	*httptest.Server
	mu   sync.Mutex
	refs map[string]string
}

func newMailgun(t *testing.T) *mailgunStand {
	t.Helper()
	x := &mailgunStand{refs: map[string]string{}}
	x.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		defer func(f *multipart.Form) { _ = f.RemoveAll() }(r.MultipartForm)
		x.mu.Lock()
		x.refs[r.FormValue("to")] = r.FormValue("v:waxwing_ref")
		x.mu.Unlock()
		_, _ = io.WriteString(w, `{"id":"<1@mg.example.com>","message":"Queued. Thank you."}`)
	}))
	t.Cleanup(x.Close)
	return x
}

func (x *mailgunStand) ref(to string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.refs[to]
}

// failed is the webhook of a mail that came back.
func failed(key, ref, to string, n int) string {
	stamp, tok := fmt.Sprint(time.Now().Unix()), fmt.Sprintf("%050d", n)
	h := hmac.New(sha256.New, []byte(key))
	_, _ = h.Write([]byte(stamp + tok))
	return fmt.Sprintf(`{"signature":{"timestamp":%q,"token":%q,"signature":"%x"},"event-data":{"event":"failed","severity":"permanent","reason":"bounce","recipient":%q,"user-variables":{"waxwing_ref":%q},"delivery-status":{"code":550,"message":"550 5.1.1 no such user <%s>"}}}`,
		stamp, tok, h.Sum(nil), to, ref, to)
}

// TestCallbacks: a mail goes out by Mailgun, which tells that it came back; its order says why, and the
// customer's address is not mailed any more. What another tenant, or nobody, tells leaves nothing, and
// is answered as what nobody knows.
func TestCallbacks(t *testing.T) {
	common, mine := newMailgun(t), newMailgun(t)
	provider := func(x *mailgunStand, more string) string {
		return fmt.Sprintf("{type: mailgun, domain: mg.example.com, key: k, base_url: %q%s}", x.URL, more)
	}
	x := newTownOf(t, "own_providers: {allow: [127.0.0.0/8]}\nproviders: {mail: "+provider(common, ", signing_key: platform")+", spare: "+provider(common, "")+"}\n",
		map[string]string{"tenants/acme.yaml": generation("acme", 1), "tenants/bolt.yaml": generation("bolt", 2) + "providers: {mine: " + provider(mine, ", signing_key: bolts") + "}\n"})
	post := func(at, body string) (int, string) {
		t.Helper()
		res, err := x.client.Post("http://"+x.d.Addr()+"/feedback/"+at, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	sent := func(tenant, to string) *waxwing.ConfirmationView {
		t.Helper()
		var v *waxwing.ConfirmationView
		x.until("the mail to "+to, func() bool {
			list, err := x.d.Ledger().List(t.Context(), waxwing.Query{Tenant: waxwing.TenantID(tenant), Email: to, Limit: 2})
			if err != nil || len(list) != 1 || list[0].State != waxwing.Sent {
				return false
			}
			v, err = x.d.Ledger().Get(t.Context(), waxwing.TenantID(tenant), list[0].ID)
			return err == nil
		})
		return v
	}
	told := func(tenant, to string) (n int, said string) {
		for _, e := range sent(tenant, to).Trail {
			if e.Cause == "annotated" {
				n++
				said = fmt.Sprint(e.Detail)
			}
		}
		return n, said
	}
	x.order("acme", "gone@example.com")
	x.order("bolt", "bob@example.com")
	sent("acme", "gone@example.com")
	sent("bolt", "bob@example.com")
	a, b := common.ref("gone@example.com"), mine.ref("bob@example.com")
	if len(a) != 41 || len(b) != 41 {
		t.Fatalf("%q %q", a, b)
	}
	unknown, says := post("-/mail", failed("platform", strings.Repeat("a", 41), "gone@example.com", 1))
	if unknown != http.StatusNotAcceptable {
		t.Errorf("what nobody knows: %d", unknown)
	}
	for name, c := range map[string][2]string{
		"a forged one":                    {"-/mail", failed("guess", a, "gone@example.com", 2)},
		"another tenant's message":        {"bolt/mine", failed("bolts", a, "gone@example.com", 3)},
		"a message of another provider":   {"-/mail", failed("platform", b, "bob@example.com", 4)},
		"another recipient":               {"-/mail", failed("platform", a, "bob@example.com", 5)},
		"another's key at the platform's": {"-/mail", failed("bolts", a, "gone@example.com", 6)},
	} {
		if s, body := post(c[0], c[1]); s != unknown || body != says {
			t.Errorf("%s: %d %q", name, s, body)
		}
	}
	none, says := post("-/none", "{}")
	for _, at := range []string{"-/spare", "acme/mail", "nobody/mail", "bolt/mail"} {
		if s, body := post(at, failed("platform", a, "gone@example.com", 7)); s != none || s != http.StatusNotFound || body != says {
			t.Errorf("%s: %d %q", at, s, body)
		}
	}
	if s, _ := post("-/mail", `{"signature":"`+strings.Repeat("x", 1<<20)); s != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge one: %d", s)
	}
	if n, _ := told("acme", "gone@example.com"); n != 0 {
		t.Fatalf("the trail tells of it %d times", n)
	}
	good := failed("platform", a, "gone@example.com", 8)
	if s, _ := post("-/mail", good); s != http.StatusNoContent {
		t.Fatalf("%d", s)
	}
	if s, _ := post("-/mail", good); s != unknown {
		t.Errorf("a replay: %d", s)
	}
	if s, _ := post("-/mail", failed("platform", a, "gone@example.com", 9)); s != http.StatusNoContent { // Mailgun may tell twice
		t.Errorf("the same again: %d", s)
	}
	if n, said := told("acme", "gone@example.com"); n != 1 || !strings.Contains(said, "bounced") || !strings.Contains(said, "user-unknown") || !strings.Contains(said, "provider:mail") || strings.Contains(said, "gone@") {
		t.Errorf("the trail tells of it %d times: %s", n, said)
	}
	if s, _ := post("bolt/mine", failed("bolts", b, "bob@example.com", 10)); s != http.StatusNoContent {
		t.Errorf("a tenant's own: %d", s)
	}
	if n, said := told("bolt", "bob@example.com"); n != 1 || !strings.Contains(said, "provider:bolt/mine") {
		t.Errorf("%d %s", n, said)
	}
	x.order("acme", "Gone@example.com") // another order: of the same person
	x.until("the second order's end", func() bool {
		list, err := x.d.Ledger().List(t.Context(), waxwing.Query{Tenant: "acme", Email: "gone@example.com", Limit: 3})
		return err == nil && len(list) == 2 && list[0].State == waxwing.Suppressed
	})
	x.write("tenants/bolt.yaml", generation("bolt", 3))
	if _, err := x.reload(); err != nil {
		t.Fatal(err)
	}
	if s, _ := post("bolt/mine", "{}"); s != http.StatusNotFound {
		t.Errorf("after a reload that took it away: %d", s)
	}
}
