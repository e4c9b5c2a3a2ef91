package daemon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// caughtPage is what the API says of the sandbox.
type caughtPage struct {
	Sandbox bool
	Letters []caughtLetter
}

type caughtLetter struct {
	Message, Confirmation, Channel, From, To, Subject, Text, HTML string
	N                                                             int
}

// ask makes a request of a tenant's API, and decodes what was answered into v, unless v is nil.
func (x *town) ask(method, path, key, body string, v any) int {
	x.t.Helper()
	req, err := http.NewRequest(method, "http://"+x.d.Addr()+path, strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := x.client.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	if v != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(b, v); err != nil {
			x.t.Fatalf("%s: %v", b, err)
		}
	}
	return res.StatusCode
}

func (x *town) caught(tenant string) (p caughtPage) {
	x.t.Helper()
	if code := x.ask("GET", "/v1/tenants/"+tenant+"/sandbox", "key-of-tenant-"+tenant, "", &p); code != http.StatusOK {
		x.t.Fatalf("%d", code)
	}
	return p
}

// caughtTo are those to an address.
func (x *town) caughtTo(tenant, to string) (out []caughtLetter) {
	x.t.Helper()
	for _, l := range x.caught(tenant).Letters {
		if l.To == to {
			out = append(out, l)
		}
	}
	return out
}

// attempts are those of the only confirmation to an address.
func (x *town) attempts(tenant waxwing.TenantID, to string) (state waxwing.State, providers []string) {
	x.t.Helper()
	list, err := x.d.Ledger().List(x.t.Context(), waxwing.Query{Tenant: tenant, Email: to, Limit: 2})
	if err != nil || len(list) > 1 {
		x.t.Fatalf("%v %+v", err, list)
	}
	if len(list) == 0 {
		return "", nil // it was not read yet
	}
	v, err := x.d.Ledger().Get(x.t.Context(), tenant, list[0].ID)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, m := range v.Messages {
		for _, a := range m.Attempts {
			providers = append(providers, a.Provider)
		}
	}
	return v.State, providers
}

const sandboxed = "mode: sandbox\n"

// TestSandbox: what a tenant in sandbox would send is caught, whatever providers there are, and shown to its own
// keys; another tenant's mail goes out beside it. Live again, the next is sent, and what was caught stays so.
func TestSandbox(t *testing.T) {
	common, mine := newServer(t, "127.0.0.1:0"), newServer(t, "127.0.0.1:0")
	acme := generation("acme", 1) + fmt.Sprintf("providers: {mine: {type: smtp, addr: %q, tls: none}}\n", mine.addr)
	x := newTownOf(t, fmt.Sprintf("own_providers: {allow: [127.0.0.0/8]}\nproviders: {mail: {type: smtp, addr: %q, tls: none}}\n", common.addr),
		map[string]string{"tenants/acme.yaml": acme + sandboxed, "tenants/bolt.yaml": generation("bolt", 2)})
	reload := func(text string) {
		t.Helper()
		x.write("tenants/acme.yaml", text)
		if _, err := x.reload(); err != nil {
			t.Fatal(err)
		}
	}
	x.order("acme", "a1@example.com")
	x.order("bolt", "b1@example.com")
	x.until("bolt's mail", func() bool { return len(common.took("b1@example.com")) == 1 })
	x.until("acme's letter", func() bool { return len(x.caught("acme").Letters) == 1 })
	l := x.caught("acme").Letters[0]
	if p := x.caught("acme"); !p.Sandbox || l.To != "a1@example.com" || l.Channel != "email" || !strings.Contains(l.From, "orders@gen1.example") || l.Subject == "" || l.HTML != "" {
		t.Errorf("%+v", p)
	}
	var whole caughtLetter
	if code := x.ask("GET", "/v1/tenants/acme/sandbox/"+l.Message, "key-of-tenant-acme", "", &whole); code != 200 || !strings.Contains(whole.HTML, "Footer of gen1.example") || !strings.Contains(whole.Text, "Mug") {
		t.Errorf("%d %+v", code, whole)
	}
	if p := x.caught("bolt"); p.Sandbox || len(p.Letters) > 0 {
		t.Errorf("%+v", p)
	}
	for key, path := range map[string]string{"key-of-tenant-bolt": "/v1/tenants/acme/sandbox", "": "/v1/tenants/acme/sandbox/" + l.Message} {
		if code := x.ask("GET", path, key, "", nil); code != http.StatusUnauthorized {
			t.Errorf("%s with %q: %d", path, key, code)
		}
	}
	if code := x.ask("GET", "/v1/tenants/bolt/sandbox/"+l.Message, "key-of-tenant-bolt", "", nil); code != http.StatusNotFound {
		t.Errorf("another tenant's letter: %d", code)
	}
	if code := x.ask("GET", "/sandbox/", "", "", nil); code != 200 {
		t.Errorf("the page: %d", code)
	}
	x.until("it is sent, by the trail", func() bool { s, _ := x.attempts("acme", "a1@example.com"); return s == waxwing.Sent })
	if _, by := x.attempts("acme", "a1@example.com"); fmt.Sprint(by) != "[sandbox]" {
		t.Errorf("%v", by)
	}
	if m := x.metrics(); !strings.Contains(m, `waxwing_attempts_total{channel="email",phase="dot",provider="sandbox",verdict="accepted"} 1`) {
		t.Error("the metrics do not tell of it")
	}
	// A person's resend is caught, too.
	if code := x.ask("POST", "/v1/tenants/acme/confirmations/"+l.Confirmation+"/resend", "key-of-tenant-acme", "{}", nil); code >= 300 {
		t.Errorf("%d", code)
	}
	x.until("the resend", func() bool { return len(x.caughtTo("acme", "a1@example.com")) == 2 })
	reload(acme)
	x.order("acme", "a2@example.com")
	x.until("the next one, live", func() bool { return len(mine.took("a2@example.com")) == 1 })
	reload(acme + sandboxed)
	x.order("acme", "a3@example.com")
	x.until("the one after", func() bool { return len(x.caughtTo("acme", "a3@example.com")) == 1 })
	// An erased person is not shown.
	var e struct{ Erased int }
	if code := x.ask("POST", "/v1/tenants/acme/people/erase", "key-of-tenant-acme", `{"address":"a1@example.com"}`, &e); code >= 300 || e.Erased != 1 {
		t.Fatalf("%d %+v", code, e)
	}
	if all := x.caught("acme").Letters; len(all) != 1 || all[0].To != "a3@example.com" {
		t.Errorf("%+v", all)
	}
	if code := x.ask("GET", "/v1/tenants/acme/sandbox/"+l.Message, "key-of-tenant-acme", "", nil); code != http.StatusNotFound {
		t.Errorf("an erased letter: %d", code)
	}
	for _, s := range []*server{common, mine} {
		for _, to := range []string{"a1@example.com", "a3@example.com"} {
			if n := len(s.took(to)); n > 0 {
				t.Errorf("%d real mails to %s", n, to)
			}
		}
	}
}

// TestSandboxAtTheCommit: a message goes where its tenant's mode at its commit says, both for one that waits and for one
// that a real provider was about to get.
func TestSandboxAtTheCommit(t *testing.T) {
	begun, letGo := make(chan struct{}, 10), make(chan struct{})
	release := sync.OnceFunc(func() { close(letGo) })
	defer release()
	var mu sync.Mutex
	taken := map[string][]byte{}
	s := sink.New(sink.Config{Keep: true, Plan: func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseRcpt && q.To == "under.way@example.com" {
			begun <- struct{}{}
			<-letGo
		}
		if q.Phase == waxwing.PhaseRcpt && q.To == "waits@example.com" {
			return sink.Answer{Code: 450, Text: "4.2.1 later"}
		}
		return sink.Answer{}
	}, OnMail: func(m sink.Mail) {
		mu.Lock()
		defer mu.Unlock()
		taken[m.To] = bytes.Clone(m.Data)
	}})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	x := newTownOf(t, fmt.Sprintf("providers: {mail: {type: smtp, addr: %q, tls: none}}\npipeline: [normalise, render, queue: {name: mail}, send: {providers: [mail], retry: [2s]}]\n", addr),
		map[string]string{"tenants/acme.yaml": generation("acme", 1), "tenants/bolt.yaml": generation("bolt", 2)})
	x.order("acme", "under.way@example.com")
	x.order("acme", "waits@example.com")
	<-begun
	x.until("the first try", func() bool { _, by := x.attempts("acme", "waits@example.com"); return len(by) > 0 })
	x.write("tenants/acme.yaml", generation("acme", 1)+sandboxed)
	if _, err := x.reload(); err != nil {
		t.Fatal(err)
	}
	release()
	for _, to := range []string{"under.way@example.com", "waits@example.com"} {
		x.until("the letter to "+to, func() bool { return len(x.caughtTo("acme", to)) == 1 })
	}
	x.order("bolt", "b@example.com")
	x.until("another's mail", func() bool { mu.Lock(); defer mu.Unlock(); return taken["b@example.com"] != nil })
	mu.Lock()
	defer mu.Unlock()
	if len(taken) != 1 {
		t.Errorf("%d mails were sent", len(taken))
	}
}

// TestSandboxTexts: a text that is sent instead of a mail, and waits for its provider, is caught as mails are.
func TestSandboxTexts(t *testing.T) {
	s := sink.New(sink.Config{Plan: func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseRcpt {
			a = sink.Answer{Code: 550, Text: "5.1.1 no such user"}
		}
		return a
	}})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	x := newTownOf(t, fmt.Sprintf(`providers: {mail: {type: smtp, addr: %q, tls: none}, texts: {type: twilio, account: AC1, token: t, from: "+15005550006", base_url: "http://127.0.0.1:1"}}
pipeline: [normalise, render, queue: {name: mail}, send: {providers: [mail]}, fallback: {providers: [texts]}]
`, addr), map[string]string{"tenants/acme.yaml": generation("acme", 1)})
	body := fmt.Sprintf(`{"id":"7","shop":"own","number":"#7","locale":"en","currency":"EUR","placed_at":%q,"customer":{"first_name":"Ida","email":"ida@example.com","phone":"+4915112345678"},
		"payment":{"status":"paid"},"items":[{"name":"Mug","quantity":1,"total":"10.00"}],"totals":{"total":"10.00"}}`, time.Now().UTC().Format(time.RFC3339))
	if code := x.ask("POST", "/v1/tenants/acme/orders", "key-of-tenant-acme", body, nil); code != http.StatusAccepted {
		t.Fatalf("%d", code)
	}
	x.until("the text that waits", func() bool {
		_, by := x.attempts("acme", "ida@example.com")
		return len(by) > 1 && by[len(by)-1] == "texts"
	})
	x.write("tenants/acme.yaml", generation("acme", 1)+sandboxed)
	if _, err := x.reload(); err != nil {
		t.Fatal(err)
	}
	x.until("the text", func() bool { return len(x.caughtTo("acme", "+4915112345678")) == 1 })
	if l := x.caughtTo("acme", "+4915112345678")[0]; l.Channel != "sms" || l.N != 2 {
		t.Errorf("%+v", l)
	}
}
